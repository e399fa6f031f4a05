//! Writes a document by the schema: mostly what a client would send, with every form the language has for it.

use serde_json::{Map, Value};

use crate::Input;
use crate::chance::Chance;
use crate::hostile::{INTROSPECTION, flood, spoil, trivia};
use crate::schema::{Field, Schema, base};
use crate::values::{literal, value};

const DEPTH: usize = 9;
/// A little more than a document may have.
const BYTES: usize = 20_000;

struct Writer<'a> {
    schema: &'a Schema,
    chance: Chance<'a>,
    /// The type of each fragment, by its number.
    fragments: Vec<String>,
    bodies: Vec<String>,
    /// Names with types of the variables met so far.
    definitions: Vec<String>,
    variables: Map<String, Value>,
    bytes: usize,
}

pub(crate) fn input(schema: &Schema, chance: Chance<'_>) -> Input {
    let mut writer = Writer {
        schema,
        chance,
        fragments: Vec::new(),
        bodies: Vec::new(),
        definitions: Vec::new(),
        variables: Map::new(),
        bytes: 0,
    };
    let mut text = String::new();
    let operations = if writer.chance.once_in(12) { 1 + writer.chance.roll(4) } else { 1 };
    for number in 0..operations {
        let (kind, root) = match writer.chance.roll(8) {
            6 => ("mutation", "Mutation"),
            7 if writer.chance.once_in(4) => ("subscription", "Subscription"),
            _ => ("query", "Query"),
        };
        let selections = writer.selections(root, DEPTH);
        let definitions = std::mem::take(&mut writer.definitions).join(", ");
        let definitions = if definitions.is_empty() { definitions } else { format!("({definitions})") };
        let directives = if writer.chance.once_in(24) { writer.directives() } else { String::new() };
        text += &format!("{kind} Q{number}{definitions}{directives} {{ {selections} }}\n");
    }
    text += &writer.bodies.join("\n");
    for _ in 0..if writer.chance.once_in(3) { 1 + writer.chance.roll(3) } else { 0 } {
        spoil(&mut writer.chance, &mut text);
    }
    let operation_name = match writer.chance.roll(8) {
        7 => Some("Nobody".to_owned()),
        named => (operations > 1 || named > 4).then(|| format!("Q{}", writer.chance.roll(operations))),
    };
    Input { text, operation_name, variables: writer.variables.into() }
}

impl Writer<'_> {
    fn selections(&mut self, ty: &str, depth: usize) -> String {
        let mut text = String::new();
        for _ in 0..=self.chance.roll(6) {
            let selection = self.selection(ty, depth);
            self.bytes += selection.len();
            text += &selection;
            text += trivia(&mut self.chance);
            if self.chance.is_spent() || self.bytes > BYTES {
                break;
            }
        }
        text
    }

    fn selection(&mut self, ty: &str, depth: usize) -> String {
        let is_open = depth > 0 && self.bytes < BYTES;
        match self.chance.roll(16) {
            15 => format!("__typename{}", self.directives()),
            14 if is_open => {
                let directives = self.directives();
                format!("...{directives} {{ {} }}", self.selections(ty, depth - 1))
            }
            13 | 12 if is_open => {
                let on = self.narrower(ty);
                let directives = self.directives();
                format!("... on {on}{directives} {{ {} }}", self.selections(&on, depth - 1))
            }
            11 | 10 if is_open => self.spread(ty, depth - 1),
            9 if ty == "Query" => INTROSPECTION[self.chance.roll(INTROSPECTION.len())].to_owned(),
            8 if self.chance.once_in(6) => match self.chance.roll(4) {
                0 => "nothing".to_owned(),
                1 => "...Nobody".to_owned(),
                2 => flood(&mut self.chance),
                _ => "__t: __typename".to_owned(),
            },
            _ => self.field(ty, depth),
        }
    }

    /// A type that objects of this one may have too, or now and then any.
    fn narrower(&mut self, ty: &str) -> String {
        let schema = self.schema;
        let objects = schema.objects(ty);
        if self.chance.once_in(10) {
            return self.chance.pick(&schema.names()).copied().unwrap_or(ty).to_owned();
        }
        if schema.objects("Node").contains(&ty) && self.chance.once_in(4) {
            return "Node".to_owned();
        }
        self.chance.pick(&objects).copied().unwrap_or(ty).to_owned()
    }

    /// A fragment on this type: one that is there, perhaps one this is inside of, or a new one.
    fn spread(&mut self, ty: &str, depth: usize) -> String {
        let known: Vec<usize> = (0..self.fragments.len()).filter(|at| self.fragments[*at] == ty).collect();
        if let Some(at) = self.chance.pick(&known).copied()
            && !self.chance.once_in(3)
        {
            return format!("...F{at}{}", self.directives());
        }
        let at = self.fragments.len();
        // Known by its name inside of itself now and then: a cycle, if it comes to that.
        let cycle = self.chance.once_in(32);
        self.fragments.push(if cycle { ty.to_owned() } else { String::new() });
        let body = self.selections(ty, depth);
        self.fragments[at] = ty.to_owned();
        self.bodies.push(format!("fragment F{at} on {ty} {{ {body} }}"));
        format!("...F{at}{}", self.directives())
    }

    fn field(&mut self, ty: &str, depth: usize) -> String {
        let schema = self.schema;
        let is_open = depth > 0 && self.bytes < BYTES && !self.chance.is_spent();
        let fields: Vec<&Field> =
            schema.fields(ty).iter().filter(|field| is_open || schema.is_leaf(base(&field.ty))).collect();
        let Some(field) = self.chance.pick(&fields).copied() else { return "__typename".to_owned() };
        let alias = match self.chance.roll(8) {
            6 => format!("a{}: ", self.chance.roll(64)),
            7 if self.chance.once_in(4) => format!("{}: ", self.chance.pick(&fields).map_or("b", |other| &other.name)),
            _ => String::new(),
        };
        let arguments = self.arguments(field);
        let directives = self.directives();
        let below = base(&field.ty);
        let selections = if schema.is_leaf(below) != self.chance.once_in(64) {
            String::new()
        } else {
            format!(" {{ {} }}", self.selections(below, depth.saturating_sub(1)))
        };
        format!("{alias}{}{arguments}{directives}{selections}", field.name)
    }

    fn arguments(&mut self, field: &Field) -> String {
        let mut given = Vec::new();
        for argument in &field.arguments {
            let wanted = if argument.is_required() { !self.chance.once_in(24) } else { self.chance.once_in(5) };
            if !wanted {
                continue;
            }
            let value = value(&mut self.chance, self.schema, &argument.ty);
            let written = if self.chance.once_in(4) {
                self.variable(&argument.ty.to_string(), value)
            } else {
                literal(&mut self.chance, self.schema, Some(&argument.ty), &value)
            };
            given.push(format!("{}:{}{written}", argument.name, trivia(&mut self.chance)));
        }
        if given.is_empty() { String::new() } else { format!("({})", given.join(trivia(&mut self.chance))) }
    }

    /// A variable that holds this value, most of the time.
    fn variable(&mut self, ty: &str, value: Value) -> String {
        let name = format!("v{}", self.variables.len());
        if !self.chance.once_in(24) {
            let default = if self.chance.once_in(6) {
                format!(" = {}", literal(&mut self.chance, self.schema, None, &value))
            } else {
                String::new()
            };
            self.definitions.push(format!("${name}: {ty}{default}"));
        }
        if !self.chance.once_in(12) {
            self.variables.insert(name.clone(), value);
        }
        format!("${name}")
    }

    fn directives(&mut self) -> String {
        match self.chance.roll(20) {
            15 => " @include(if: true)".to_owned(),
            16 => " @skip(if: false)".to_owned(),
            17 => {
                let value = (self.chance.roll(2) == 0).into();
                let variable = self.variable("Boolean!", value);
                format!(" @include(if: {variable})")
            }
            18 => " @skip(if: true)".to_owned(),
            19 if self.chance.once_in(4) => [" @skip", " @include(if: \"x\")", " @nothing(x: [{ y: 1 }])", " @defer"]
                [self.chance.roll(4)]
            .to_owned(),
            _ => String::new(),
        }
    }
}
