//! How the table reads labels, and what the lint says about a schema.

use super::{Access, toy};
use crate::access::Permissions;

const HEAD: &str = "
enum Permission { PUBLIC READ WRITE }
directive @access(needs: Permission!) on OBJECT | FIELD_DEFINITION
schema { query: Query }
";

fn findings(sdl: &str) -> Vec<String> {
    Access::from_sdl(&format!("{HEAD}{sdl}")).err().unwrap_or_default()
}

#[test]
fn a_field_needs_its_label_or_its_types_and_its_interfaces() {
    let sdl = format!(
        "{HEAD}
        interface I @access(needs: WRITE) {{ a: Int b: Int @access(needs: READ) }}
        type T implements I @access(needs: READ) {{
            a: Int b: Int c: Int @access(needs: WRITE) d: Int @access(needs: PUBLIC)
        }}
        type Query {{ t: T @access(needs: READ) u: Int }}"
    );
    let access = Access::from_sdl_without_lint(&sdl).expect("it reads");
    let (read, write) = (access.permissions(["READ"]), access.permissions(["WRITE"]));
    let cases = [
        ("T", "a", read | write),
        ("T", "b", read),
        ("T", "c", write),
        ("T", "d", Permissions::NONE),
        ("Query", "t", read),
        ("Query", "u", Permissions::NOBODY),
    ];
    for (ty, field, need) in cases {
        assert_eq!(access.need(ty, field), Some(need), "{ty}.{field}");
    }
    assert_eq!(access.need("T", "x"), None);
    assert_eq!(access.fields().count(), cases.len());
    assert_eq!(access.names(read | write).collect::<Vec<_>>(), ["READ", "WRITE"]);
    assert!(!access.permissions(["READ", "WRITE", "PUBLIC", "NOBODY", "OTHER"]).contains(Permissions::NOBODY));
}

#[test]
fn the_lint_finds_each_gap_and_says_what_to_do() {
    let cases = [
        ("type Query { a: Int }", "Query.a has no label"),
        ("type Query @access(needs: READ) { a: Int }", "Query is a root"),
        ("type Query { a: Int! @access(needs: READ) }", "Query.a needs more than its object does"),
        ("type Query { a: Int @access(needs: RAED) }", "Query.a needs exactly one readable label"),
        (
            "type Query { a: Int @access(needs: READ) @access(needs: WRITE) }",
            "Query.a needs exactly one readable label",
        ),
        (
            "type Query { a: T @access(needs: PUBLIC) } type T @access(needs: READ) { b: Int }",
            "Query.a needs less than T",
        ),
        (
            "type Query { a: P @access(needs: PUBLIC) } type P @access(needs: PUBLIC) { b: T! } type T \
                @access(needs: READ) { c: Int! }",
            "P.b may hold a T, which needs more",
        ),
        (
            "type Query { a: [U!] @access(needs: PUBLIC) } union U = T type T @access(needs: READ) { c: Int! }",
            "Query.a may hold a T, which needs more",
        ),
        (
            "type Query { a: T @access(needs: READ) } type T @access(needs: READ) { b: Int! @access(needs: WRITE) }",
            "T.b needs more than its object does",
        ),
        (
            "type Query { a: T @access(needs: READ) } type T { id: ID! @access(needs: READ) b: Int! \
                @access(needs: WRITE) }",
            "T.b needs more than its object does",
        ),
        ("type Query { a(b: Int @access(needs: READ)): Int! @access(needs: PUBLIC) }", "Query.a has labelled input"),
        (
            "type Query { a(b: Int = 1 @access(needs: READ)): Int @access(needs: PUBLIC) }",
            "Query.a(b:) is labelled and has a default",
        ),
        (
            "type Query { a(b: E = X): Int @access(needs: PUBLIC) } enum E { X @access(needs: READ) }",
            "Query.a(b:) has a default that uses a labelled input",
        ),
        (
            "type Query { a(b: I = { c: { d: 1 } }): Int @access(needs: PUBLIC) } input I { c: I d: Int \
                @access(needs: READ) }",
            "Query.a(b:) has a default that uses a labelled input",
        ),
        ("type Query { a(b: JSON): Int @access(needs: PUBLIC) } scalar JSON", "Query.a(b:) is an opaque scalar"),
        (
            "type Query { a: E @access(needs: PUBLIC) } enum E @access(needs: READ) { X }",
            "E carries a label that nothing reads",
        ),
        (
            "type Query { a: C @access(needs: READ) } type C @access(needs: READ) { nodes: [Int] pageInfo: Int }",
            "Query.a is a page of unknown size",
        ),
        ("type Query { a: Gone @access(needs: PUBLIC) }", "Query.a names the type Gone"),
        ("type Other { a: Int @access(needs: PUBLIC) }", "The root type Query is not in the SDL"),
    ];
    for (sdl, expected) in cases {
        let found = findings(sdl);
        assert!(found.iter().any(|finding| finding.starts_with(expected)), "{sdl}\n{found:#?}");
    }
}

#[test]
fn a_write_that_may_not_be_null_is_found() {
    let sdl = "enum Permission { PUBLIC } schema { query: Query mutation: M subscription: S }
        type Query { a: Int @access(needs: PUBLIC) } type M { b: Int! @access(needs: PUBLIC) }
        type S { c: Int! @access(needs: PUBLIC) }";
    let found = Access::from_sdl(sdl).err().unwrap_or_default();
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn a_schema_without_the_directive_or_with_too_many_types_is_refused() {
    assert!(Access::from_sdl("type Query { a: Int } schema { query: Query }").is_err());
    let types: String = (0..300).map(|at| format!("type T{at} {{ a: Int }} ")).collect();
    let found = findings(&format!("type Query {{ a: Int @access(needs: PUBLIC) }} {types}"));
    assert!(found.iter().any(|finding| finding.contains("widen TypeSet")), "{found:#?}");
}

#[test]
fn a_good_schema_passes_and_its_labelled_inputs_are_listed() {
    let access = Access::from_sdl(&toy::toy().sdl()).expect("the toy passes");
    let mut inputs: Vec<_> = access.labelled_inputs().map(|(coordinate, _)| coordinate).collect();
    inputs.sort_unstable();
    assert_eq!(inputs, ["Filter.phone", "Order.PHONE", "Patient.label(trace:)"]);
}
