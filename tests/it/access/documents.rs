//! Documents by chance, in every form that the language has for asking the same thing.

use std::collections::HashMap;

use serde_json::Value;

use super::inputs::{Aim, Values, parentheses};
use super::sdl::{Field, Input, Kind};

/// The same numbers on every run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

/// One of them in seven leaves its selection out.
const CONDITIONS: [&str; 14] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "@include(if: $yes)",
    "@include(if: $yes)",
    "@skip(if: $no)",
    "@skip(if: $no)",
    "@include(if: true) @skip(if: $no)",
    "@skip(if: false)",
    "@include(if: $no)",
    "@skip(if: $yes)",
];
/// Mutations that take long, or after which the viewer has another session or none.
const NOT_CALLED: [&str; 7] =
    ["signIn", "createStaff", "refreshSession", "switchContext", "signOut", "signOutEverywhere", "revokeSession"];
/// Selections below one root, levels of objects, and aliases: within the limits of the server.
const SELECTIONS: usize = 26;
const DEPTH: usize = 7;
const ALIASES: usize = 25;

/// What one object of the answer already has under each key: selecting it again must be the same call, and merges.
#[derive(Default)]
struct Keys(HashMap<String, (String, Keys)>);

struct Writer<'a> {
    dice: Dice,
    values: &'a Values<'a>,
    fragments: Vec<String>,
    /// Selections so far, and how many there may be.
    selections: usize,
    most: usize,
    aliases: usize,
}

/// A query, or now and then a mutation, made of this seed.
pub fn document(values: &Values<'_>, seed: u64, with_mutations: bool) -> String {
    let mut writer =
        Writer { dice: Dice::new(seed), values, fragments: Vec::new(), selections: 0, most: SELECTIONS, aliases: 0 };
    let mut keys = Keys::default();
    let (operation, selected) = if with_mutations && writer.dice.roll(5) == 0 {
        ("mutation", writer.mutation(&mut keys))
    } else {
        let roots = 2 + writer.dice.roll(4);
        let mut selected = Vec::new();
        for _ in 0..roots {
            writer.most = writer.selections + SELECTIONS;
            selected.push(writer.field("Query", &mut keys, DEPTH));
        }
        ("query", selected.join(" "))
    };
    let used = "__typename @include(if: $yes) @skip(if: $no)";
    format!(
        "{operation}($yes: Boolean! = true, $no: Boolean! = false) {{ {used} {selected} }} {}",
        writer.fragments.join(" ")
    )
}

impl Writer<'_> {
    fn mutation(&mut self, keys: &mut Keys) -> String {
        let fields = self.values.schema.fields("Mutation").iter();
        let fields: Vec<&Field> = fields.filter(|field| !NOT_CALLED.contains(&field.name.as_str())).collect();
        let field = self.dice.pick(&fields);
        let call = format!("{}{}", field.name, self.values.arguments("Mutation", &field.name, None, Aim::Done));
        let inner = self.object(&field.ty, &mut keys.0.entry(field.name.clone()).or_default().1, DEPTH);
        format!("{call} {{ {inner} }}")
    }

    /// Some selections of an object, an interface or a root.
    fn object(&mut self, ty: &str, keys: &mut Keys, depth: usize) -> String {
        let many = if self.selections > self.most { 2 } else { 2 + self.dice.roll(5) };
        let mut text = Vec::new();
        for _ in 0..many {
            self.selections += 1;
            let deep = depth > 0 && self.selections <= self.most;
            let condition = self.dice.pick(&CONDITIONS);
            text.push(match self.dice.roll(14) {
                0 if deep => format!("... {condition} {{ {} }}", self.object(ty, keys, depth - 1)),
                1 if deep => format!("... on {ty} {condition} {{ {} }}", self.object(ty, keys, depth - 1)),
                2 if deep => {
                    let name = format!("F{}", self.selections);
                    let inner = self.object(ty, keys, depth - 1);
                    self.fragments.push(format!("fragment {name} on {ty} {{ {inner} }}"));
                    format!("...{name} {condition} ...{name}")
                }
                3 if self.is_node(ty) => {
                    format!("... on Node {condition} {{ id __typename }}")
                }
                _ => self.field(ty, keys, depth),
            });
        }
        text.join(" ")
    }

    fn is_node(&self, ty: &str) -> bool {
        matches!(self.values.schema.kind("Node"), Kind::Interface(types) if types.iter().any(|one| one == ty))
    }

    /// One field, perhaps under another key.
    fn field(&mut self, ty: &str, keys: &mut Keys, depth: usize) -> String {
        if let Kind::Interface(types) = self.values.schema.kind(ty) {
            // One type for each object, so that keys of different types, which have to agree in kind, do not meet.
            let on = types.iter().find(|ty| keys.0.contains_key(*ty)).expect("chosen with the id");
            let inner = self.object(on, &mut keys.0.entry(on.clone()).or_default().1, depth.saturating_sub(1));
            return format!("__typename id ... on {on} {{ {} }}", inner);
        }
        let schema = self.values.schema;
        let is_open = depth > 0 && self.selections <= self.most;
        let fields = schema.fields(ty).iter().filter(|field| is_open || schema.is_leaf(&field.ty));
        let fields: Vec<&Field> = fields.collect();
        if fields.is_empty() {
            return "__typename".to_owned();
        }
        let field = self.dice.pick(&fields);
        let mut key = field.name.clone();
        if self.dice.roll(4) == 0 && self.aliases < ALIASES {
            self.aliases += 1;
            // Onto the key of another field, or onto a new one.
            let other = &self.dice.pick(&fields).name;
            key = if self.dice.roll(2) == 0 && other != "id" { other.clone() } else { format!("k{}", self.selections) };
        }
        let on = match schema.kind(&field.ty) {
            Kind::Interface(types) => types[self.dice.roll(types.len())].as_str(),
            _ => "",
        };
        let call = format!("{}{}", field.name, self.arguments(ty, field, on));
        let (call, below) = match keys.0.entry(key.clone()) {
            std::collections::hash_map::Entry::Occupied(taken) => {
                // The same field again, as it was called before; another one gets no place here.
                let (before, below) = taken.into_mut();
                if before.split(['(', '{']).next() != Some(field.name.as_str()) {
                    return "__typename".to_owned();
                }
                (before.clone(), below)
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                let chosen = Keys(HashMap::from([(on.to_owned(), Default::default())]));
                let (call, below) = free.insert((call, chosen));
                (call.clone(), below)
            }
        };
        let condition = self.dice.pick(&CONDITIONS);
        let alias = if key == field.name { String::new() } else { format!("{key}: ") };
        if schema.is_leaf(&field.ty) {
            return format!("{alias}{call} {condition}");
        }
        self.selections += 1;
        let inner = self.object(&field.ty, below, depth.saturating_sub(1));
        format!("{alias}{call} {condition} {{ {inner} }}")
    }

    /// The arguments a field needs, a page size, and now and then one argument more.
    fn arguments(&mut self, ty: &str, field: &Field, on: &str) -> String {
        let mut given = Vec::new();
        let wish = self.dice.roll(3 * field.arguments.len().max(1));
        let sized = field.arguments.iter().any(|argument| argument.name == "last");
        for (at, argument) in field.arguments.iter().enumerate() {
            let Input { name, ty: kind, .. } = argument;
            let is_page = ["first", "last", "after", "before"].contains(&name.as_str());
            if is_page && sized {
                continue;
            }
            if argument.is_required || at == wish || (ty == "Query" && field.name == "patient" && name == "id") {
                let value = match name.as_str() {
                    "id" | "ids" => self.some_id(&field.name, on, argument.is_list),
                    _ => self.values.value(&format!("{ty}.{}({name}:)", field.name), argument, None, Aim::Done),
                };
                given.push(format!("{name}: {}", self.values.literal(kind, &value)));
            }
        }
        if sized {
            given.push(format!("{}: {}", self.dice.pick(&["first", "first", "last"]), 1 + self.dice.roll(3)));
        }
        parentheses(given.into_iter())
    }

    /// The id of something, hidden and foreign things among it.
    fn some_id(&mut self, field: &str, on: &str, is_list: bool) -> Value {
        let ids = self.values.ids;
        let of_field: Vec<&String> = match (field, on) {
            ("patient", _) | (_, "Patient") => {
                vec![&ids.patient, &ids.patient, &ids.archived, &ids.spare_patient, &ids.foreign.patient]
            }
            ("taskLog", _) | (_, "TaskLog") => {
                vec![&ids.log, &ids.log, &ids.colleagues_log, &ids.deleted_log, &ids.foreign.log]
            }
            (_, "Staff") => vec![&ids.clinician, &ids.former_staff, &ids.spare_staff, &ids.foreign.staff, &ids.key],
            _ => vec![&ids.hospital, &ids.foreign.hospital],
        };
        let many = if is_list { 3 } else { 1 };
        let picked: Vec<Value> = (0..many).map(|_| Value::from(self.dice.pick(&of_field).as_str())).collect();
        if is_list { picked.into() } else { picked[0].clone() }
    }
}
