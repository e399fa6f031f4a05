//! The families of requests that are made to hurt: one of each, as large as it gets through the door, or a little larger.
//! The tests hold what is answered, `benches/bombs` how soon.

use serde_json::{Value, json};

/// A request made to hurt, with the answer to an administrator who accepts `application/graphql-response+json`.
pub struct Bomb {
    pub name: &'static str,
    pub body: String,
    pub status: u16,
    /// The code of the first error; empty for an answer that is no GraphQL.
    pub code: &'static str,
}

const TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";
const NO_PARSE: &str = "GRAPHQL_PARSE_FAILED";
const BAD_INPUT: &str = "BAD_USER_INPUT";

fn with(name: &'static str, code: &'static str, query: &str, variables: Value) -> Bomb {
    Bomb { name, body: json!({ "query": query, "variables": variables }).to_string(), status: 400, code }
}

fn document(name: &'static str, code: &'static str, query: impl AsRef<str>) -> Bomb {
    with(name, code, query.as_ref(), json!({}))
}

/// `piece` for each number, with `{n}` and `{m}` for the number and the next one.
fn many(times: usize, piece: &str) -> String {
    (0..times).map(|n| piece.replace("{n}", &n.to_string()).replace("{m}", &(n + 1).to_string())).collect()
}

fn around(times: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

/// Every family.
pub fn bombs() -> Vec<Bomb> {
    let mut bombs = documents();
    bombs.extend(inputs());
    bombs.extend(bodies());
    bombs
}

fn documents() -> Vec<Bomb> {
    let doubling = many(20, "fragment F{n} on Query { ...F{m} ...F{m} } ");
    let wide = many(
        5,
        "fragment F{n} on Query { ...F{m} ...F{m} ...F{m} ...F{m} ...F{m} ...F{m} ...F{m} ...F{m} ...F{m} ...F{m} } ",
    );
    let page = |field: &str, inner: &str| format!("{field}(first: 100) {{ nodes {{ {inner} }} }}");
    let cubes = page("patients", &page("taskLogs", &format!("clinician {{ {} }}", page("taskLogs", "id"))));
    vec![
        document("lists in lists", TOO_COMPLEX, format!("{{ node(id: {}) {{ id }} }}", around(1_500, "[", "1", "]"))),
        document("objects in objects", TOO_COMPLEX, format!("{{ a(x: {}) }}", around(1_000, "{a:", "1", "}"))),
        document("selections in selections", TOO_COMPLEX, around(1_000, "{a", "", "}")),
        document("types in types", TOO_COMPLEX, format!("query($v: {}) {{ a }}", around(1_000, "[", "Int", "]"))),
        document(
            "ten levels and one more",
            TOO_COMPLEX,
            format!("{{ patients {{ nodes {{ {} }} }} }}", around(4, "taskLogs { nodes { patient { ", "id", "} } } ")),
        ),
        document(
            "doubling fragments",
            TOO_COMPLEX,
            format!("{{ ...F0 }} {doubling} fragment F20 on Query {{ __typename }}"),
        ),
        document("wide fragments", TOO_COMPLEX, format!("{{ ...F0 }} {wide} fragment F5 on Query {{ __typename }}")),
        document(
            "a long chain of fragments",
            TOO_COMPLEX,
            format!("{{ ...F0 }} {} fragment F63 on Query {{ a }}", many(63, "fragment F{n} on Query { ...F{m} } ")),
        ),
        document("a fragment in itself", INVALID, "{ ...F } fragment F on Query { ...F }"),
        document(
            "fragments in each other",
            INVALID,
            format!(
                "{{ ...F0 }} {} fragment F40 on Query {{ ...F0 }}",
                many(40, "fragment F{n} on Query { ...F{m} } ")
            ),
        ),
        document("aliases", TOO_COMPLEX, format!("{{ {} }}", many(400, "a{n}: __typename "))),
        document("lists under aliases", TOO_COMPLEX, format!("{{ {} }}", many(11, "a{n}: staff { totalCount } "))),
        document(
            "one key again and again",
            TOO_COMPLEX,
            format!("{{ {} }}", "viewer { id name role hospital { name } } ".repeat(250)),
        ),
        document("directives", INVALID, format!("{{ __typename {} }}", "@skip(if: false) ".repeat(280))),
        document("directives that are none", INVALID, format!("{{ __typename {} }}", "@a".repeat(900))),
        document("operations", TOO_COMPLEX, many(900, "query Q{n} {a} ")),
        document("operations that fit", INVALID, many(300, "query Q{n} {a} ")),
        document("definitions of variables", INVALID, format!("query({}) {{ a }}", many(390, "$v{n}: Int "))),
        document("tokens", TOO_COMPLEX, format!("{{ {} }}", "a ".repeat(8_000))),
        document("17 KB", TOO_COMPLEX, format!("{{ __typename }} #{}", "x".repeat(17_000))),
        document("a hundred cubed", TOO_COMPLEX, format!("{{ {cubes} }}")),
        document(
            "a walk through the schema",
            TOO_COMPLEX,
            format!("{{ __schema {{ types {{ {} }} }} }}", around(12, "fields { type { ", "name", "} } ")),
        ),
        document(
            "interfaces and their types",
            TOO_COMPLEX,
            format!("{{ __schema {{ types {{ {} }} }} }}", around(8, "interfaces { possibleTypes { ", "name", "} } ")),
        ),
        document("an open string", NO_PARSE, format!("{{ a(x: \"{}", "x".repeat(3_000))),
        document("all open", NO_PARSE, "{ a(x: [{ y: $z @b(c: \"\"\" ["),
        document("a comment that hides nothing", TOO_COMPLEX, format!("# \" \"\"\"\r{{ a(x: {}", "[".repeat(2_000))),
        document("a string that hides nothing", TOO_COMPLEX, format!("{{ a(s: \"\\\\\", x: {}", "[".repeat(2_000))),
    ]
}

fn inputs() -> Vec<Bomb> {
    let ids = vec![json!("pat_1"); 201];
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let find = |text: &str| format!("{{ patients(filter: {{ text: \"{text}\" }}) {{ totalCount }} }}");
    let filter = "query($f: TaskLogFilter) { taskLogs(filter: $f) { totalCount } }";
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let long = "query($t: String) { patients(filter: { text: $t }) { totalCount } }";
    let ran = |bomb: Bomb| Bomb { status: 200, ..bomb };
    vec![
        with("a long list of ids", TOO_COMPLEX, nodes, json!({ "ids": ids })),
        with("a long list in a filter", TOO_COMPLEX, filter, json!({ "f": { "patientIds": ids } })),
        with("deep variables", TOO_COMPLEX, filter, json!({ "f": deep })),
        with("deep variables that nobody asked for", TOO_COMPLEX, "{ __typename }", json!({ "stranger": deep })),
        ran(with("a long text", BAD_INPUT, long, json!({ "t": "x".repeat(60_000) }))),
        ran(document("a text of escapes", BAD_INPUT, find(&"\\u0041".repeat(2_500)))),
        ran(document("a text of two characters for each", BAD_INPUT, find(&"\u{1d15e}".repeat(3_000)))),
        document("half a character", NO_PARSE, find("\\ud800")),
        document("a long number", NO_PARSE, format!("{{ taskLogs(first: {}) {{ totalCount }} }}", "9".repeat(15_000))),
        // The parser keeps the last one.
        ran(document(
            "one key in one object again and again",
            "",
            format!("{{ patients(filter: {{ {} }}) {{ totalCount }} }}", "text: \"a\" ".repeat(600)),
        )),
        document(
            "one argument twice, of which the cost sees one",
            INVALID,
            format!("{{ a: taskLogs({}) {{ totalCount }} }}", "first: 1 ".repeat(400)),
        ),
    ]
}

fn bodies() -> Vec<Bomb> {
    let body = |name, status, code, body: String| Bomb { name, status, code, body };
    let start = "{\"query\":\"{ __typename }\",\"variables\":{\"a\":";
    let wide = format!("{start}[{}1]}}}}", "1,".repeat(32_700));
    vec![
        body("bottomless JSON", 400, BAD_INPUT, format!("{start}{}", "[".repeat(60_000))),
        body("bottomless JSON of objects", 400, BAD_INPUT, format!("{start}{}", "{\"a\":".repeat(12_000))),
        body("64 KiB of numbers", 400, TOO_COMPLEX, wide),
        body(
            "a query again and again",
            400,
            BAD_INPUT,
            format!("{{{}\"query\":\"\"}}", "\"query\":\"{a}\",".repeat(4_000)),
        ),
        body("a batch", 400, BAD_INPUT, format!("[{}{{}}]", "{\"query\":\"{ __typename }\"},".repeat(2_000))),
        body("one byte more than 64 KiB", 413, "", " ".repeat(65_537)),
    ]
}
