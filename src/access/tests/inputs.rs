//! Labels on arguments, input fields and enum values, however their value arrives.

use async_graphql::{Name, Value};

use super::{Asking, toy::Toy, toy_as};

fn object(entries: &[(&str, Value)]) -> Value {
    Value::Object(entries.iter().map(|(name, value)| (Name::new(name), value.clone())).collect())
}

fn patients() -> Asking<Toy> {
    toy_as(&["READ_PATIENTS"])
}

/// The message of the one refusal of the document, or none.
fn refusal(asking: &Asking<Toy>, document: &str) -> String {
    let plan = asking.plan(document).expect("a plan");
    let messages: Vec<_> = plan.refused().map(|refusal| refusal.message.clone()).collect();
    messages.join(" ")
}

const PHONE: &str = "You need READ_CONTACT to use Filter.phone in Query.patients.";
const ORDER: &str = "You need READ_CONTACT to use Order.PHONE in Query.patients.";
const TRACE: &str = "You need READ_AUDIT to use Patient.label(trace:) in Patient.label.";

#[test]
fn a_labelled_input_in_the_document_refuses_its_field() {
    let cases = [
        ("{ patients(filter: { name: \"x\" }) { id } }", ""),
        ("{ patients(filter: { phone: \"x\" }) { id } }", PHONE),
        ("{ patients(filter: { phone: null }) { id } }", PHONE),
        ("{ patients(filter: { any: [{ name: \"x\" }, { any: { phone: \"x\" } }] }) { id } }", PHONE),
        ("{ patients(order: NAME) { id } }", ""),
        ("{ patients(order: PHONE) { id } }", ORDER),
        ("{ patients(filter: { order: [NAME, PHONE] }) { id } }", ORDER),
        ("{ patients(filter: { order: PHONE }) { id } }", ORDER),
        ("{ patient { label(upper: true) } }", ""),
        ("{ patient { label(trace: true) } }", TRACE),
        ("{ patient { label(trace: null) } }", TRACE),
        ("query($t: Boolean) { patient { label(trace: $t) } }", TRACE),
        ("query($p: String) { patients(filter: { phone: $p }) { id } }", PHONE),
        ("query($f: Filter = { phone: \"x\" }) { patients(filter: $f) { id } }", PHONE),
        ("query($o: Order = PHONE) { patients(order: $o) { id } }", ORDER),
    ];
    for (document, expected) in cases {
        assert_eq!(refusal(&patients(), document), expected, "{document}");
    }
}

#[test]
fn a_labelled_input_in_a_variable_refuses_its_field() {
    let phone = object(&[("phone", Value::from("x"))]);
    let cases = [
        ("query($f: Filter) { patients(filter: $f) { id } }", phone.clone(), PHONE),
        ("query($f: Filter) { patients(filter: $f) { id } }", object(&[("phone", Value::Null)]), PHONE),
        ("query($f: Filter) { patients(filter: $f) { id } }", object(&[("name", Value::from("x"))]), ""),
        ("query($f: Filter = { phone: \"x\" }) { patients(filter: $f) { id } }", Value::Null, ""),
        ("query($f: Filter!) { patients(filter: { any: [$f] }) { id } }", phone.clone(), PHONE),
        ("query($f: [Filter!]) { patients(filter: { any: $f }) { id } }", phone.clone(), PHONE),
        ("query($f: [Filter!]) { patients(filter: { any: $f }) { id } }", Value::List(vec![phone]), PHONE),
        ("query($f: Order) { patients(order: $f) { id } }", Value::from("PHONE"), ORDER),
        ("query($f: Order) { patients(order: $f) { id } }", Value::Enum(Name::new("PHONE")), ORDER),
        ("query($f: Order) { patients(order: $f) { id } }", Value::from("NAME"), ""),
        ("query($f: [Order!]) { patients(filter: { order: $f }) { id } }", Value::from("PHONE"), ORDER),
    ];
    for (document, value, expected) in cases {
        let title = format!("{document} with {value}");
        assert_eq!(refusal(&patients().with(&[("f", value)]), document), expected, "{title}");
    }
}

#[test]
fn the_field_is_null_and_its_resolver_does_not_run() {
    let answer = patients().asks("{ patients(filter: { phone: \"x\" }) { id } patient { id label(trace: true) } }");
    assert_eq!(answer.data, "{patients: null, patient: {id: \"P1\", label: null}}");
    assert_eq!(answer.errors, ["patients: FORBIDDEN READ_CONTACT @1:3", "patient.label: FORBIDDEN READ_AUDIT @1:56"]);
    assert!(answer.ran.is_empty());
}

#[test]
fn whoever_holds_the_permission_uses_the_input() {
    let asking = toy_as(&["READ_PATIENTS", "READ_CONTACT", "READ_AUDIT"]);
    let answer = asking.asks("{ patients(filter: { phone: \"x\" }, order: PHONE) { label(trace: true) } }");
    assert_eq!(answer.data, "{patients: [{label: \"label\"}, {label: \"label\"}]}");
    assert_eq!(answer.ran, ["Filter.phone", "Patient.label(trace:)", "Patient.label(trace:)"]);
}

#[test]
fn a_variable_of_another_type_than_its_place_is_refused() {
    let asking = patients().with(&[("o", Value::from("PHONE"))]);
    let found = asking.refuses("query($o: String) { patients(order: $o) { id } }");
    assert_eq!(found, "GRAPHQL_VALIDATION_FAILED @1:37 Variable \"$o\" is String and used where Order is expected.");
}

#[test]
fn conditions_use_their_variable_or_its_default() {
    type Case = (&'static str, Option<bool>, &'static str);
    let cases: [Case; 5] = [
        ("query($s: Boolean = true) { version @include(if: $s) }", None, "{version: \"1\"}"),
        ("query($s: Boolean! = true) { version v: version @skip(if: $s) }", None, "{version: \"1\"}"),
        ("query($s: Boolean!) { version @include(if: $s) }", Some(true), "{version: \"1\"}"),
        ("query($s: Boolean = true) { version @include(if: $s) v: version }", Some(false), "{v: \"1\"}"),
        (
            "query($s: Boolean!) { version ...F @include(if: $s) } fragment F on Query { secret }",
            Some(false),
            "{version: \"1\"}",
        ),
    ];
    for (document, variables, data) in cases {
        let variables: Vec<_> = variables.map(|value| ("s", Value::Boolean(value))).into_iter().collect();
        let answer = toy_as(&[]).with(&variables).asks(document);
        assert_eq!((answer.data.as_str(), answer.errors.len()), (data, 0), "{document}");
    }
}

#[test]
fn variables_go_with_the_parts_that_used_them_and_unused_ones_are_still_reported() {
    let gone =
        toy_as(&[]).asks("query($i: ID, $s: Boolean = true) { version @include(if: $s) patient(id: $i) { id } }");
    assert_eq!(gone.errors, ["patient: FORBIDDEN READ_PATIENTS @1:62"]);
    let unused = toy_as(&[]).asks("query($i: ID) { version }");
    assert_eq!(unused.errors, [": Variable \"$i\" is not used @1:7"]);
}

#[test]
fn who_is_not_signed_in_is_told_to_sign_in() {
    let mut asking = toy_as(&[]);
    asking.caller.signed_in = false;
    assert_eq!(asking.asks("{ secret }").errors, ["secret: UNAUTHENTICATED READ_AUDIT @1:3"]);
    assert_eq!(refusal(&asking, "{ secret }"), "Sign in first: you need READ_AUDIT to read Query.secret.");
}
