//! What the project says about itself is what it is.

use std::collections::BTreeMap;
use std::path::Path;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, TypeKind, TypeSystemDefinition};

/// Lists of objects that take no size, because of what they are they cannot be long. This list may only shrink.
const SHORT: [&str; 8] = [
    // As many as there are roles, and permissions.
    "Query.roles",
    "RoleDescription.permissions",
    "RoleDescription.grantablePermissions",
    // One for each field of a document within the limits.
    "AccessExplanation.fields",
    // The hospitals where one person works.
    "SignInPayload.choices",
    "Viewer.contexts",
    // A hundred at most.
    "Viewer.sessions",
    // One for each rule of one mutation.
    "*.userErrors",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn schema_graphql_is_the_schema_that_is_served() {
    let file = std::fs::read_to_string(root().join("schema.graphql")).unwrap();
    assert!(
        file == patient_logger::app::sdl(),
        "schema.graphql differs from the code. Look at the difference and write it with: cargo run -- schema > schema.graphql"
    );
}

#[test]
fn everything_in_the_schema_is_described() {
    let sdl = patient_logger::app::sdl();
    let lines: Vec<&str> = sdl.lines().map(str::trim).collect();
    let mut bare = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let name = line.split(['(', ':', ' ', '@']).next().unwrap_or_default();
        let declares = !name.is_empty()
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !["schema", "query", "mutation"].contains(&name);
        let in_text = lines[..index].iter().filter(|line| **line == "\"\"\"").count() % 2 == 1;
        if declares && !in_text && !lines[index - 1].ends_with('"') {
            bare.push(*line);
        }
    }
    assert_eq!(bare, [""; 0], "each of these needs a doc comment");
}

/// What an answer costs is counted from the sizes of its pages; a list that takes none would count as one.
#[test]
fn every_list_takes_a_size_or_is_short_by_its_nature() {
    let definitions = parse_schema(patient_logger::app::sdl()).unwrap().definitions;
    let objects: BTreeMap<String, Vec<FieldDefinition>> = definitions
        .into_iter()
        .filter_map(|definition| {
            let TypeSystemDefinition::Type(ty) = definition else { return None };
            let fields = match ty.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => return None,
            };
            Some((ty.node.name.node.to_string(), fields.into_iter().map(|field| field.node).collect()))
        })
        .collect();
    let mut endless = Vec::new();
    let mut sized = 0;
    for (ty, fields) in &objects {
        let is_connection = fields.iter().any(|field| field.name.node == "pageInfo");
        for field in fields {
            let name = field.name.node.as_str();
            let (base, is_list) = match &field.ty.node.base {
                BaseType::Named(base) => (base.as_str(), false),
                BaseType::List(inner) => match &inner.base {
                    BaseType::Named(base) => (base.as_str(), true),
                    BaseType::List(_) => panic!("{ty}.{name} is a list of lists"),
                },
            };
            let is_page =
                objects.get(base).is_some_and(|fields| fields.iter().any(|field| field.name.node == "pageInfo"));
            if !(is_page || is_list && objects.contains_key(base))
                || is_connection && ["edges", "nodes"].contains(&name)
            {
                continue;
            }
            let takes = |name: &str| field.arguments.iter().any(|argument| argument.node.name.node == name);
            if takes("first") || takes("ids") {
                sized += 1;
            } else if !SHORT.contains(&format!("{ty}.{name}").as_str())
                && !SHORT.contains(&format!("*.{name}").as_str())
            {
                endless.push(format!("{ty}.{name}"));
            }
        }
    }
    assert_eq!(endless, [""; 0], "each of these lists has to take `first`, which multiplies what is below");
    assert!(sized > 8, "{sized}");
}
