//! What a document may not be: invalid, too big, too deep, too dear. Each is refused as a whole and runs nothing.

use async_graphql::{Value, parser::parse_query};

use super::{ALL, Access, Caller, Limits, toy_as};
use crate::access::{Permissions, Plan};
use async_graphql::{ServerError, Variables};

fn refusal(document: &str) -> String {
    toy_as(ALL).refuses(document)
}

#[test]
fn an_invalid_document_is_refused_with_its_place() {
    let cases = [
        ("{ nothing }", "@1:3 Type \"Query\" has no field \"nothing\"."),
        ("{ search { id } }", "@1:12 Type \"Search\" has no field \"id\"."),
        ("{ patient { id(x: 1) } }", "@1:16 Field \"id\" has no argument \"x\"."),
        ("{ patient { id { x } } }", "@1:13 Field \"id\" has no fields to select."),
        ("{ patient }", "@1:3 Field \"patient\" needs a selection of its fields."),
        ("{ patient { ...F } }", "@1:16 There is no fragment named \"F\"."),
        ("{ patient { ...F } } fragment F on Patient { ...F }", "@1:49 Fragment \"F\" contains itself."),
        (
            "{ version } fragment F on Patient { ...G } fragment G on Patient { id }",
            "@1:13 Fragment \"F\" is never used.",
        ),
        ("{ patient { ... on Nobody { id } } }", "@1:20 There is no object, interface or union named \"Nobody\"."),
        ("{ patient { ... on Order { id } } }", "@1:20 There is no object, interface or union named \"Order\"."),
        (
            "{ patient { ... on Clinician { id } } }",
            "@1:13 \"Patient\" can never be \"Clinician\", so this matches nothing.",
        ),
        (
            "{ patient { x: id x: name } }",
            "@1:13 Two different fields or calls answer under \"x\"; give one of them an alias.",
        ),
        ("{ a: patient(id: 1) { id } a: patient(id: 2) { id } }", "@1:3 Two different fields or calls"),
        (
            "{ search { ... on Patient { x: name } ... on Clinician { x: phone } } }",
            "@1:29 Two different fields or calls",
        ),
        ("{ patient { __t: id } }", "@1:13 The key \"__t\" is reserved; choose another alias."),
        ("{ version @defer }", "@1:11 There is no directive @defer for a selection."),
        ("{ version @skip(if: true) @skip(if: false) }", "@1:27 @skip may be given once."),
        ("{ version @skip }", "@1:11 @skip takes one argument, if: Boolean!."),
        ("{ version @skip(if: 1) }", "@1:21 A condition is true, false or a variable."),
        ("{ version @skip(if: $s) }", "@1:21 Variable \"$s\" is not defined."),
        ("query($s: Boolean) { version @skip(if: $s) }", "@1:40 Variable \"$s\" must be Boolean! to be a condition."),
        ("query($s: Boolean!) { version @skip(if: $s) }", "@1:41 Variable \"$s\" has no Boolean value."),
        (
            "{ patient { ...F } } fragment F on Patient @skip(if: true) { id }",
            "@1:44 A fragment definition takes no directives.",
        ),
        ("subscription { __typename }", "@1:1 A subscription selects exactly one field."),
        ("subscription { logs { id } audit }", "@1:1 A subscription selects exactly one field."),
        (
            "query A { patient { ...X } } query B { patient { ...Y } } query C { patient { ...Z } }",
            "@1:24 There is no fragment named \"X\".",
        ),
        (
            "query A { version } query B { version }",
            " The document has several operations; say which one in operationName.",
        ),
    ];
    for (document, expected) in cases {
        let expected = format!("GRAPHQL_VALIDATION_FAILED {}", expected.trim_start());
        assert!(refusal(document).starts_with(&expected), "{document}\n{}", refusal(document));
    }
}

#[test]
fn fields_that_answer_alike_may_share_a_key() {
    let document = "{ search { ... on Patient { x: name } ... on Clinician { x: name } } a: version a: version
        p: patient(id: \"P1\") { id } p: patient(id: \"P1\") { name } }";
    assert!(toy_as(ALL).plan(document).is_ok());
}

#[test]
fn what_the_walk_leaves_to_the_library_is_refused_there() {
    let errors = toy_as(ALL).asks("{ taskLogs(first: \"x\") { totalCount } }").errors;
    assert!(errors[0].starts_with(": Invalid value for argument \"first\""), "{errors:?}");
}

#[test]
fn the_named_operation_alone_is_decided() {
    let mut asking = toy_as(&[]);
    asking.operation_name = Some("B");
    let plan = asking.plan("query A { nothing } mutation B { purge }").expect("only B is looked at");
    assert_eq!((plan.operation_name(), plan.operation().to_string().as_str()), (Some("B"), "mutation"));
    asking.operation_name = Some("C");
    let expected = "GRAPHQL_VALIDATION_FAILED The document has no operation named \"C\".";
    assert_eq!(asking.refuses("query A { version } query B { version }"), expected);
}

#[test]
fn the_refusals_of_a_plan_can_be_listed_without_running_it() {
    let plan = toy_as(&["READ_PATIENTS"]).plan("{ patient { a: friend { tel: phone } } }").expect("a plan");
    let refused: Vec<_> =
        plan.refused().map(|found| (found.path.join("."), &*found.coordinate, &*found.needs)).collect();
    assert_eq!(refused, [("patient.a.tel".to_owned(), "Patient.phone", "READ_CONTACT")]);
}

/// `levels` fragments, each spreading the next `times` times.
fn bomb(on: &str, leaf: &str, open: &str, levels: usize, times: usize) -> String {
    let mut text = open.to_owned();
    for level in 0..levels {
        let spreads = format!("...F{} ", level + 1).repeat(times);
        text += &format!("fragment F{level} on {on} {{ {spreads} }} ");
    }
    text + &format!("fragment F{levels} on {on} {{ {leaf} }}")
}

#[test]
fn every_bound_is_held() {
    let friends =
        |levels: usize| "{ patient ".to_owned() + &"{ friend ".repeat(levels) + "{ id }" + &" }".repeat(levels + 1);
    let types = |levels: usize| {
        format!("{{ __schema {{ types {} {{ name }} {} }} }}", "{ ofType ".repeat(levels), "}".repeat(levels))
    };
    let many = |field: &str, times: usize| (0..times).map(|at| format!("a{at}: {field} ")).collect::<String>();
    let pages = |inner: &str| format!("logs(first: 100) {{ nodes {{ {inner} }} }}");
    let nested = pages(&format!("patient {{ {} }}", pages(&format!("patient {{ {} }}", pages("id")))));
    let cases = [
        ("doubling fragments", bomb("Patient", "id", "{ patient { ...F0 } } ", 22, 2)),
        ("doubling fragments further down", bomb("Patient", "id", "{ patient { friend { ...F0 } } } ", 20, 2)),
        ("doubling fragments in introspection", bomb("__Type", "name", "{ __schema { types { ...F0 } } } ", 20, 2)),
        ("wide fragments", bomb("Patient", "id", "{ patient { ...F0 } } ", 6, 10)),
        ("a long chain of fragments", bomb("Patient", "id", "{ patient { ...F0 } } ", 200, 1)),
        ("deep objects", friends(10)),
        ("deep introspection", types(30)),
        (
            "lists in lists of introspection",
            "{ __schema { types { interfaces { possibleTypes { interfaces { name } } } } } }".to_owned(),
        ),
        ("many root fields", format!("{{ {} }}", many("version", 11))),
        ("many aliases", format!("{{ patient {{ {} }} }}", many("id", 31))),
        ("nested pages", format!("{{ patient {{ {nested} }} }}")),
        ("a long list in a literal", format!("{{ nodes(ids: [{}]) {{ id }} }}", "1 ".repeat(201))),
        ("a deep literal", format!("{{ patients(filter: {}1{}) {{ id }} }}", "{ any: ".repeat(9), "}".repeat(9))),
    ];
    for (title, document) in cases {
        let mut asking = toy_as(ALL);
        asking.caller.introspection = true;
        let found = asking.refuses(&document);
        assert!(found.starts_with("QUERY_TOO_COMPLEX"), "{title}: {found}");
    }
    assert!(toy_as(ALL).plan(&friends(9)).is_ok());
}

#[test]
fn variables_are_held_to_the_bounds_of_input() {
    let deep = (0..9).fold(Value::from(1), |inner, _| Value::List(vec![inner]));
    for value in [deep, Value::List(vec![Value::Null; 201])] {
        let found = toy_as(ALL).with(&[("ids", value)]).refuses("query($ids: [ID!]!) { nodes(ids: $ids) { id } }");
        assert!(found.starts_with("QUERY_TOO_COMPLEX"), "{found}");
    }
}

#[test]
fn one_selection_over_many_types_is_bounded_too() {
    let types: String =
        (0..60).map(|at| format!("type T{at} implements N @access(needs: READ) {{ n: N x: Int }} ")).collect();
    let access = Access::from_sdl(&format!(
        "enum Permission {{ PUBLIC READ }} schema {{ query: Query }} interface N {{ n: N }} {types}
         type Query {{ n: N @access(needs: READ) }}"
    ))
    .expect("it passes the lint");
    let prepare = |levels: usize, held: Permissions| -> Result<Plan, ServerError> {
        let document =
            format!("{{ n {} {{ __typename }} {} }}", "{ ... on T0 { x } n ".repeat(levels), "}".repeat(levels));
        let document = parse_query(document).expect("it parses");
        let caller = Caller { held, ..Caller::default() };
        access.prepare(&document, None, &Variables::default(), &caller, &Limits::default())
    };
    let read = access.permissions(["READ"]);
    assert!(prepare(1, read).is_ok());
    for levels in 3..9 {
        assert!(prepare(levels, read).is_err(), "{levels}");
    }
}

#[test]
fn a_document_costs_its_fields_times_the_pages_above_them() {
    let page = "{ nodes { id kind note __typename patient { id name phone slow } clinician { id name } } \
        pageInfo { hasNextPage } }";
    let cases = [
        ("{ version }".to_owned(), 1),
        ("{ patient { id friend { id } } }".to_owned(), 4),
        (format!("{{ taskLogs(first: 50) {page} }}"), 604),
        (format!("query($n: Int! = 10) {{ taskLogs(first: $n) {page} }}"), 124),
        (format!("{{ taskLogs {page} }}"), 244),
        ("{ patient { logs { nodes { id } totalCount } } }".to_owned(), 24),
        ("{ nodes(ids: [1, 2, 3]) { id } }".to_owned(), 4),
        ("{ patients(first: 3) { id name } }".to_owned(), 7),
        ("{ patients(first: null) { id } }".to_owned(), 21),
        ("{ search { ... on Patient { id name } ... on Clinician { id } } }".to_owned(), 3),
    ];
    for (document, cost) in cases {
        assert_eq!(toy_as(ALL).plan(&document).map(|plan| plan.cost()), Ok(cost), "{document}");
    }
    let sized = toy_as(ALL).with(&[("n", Value::from(100))]);
    assert_eq!(sized.plan("query($n: Int) { patients(first: $n) { id } }").map(|plan| plan.cost()), Ok(101));
    assert_eq!(toy_as(&[]).plan("{ version secret }").map(|plan| plan.cost()), Ok(1), "refused fields are free");
}

#[test]
fn a_document_too_dear_tells_both_numbers() {
    let document = "{ taskLogs(first: 100) { nodes { patient { logs(first: 1000) { nodes { id } } } } } }";
    let Err(error) = toy_as(ALL).plan(document) else { panic!("it is accepted") };
    assert_eq!(error.message, "The document costs 100302, more than the limit of 50000; ask for smaller pages.");
    let get = |key: &str| error.extensions.as_ref().and_then(|found| found.get(key)).cloned();
    assert_eq!((get("cost"), get("limit")), (Some(Value::from(100_302)), Some(Value::from(50_000))));
}

#[test]
fn refused_fields_are_counted_over_the_pages_above_them() {
    let fields: String = (0..11).map(|at| format!("a{at}: phone ")).collect();
    let caller = toy_as(&["READ_PATIENTS"]);
    assert!(caller.plan(&format!("{{ patients(first: 90) {{ {fields} }} }}")).is_ok());
    let found = caller.refuses(&format!("{{ patients(first: 100) {{ {fields} }} }}"));
    assert!(found.contains("asks for 1100 fields you may not read, more than the limit of 1000"), "{found}");
}

#[test]
fn introspection_tools_get_their_answer() {
    let mut asking = toy_as(&[]);
    asking.caller.introspection = true;
    let of_type = "ofType { kind name ".repeat(9) + &"}".repeat(9);
    let document = format!(
        "query IntrospectionQuery {{
           __schema {{
             queryType {{ name kind }} mutationType {{ name }} subscriptionType {{ name }} types {{ ...FullType }}
             directives {{ name description locations isRepeatable args(includeDeprecated: true) {{ ...InputValue }} }}
           }}
         }}
         fragment FullType on __Type {{
           kind name description specifiedByURL isOneOf
           fields(includeDeprecated: true) {{
             name description args {{ ...InputValue }} type {{ ...TypeRef }} isDeprecated deprecationReason
           }}
           inputFields {{ ...InputValue }} interfaces {{ ...TypeRef }} possibleTypes {{ ...TypeRef }}
           enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }}
         }}
         fragment InputValue on __InputValue {{
           name description type {{ ...TypeRef }} defaultValue isDeprecated deprecationReason
         }}
         fragment TypeRef on __Type {{ kind name {of_type} }}"
    );
    let answer = asking.asks(&document);
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    assert!(answer.data.contains("LogConnection") && answer.data.contains("Order"));
}
