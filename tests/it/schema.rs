//! What the project says about itself is what it is.

use std::path::Path;

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
