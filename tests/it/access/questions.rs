//! Every question that a list can be asked: each filter with each word, each order, each page, each count.

use serde_json::{Value, json};

use super::inputs::{Aim, Values, parentheses};
use super::sdl::{Input, Kind};
use super::world::Viewer;

/// Lists and single objects of the roots, and lists that hang on an object, as a document around the field.
const PLACES: [(&str, &str); 5] = [
    ("Query", "{ FIELD }"),
    ("Patient", "{ patient(id: \"PATIENT\") { FIELD } }"),
    ("Patient", "{ patients { nodes { FIELD } } }"),
    ("Staff", "{ node(id: \"STAFF\") { ... on Staff { FIELD } } }"),
    ("Staff", "{ clinicians { nodes { FIELD } } }"),
];

/// The questions worth asking for a viewer. Fields that are refused are asked for too: their errors must agree as well.
pub fn questions(values: &Values<'_>, viewer: &Viewer, words: &[&str]) -> Vec<(String, Value)> {
    let schema = values.schema;
    let mut questions = Vec::new();
    for (owner, place) in PLACES {
        let place = place.replace("PATIENT", &values.ids.patient).replace("STAFF", &values.ids.former_staff);
        for field in schema.fields(owner).iter().filter(|field| !schema.is_leaf(&field.ty)) {
            let ask = |call: String, depth| {
                let selected = format!("{}{call} {{ {} }}", field.name, everything(values, &field.ty, depth));
                (place.replace("FIELD", &selected), json!({}))
            };
            questions.push(ask(values.arguments(owner, &field.name, Some("Patient"), Aim::Done), 2));
            // Somebody who may not ask at all gets one refusal, whatever the arguments.
            if viewer.holds(schema.need(owner, &field.name)) && !place.contains("nodes") {
                questions.extend(calls(values, owner, &field.name, words).into_iter().map(|call| ask(call, 1)));
                questions.extend(pages(values, owner, &field.name, words));
            }
        }
    }
    let ids = values.ids;
    for id in [
        &ids.patient,
        &ids.archived,
        &ids.log,
        &ids.deleted_log,
        &ids.former_staff,
        &ids.key,
        &ids.foreign.patient,
        &ids.foreign.log,
        &ids.foreign.staff,
    ] {
        let parts =
            ["Patient", "TaskLog", "Staff"].map(|ty| format!("... on {ty} {{ {} }}", everything(values, ty, 0)));
        questions.push((format!("{{ node(id: \"{id}\") {{ __typename id {} }} }}", parts.join(" ")), json!({})));
    }
    for word in words {
        let by_mrn = format!("{{ patient(mrn: \"{word}\") {{ {} }} }}", everything(values, "Patient", 1));
        questions.push((by_mrn, json!({})));
    }
    questions
}

/// A list of a root from page to page, one item at a time, in every order.
fn pages(values: &Values<'_>, owner: &str, field: &str, words: &[&str]) -> Vec<(String, Value)> {
    let arguments = &values.schema.field(owner, field).arguments;
    if owner != "Query" || !arguments.iter().any(|argument| argument.name == "after") {
        return Vec::new();
    }
    let order = arguments.iter().find(|argument| argument.name == "orderBy");
    let orders = order.map_or(vec![String::new()], |order| {
        choices(values, "", order, words).into_iter().map(|order| format!(", orderBy: {order}")).collect()
    });
    let page = |order| {
        let selected = "edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
        format!("query($after: String) {{ {field}(first: 1, after: $after{order}) {{ {selected} }} }}")
    };
    orders.into_iter().map(|order| (page(order), json!({ "after": null }))).collect()
}

/// Every way to give the arguments of a field.
fn calls(values: &Values<'_>, owner: &str, field: &str, words: &[&str]) -> Vec<String> {
    let schema = values.schema;
    let arguments = &schema.field(owner, field).arguments;
    let required: Vec<&Input> = arguments.iter().filter(|argument| argument.is_required).collect();
    let mut calls = Vec::new();
    for argument in arguments {
        for value in choices(values, &format!("{owner}.{field}({}:)", argument.name), argument, words) {
            let others = required.iter().filter(|other| other.name != argument.name).flat_map(|other| {
                let coordinate = format!("{owner}.{field}({}:)", other.name);
                choices(values, &coordinate, other, words).into_iter().take(1).map(|value| (&other.name, value))
            });
            let given = others.map(|(name, value)| format!("{name}: {value}"));
            calls.push(parentheses(given.chain([format!("{}: {value}", argument.name)])));
        }
    }
    calls
}

/// The values worth giving to an argument or an input field, as literals: of an input, each field by itself.
fn choices(values: &Values<'_>, coordinate: &str, input: &Input, words: &[&str]) -> Vec<String> {
    let schema = values.schema;
    let singles: Vec<String> = match (schema.kind(&input.ty), input.ty.as_str()) {
        (Kind::Enum(all), _) => all.iter().map(|value| value.name.clone()).collect(),
        (Kind::Input(fields), ty) => {
            let of = |field: &Input| choices(values, &format!("{ty}.{}", field.name), field, words);
            let required: Vec<&Input> = fields.iter().filter(|field| field.is_required).collect();
            if let [one, two] = required[..] {
                let pairs = of(one)
                    .into_iter()
                    .flat_map(|first| of(two).into_iter().map(move |second| (first.clone(), second)));
                return pairs
                    .map(|(first, second)| format!("{{{}: {first}, {}: {second}}}", one.name, two.name))
                    .collect();
            }
            let one = |field: &Input, value: String| match (ty, field.name.as_str()) {
                // Most of them are only looked for in a span of time.
                ("TaskLogFilter", name) if name != "completedAt" => {
                    format!("{{{name}: {value}, completedAt: {{from: \"2026-02-15T00:00:00Z\"}}}}")
                }
                (_, name) => format!("{{{name}: {value}}}"),
            };
            fields.iter().flat_map(|field| of(field).into_iter().map(move |value| one(field, value))).collect()
        }
        (_, "String") if ["text", "rooms", "mrn"].iter().any(|name| *name == input.name) => {
            words.iter().chain(&["1A", "a"]).map(|word| json!(word).to_string()).collect()
        }
        (_, "Int") => vec!["1".into(), "2".into(), "0".into()],
        (_, "Boolean") => vec!["true".into(), "false".into()],
        (_, "DateTime") => ["2025-06-01T00:00:00Z", "2026-03-01T12:00:00Z"].map(|time| json!(time).to_string()).into(),
        _ => {
            let value =
                values.value(coordinate, &Input { is_list: false, ..input.clone() }, Some("TaskLog"), Aim::Done);
            vec![values.literal(&input.ty, &value)]
        }
    };
    if input.is_list { singles.into_iter().map(|value| format!("[{value}]")).collect() } else { singles }
}

/// All that can be selected of a type, down to some depth.
fn everything(values: &Values<'_>, ty: &str, depth: usize) -> String {
    let schema = values.schema;
    let mut selected = vec!["__typename".to_owned()];
    for field in schema.fields(ty) {
        let page = if field.arguments.iter().any(|argument| argument.name == "first") { "(first: 5)" } else { "" };
        if schema.is_leaf(&field.ty) {
            selected.push(field.name.clone());
        } else if depth > 0 {
            selected.push(format!("{}{page} {{ {} }}", field.name, everything(values, &field.ty, depth - 1)));
        }
    }
    selected.join(" ")
}
