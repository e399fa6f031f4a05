use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, Type, TypeKind, TypeSystemDefinition};
use serde_json::{Map, Value, json};

use super::Dice;

/// Makes valid queries from the schema, in every form the language has for them. The same seed makes the same queries.
pub struct Generator {
    dice: Dice,
    types: BTreeMap<String, Kind>,
    /// Values for arguments: by `Type.field(argument:)`, else by `argument: Type`. An argument without any is left out.
    pool: BTreeMap<String, Vec<Value>>,
}

/// A query and its variables.
#[derive(Clone, Debug)]
pub struct Document {
    pub text: String,
    pub variables: Value,
}

enum Kind {
    Leaf,
    Object(Vec<Field>),
    /// The fields, and the types that implement it.
    Interface(Vec<Field>, Vec<String>),
}

#[derive(Clone)]
struct Field {
    name: String,
    ty: String,
    /// Name, type as it is written, and whether it must be given.
    arguments: Vec<(String, String, bool)>,
}

/// What one document has so far.
#[derive(Default)]
struct Draft {
    aliases: usize,
    fragments: Vec<String>,
    definitions: Vec<String>,
    variables: Map<String, Value>,
}

const DEPTH: usize = 5;
/// Below the limit of the server.
const ALIASES: usize = 24;

impl Generator {
    pub fn new(seed: u64, sdl: &str, pool: &[(&str, Vec<Value>)]) -> Self {
        let mut types = BTreeMap::new();
        let mut implementors: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for definition in parse_schema(sdl).unwrap().definitions {
            let TypeSystemDefinition::Type(ty) = definition else { continue };
            let name = ty.node.name.node.to_string();
            let fields =
                |fields: &[async_graphql::Positioned<_>]| fields.iter().map(|field| field_of(&field.node)).collect();
            let kind = match &ty.node.kind {
                TypeKind::Object(object) => {
                    for interface in &object.implements {
                        implementors.entry(interface.node.to_string()).or_default().push(name.clone());
                    }
                    Kind::Object(fields(&object.fields))
                }
                TypeKind::Interface(interface) => Kind::Interface(fields(&interface.fields), Vec::new()),
                _ => Kind::Leaf,
            };
            types.insert(name, kind);
        }
        for (interface, objects) in implementors {
            if let Some(Kind::Interface(_, known)) = types.get_mut(&interface) {
                *known = objects;
            }
        }
        let pool = pool.iter().map(|(key, values)| ((*key).to_owned(), values.clone())).collect();
        Self { dice: Dice::new(seed), types, pool }
    }

    /// The next query.
    pub fn document(&mut self) -> Document {
        let mut draft = Draft::default();
        for name in ["yes", "no"] {
            draft.variables.insert(name.to_owned(), json!(self.dice.roll(3) > 0));
        }
        let selections = self.selections("Query", DEPTH, &mut draft);
        let Draft { fragments, definitions, variables, .. } = draft;
        let text = format!(
            "query G($yes: Boolean!, $no: Boolean = true{}) {{ __typename @include(if: $yes) @skip(if: $no) {selections}}}\n{}",
            definitions.concat(),
            fragments.join("\n"),
        );
        Document { text, variables: variables.into() }
    }

    fn selections(&mut self, ty: &str, depth: usize, draft: &mut Draft) -> String {
        let (fields, objects) = match &self.types[ty] {
            Kind::Object(fields) => (fields.clone(), Vec::new()),
            Kind::Interface(fields, objects) => (fields.clone(), objects.clone()),
            Kind::Leaf => unreachable!("a leaf has no selections"),
        };
        let mut text = String::new();
        for _ in 0..=self.dice.roll(4) {
            let condition = self.condition();
            match self.dice.roll(10) {
                0 => text += &format!("__typename{condition} "),
                1 if depth > 0 => {
                    text += &format!("... on {ty}{condition} {{ {}}} ", self.selections(ty, depth - 1, draft));
                }
                2 if depth > 0 => {
                    let below = self.selections(ty, depth - 1, draft);
                    let name = format!("F{}", draft.fragments.len());
                    draft.fragments.push(format!("fragment {name} on {ty} {{ {below}}}"));
                    text += &format!("...{name}{condition} ");
                    if self.dice.roll(3) == 0 {
                        text += &format!("... {{ ...{name} }} ");
                    }
                }
                3..7 if depth > 0 && !objects.is_empty() => {
                    let object = self.dice.pick(&objects).clone();
                    let below = self.selections(&object, depth - 1, draft);
                    text += &format!("... on {object}{condition} {{ {below}}} ");
                }
                _ => {
                    let field = self.dice.pick(&fields).clone();
                    text += &self.field(ty, &field, &condition, depth, draft).unwrap_or_else(|| "__typename ".into());
                }
            }
        }
        text
    }

    fn condition(&mut self) -> String {
        let conditions = ["", "", "", "", "", " @include(if: $yes)", " @skip(if: $no)", " @include(if: false)"];
        (*self.dice.pick(&conditions)).to_owned()
    }

    fn field(&mut self, ty: &str, field: &Field, condition: &str, depth: usize, draft: &mut Draft) -> Option<String> {
        let Field { name, ty: below, .. } = field;
        let is_leaf = matches!(self.types.get(below), None | Some(Kind::Leaf));
        if depth == 0 && !is_leaf {
            return None;
        }
        let arguments = self.arguments(ty, field, draft)?;
        // Equal keys must be equal calls; so whatever has arguments has a key of its own.
        let alias = if !arguments.is_empty() || (self.dice.roll(8) == 0 && draft.aliases < ALIASES) {
            draft.aliases += 1;
            format!("k{}: ", draft.aliases)
        } else {
            String::new()
        };
        let selections =
            if is_leaf { String::new() } else { format!(" {{ {}}}", self.selections(below, depth - 1, draft)) };
        Some(format!("{alias}{name}{arguments}{condition}{selections} "))
    }

    /// The arguments as they are written; `None` when one must be given and cannot be.
    fn arguments(&mut self, ty: &str, field: &Field, draft: &mut Draft) -> Option<String> {
        let own_key = |name: &str| format!("{ty}.{}({name}:)", field.name);
        // Optional arguments with values of their own are ways to name one thing, of which one is wanted.
        let ways =
            field.arguments.iter().filter(|(name, _, required)| !required && self.pool.contains_key(&own_key(name)));
        let ways: Vec<String> = ways.map(|(name, ..)| name.clone()).collect();
        let way = if ways.is_empty() { None } else { Some(self.dice.pick(&ways).clone()) };
        let mut written = Vec::new();
        for (name, ty_of, required) in &field.arguments {
            let wanted = *required || way.as_ref() == Some(name);
            if !wanted && (ways.contains(name) || self.dice.roll(3) > 0) {
                continue;
            }
            let keys = [own_key(name), format!("{name}: {}", ty_of.trim_end_matches('!'))];
            let values = keys.iter().find_map(|key| self.pool.get(key)).cloned().unwrap_or_default();
            if values.is_empty() || draft.aliases >= ALIASES {
                if wanted {
                    return None;
                }
                continue;
            }
            let value = self.dice.pick(&values).clone();
            if self.dice.roll(3) == 0 {
                let variable = format!("v{}", draft.definitions.len());
                draft.definitions.push(format!(", ${variable}: {ty_of}"));
                written.push(format!("{name}: ${variable}"));
                draft.variables.insert(variable, value);
            } else {
                written.push(format!("{name}: {}", literal(&value)));
            }
        }
        Some(if written.is_empty() { String::new() } else { format!("({})", written.join(", ")) })
    }
}

fn field_of(field: &async_graphql::parser::types::FieldDefinition) -> Field {
    let argument = |argument: &async_graphql::parser::types::InputValueDefinition| {
        let ty = argument.ty.node.to_string();
        (argument.name.node.to_string(), ty.clone(), ty.ends_with('!'))
    };
    Field {
        name: field.name.node.to_string(),
        ty: base(&field.ty.node),
        arguments: field.arguments.iter().map(|found| argument(&found.node)).collect(),
    }
}

fn base(ty: &Type) -> String {
    match &ty.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => base(inner),
    }
}

/// A value as a document writes it. Text in capitals is an enum value.
fn literal(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().all(|c| c.is_ascii_uppercase() || c == '_') => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name}: {}", literal(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
