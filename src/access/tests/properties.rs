//! Over generated documents: what is run names no field the caller lacks, and the answer has the original's shape.

use async_graphql::{
    Value,
    parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet},
};

use super::{ALL, Access, Asking, block_on, toy::Toy, toy_as};
use crate::access::Permissions;

/// A small generator of numbers, so that a failure can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("a small number")
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// Selections of one object of a kind, in every form the language has for them.
fn selections(dice: &mut Dice, kind: &str, depth: usize) -> String {
    let mut text = String::new();
    for at in 0..=dice.roll(4) {
        let condition = dice.pick(&["", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @include(if: false)"]);
        let leaf = |dice: &mut Dice, leaves: &[&str]| {
            let alias = if dice.roll(8) == 0 { format!("k{depth}{at}: ") } else { String::new() };
            alias + dice.pick(leaves)
        };
        let deep = depth > 0;
        text += &match (kind, dice.roll(7)) {
            (_, 0) => format!("...{condition} {{ {} }}", selections(dice, kind, depth.saturating_sub(1))),
            ("Query", 1 | 2) if deep => format!("patient{condition} {{ {} }}", selections(dice, "Patient", depth - 1)),
            ("Query", 3) if deep => format!("search{condition} {{ {} }}", selections(dice, "Search", depth - 1)),
            ("Query", 4) if deep => format!("contacts{condition} {{ {} }}", selections(dice, "Contact", depth - 1)),
            ("Query", 5) if deep => {
                format!("taskLogs{condition} {{ nodes {{ {} }} }}", selections(dice, "TaskLog", depth - 1))
            }
            ("Query", _) => leaf(dice, &["version", "secret", "__typename"]) + condition,
            ("Patient", 1) if deep => format!("friend{condition} {{ {} }}", selections(dice, "Patient", depth - 1)),
            ("Patient", 2) if deep => format!("doctor{condition} {{ {} }}", selections(dice, "Clinician", depth - 1)),
            ("Patient", 3) if deep => {
                format!("... on Contact{condition} {{ {} }}", selections(dice, "Contact", depth - 1))
            }
            ("Patient", _) => {
                leaf(dice, &["id", "name", "phone", "slow", "__typename", "label(upper: true)"]) + condition
            }
            ("TaskLog", 1 | 2) if deep => {
                format!("patient{condition} {{ {} }}", selections(dice, "Patient", depth - 1))
            }
            ("TaskLog", _) => leaf(dice, &["id", "kind", "note"]) + condition,
            ("Search" | "Contact", 1 | 2) => {
                format!("... on Patient{condition} {{ {} }}", selections(dice, "Patient", depth.saturating_sub(1)))
            }
            ("Search" | "Contact", 3) => {
                format!("... on Clinician{condition} {{ {} }}", selections(dice, "Clinician", depth.saturating_sub(1)))
            }
            ("Search", 4) => format!("... on AuditEvent{condition} {{ id name }}"),
            ("Contact", _) => leaf(dice, &["phone", "__typename"]) + condition,
            ("Search", _) => leaf(dice, &["__typename"]) + condition,
            _ => leaf(dice, &["id", "name", "phone"]) + condition,
        };
        text.push(' ');
    }
    text
}

fn document(dice: &mut Dice) -> String {
    format!("query($yes: Boolean! = true) {{ version @include(if: $yes) {} }}", selections(dice, "Query", 5))
}

/// Every field the document asks of every concrete type, by the types of the schema.
fn names_only_held_fields(asking: &Asking<Toy>, document: &ExecutableDocument) {
    let (_, operation) = document.operations.iter().next().expect("an operation");
    assert!(document.fragments.is_empty() && operation.node.ty == OperationType::Query);
    check(asking.access, asking.caller.held, "Query", &operation.node.selection_set.node);
}

fn check(access: &Access, held: Permissions, ty: &str, set: &SelectionSet) {
    let table = &access.table;
    let id = table.type_named(ty).expect("a type");
    assert!(!set.items.is_empty());
    for selection in &set.items {
        assert!(selection.node.directives().is_empty());
        match &selection.node {
            Selection::FragmentSpread(_) => panic!("a named fragment is left"),
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref().expect("a condition");
                assert!(!table.types[id].is_object);
                check(access, held, &condition.node.on.node, &fragment.node.selection_set.node);
            }
            Selection::Field(field) if field.node.name.node == "__typename" => {
                let private = field.node.response_key().node == "__t";
                let ways = table.types[id].possible.iter().map(|at| &table.types[table.object(at)].typename);
                assert!(private || ways.into_iter().all(|ways| ways.iter().any(|need| held.contains(*need))));
            }
            Selection::Field(field) => {
                let name = &field.node.name.node;
                for object in table.types[id].possible.iter().map(|at| &table.types[table.object(at)].name) {
                    assert!(held.contains(access.need(object, name).expect("a field")), "{object}.{name}");
                }
                let below = &table.types[table.field(id, name).expect("a field").ty].name;
                if !field.node.selection_set.node.items.is_empty() {
                    check(access, held, below, &field.node.selection_set.node);
                }
            }
        }
    }
}

/// Whether `found` is `full` with nulls in some places.
fn has_shape_of(found: &Value, full: &Value) -> bool {
    match (found, full) {
        (Value::Null, _) => true,
        (Value::Object(found), Value::Object(full)) => {
            found.keys().eq(full.keys())
                && found.iter().zip(full).all(|((_, one), (_, other))| has_shape_of(one, other))
        }
        (Value::List(found), Value::List(full)) => {
            found.len() == full.len() && found.iter().zip(full).all(|(one, other)| has_shape_of(one, other))
        }
        _ => found == full,
    }
}

fn run(asking: &Asking<Toy>, text: &str) -> Option<async_graphql::Response> {
    let plan = asking.plan(text).ok()?;
    let mut response = match plan.request(asking.variables.clone()) {
        Some(request) => block_on(asking.schema.execute(request)),
        None => async_graphql::Response::default(),
    };
    if let Some(document) = &plan.document {
        names_only_held_fields(asking, document);
    }
    plan.patch(&mut response);
    Some(response)
}

#[test]
fn the_reduced_document_names_no_field_the_caller_lacks_and_the_answer_keeps_its_shape() {
    let mut dice = Dice(0x5EED_1234_ABCD);
    let everyone = toy_as(ALL);
    let mut accepted = 0;
    for round in 0..400 {
        let text = document(&mut dice);
        let held: Vec<&str> = ALL.iter().copied().filter(|_| dice.roll(2) == 0).collect();
        let caller = toy_as(&held);
        let (Some(full), Some(found)) = (run(&everyone, &text), run(&caller, &text)) else { continue };
        accepted += 1;
        assert!(full.errors.is_empty(), "round {round}: {text}\n{:?}", full.errors);
        assert!(has_shape_of(&found.data, &full.data), "round {round} {held:?}: {text}\n{}\n{}", found.data, full.data);
        let foreign = found.errors.iter().find(|error| !super::code(error).starts_with("FORBIDDEN"));
        assert_eq!(foreign, None, "round {round}: {text}");
    }
    assert!(accepted > 200, "only {accepted} of the documents were valid");
}
