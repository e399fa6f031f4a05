//! Whole answers of whole documents.

use super::{Answer, toy_as};

/// Title, permissions held, document, data, errors, labelled resolvers that ran.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

fn hold(cases: &[Case]) {
    for (title, held, document, data, errors, ran) in cases {
        let errors = errors.iter().map(ToString::to_string).collect();
        let expected = Answer { data: (*data).to_owned(), errors, ran: ran.to_vec() };
        assert_eq!(toy_as(held).asks(document), expected, "{title}");
    }
}

#[test]
fn a_refused_field_is_null_with_an_error_however_it_is_asked_for() {
    hold(&[
        (
            "plain",
            &["READ_PATIENTS"],
            "{ patient { id phone name } }",
            r#"{patient: {id: "P1", phone: null, name: "Patient 1"}}"#,
            &["patient.phone: FORBIDDEN READ_CONTACT @1:16"],
            &[],
        ),
        (
            "held",
            &["READ_PATIENTS", "READ_CONTACT"],
            "{ patient { id phone name } }",
            r#"{patient: {id: "P1", phone: "555-1", name: "Patient 1"}}"#,
            &[],
            &["Patient.phone"],
        ),
        (
            "alias",
            &["READ_PATIENTS"],
            "{ patient { tel: phone } }",
            "{patient: {tel: null}}",
            &["patient.tel: FORBIDDEN READ_CONTACT @1:13"],
            &[],
        ),
        (
            "alias onto another key",
            &["READ_PATIENTS"],
            "{ patient { id: phone name: id } }",
            r#"{patient: {id: null, name: "P1"}}"#,
            &["patient.id: FORBIDDEN READ_CONTACT @1:13"],
            &[],
        ),
        (
            "the same key twice",
            &["READ_PATIENTS"],
            "{ patient { phone id phone } }",
            r#"{patient: {phone: null, id: "P1"}}"#,
            &["patient.phone: FORBIDDEN READ_CONTACT @1:13"],
            &[],
        ),
        (
            "keys merged from two fields",
            &["READ_PATIENTS"],
            "{ patient { id } patient { phone name } }",
            r#"{patient: {id: "P1", phone: null, name: "Patient 1"}}"#,
            &["patient.phone: FORBIDDEN READ_CONTACT @1:28"],
            &[],
        ),
        (
            "inline fragment",
            &["READ_PATIENTS"],
            "{ patient { ... on Patient { phone } ... { id } } }",
            r#"{patient: {phone: null, id: "P1"}}"#,
            &["patient.phone: FORBIDDEN READ_CONTACT @1:30"],
            &[],
        ),
        (
            "interface inside an object",
            &["READ_PATIENTS"],
            "{ patient { ... on Contact { phone } } }",
            "{patient: {phone: null}}",
            &["patient.phone: FORBIDDEN READ_CONTACT @1:30"],
            &[],
        ),
        (
            "named fragment under two parents",
            &["READ_PATIENTS", "READ_STAFF"],
            "{ patient { ...F doctor { ...F } } } fragment F on Contact { phone }",
            "{patient: {phone: null, doctor: {phone: null}}}",
            &["patient.phone: FORBIDDEN READ_CONTACT @1:62", "patient.doctor.phone: FORBIDDEN READ_CONTACT @1:62"],
            &[],
        ),
        (
            "nested fragments spread four times",
            &["READ_PATIENTS"],
            "{ patient { ...F ...F ...F ...F } } fragment F on Patient { ...G } fragment G on Patient { id phone }",
            r#"{patient: {id: "P1", phone: null}}"#,
            &["patient.phone: FORBIDDEN READ_CONTACT @1:95"],
            &[],
        ),
        (
            "included",
            &["READ_PATIENTS"],
            "{ patient { id @include(if: true) phone @skip(if: false) } }",
            r#"{patient: {id: "P1", phone: null}}"#,
            &["patient.phone: FORBIDDEN READ_CONTACT @1:35"],
            &[],
        ),
        (
            "left out by the caller",
            &["READ_PATIENTS"],
            "{ patient { id phone @include(if: false) ...F @skip(if: true) ... @include(if: false) { phone } } } \
                fragment F on Patient { phone }",
            r#"{patient: {id: "P1"}}"#,
            &[],
            &[],
        ),
        (
            "a denied object",
            &["READ_PATIENTS"],
            "{ patient { id doctor { id name } } }",
            r#"{patient: {id: "P1", doctor: null}}"#,
            &["patient.doctor.id: FORBIDDEN READ_STAFF @1:25", "patient.doctor.name: FORBIDDEN READ_STAFF @1:28"],
            &[],
        ),
        (
            "a denied connection",
            &["READ_PATIENTS"],
            "{ patient { logs(first: 2) { nodes { id } } } }",
            "{patient: {logs: null}}",
            &["patient.logs: FORBIDDEN READ_LOGS @1:13"],
            &[],
        ),
    ]);
}

#[test]
fn abstract_types_are_decided_for_each_concrete_type() {
    hold(&[
        (
            "interface, both denied",
            &["READ_PATIENTS"],
            "{ contacts { phone } }",
            "{contacts: [{phone: null}, {phone: null}]}",
            &[
                "contacts.0.phone: FORBIDDEN READ_CONTACT @1:14",
                "contacts.1.phone: FORBIDDEN READ_CONTACT, READ_STAFF @1:14",
            ],
            &[],
        ),
        (
            "interface, one allowed",
            &["READ_PATIENTS", "READ_CONTACT"],
            "{ contacts { phone } }",
            r#"{contacts: [{phone: "555-1"}, {phone: null}]}"#,
            &["contacts.1.phone: FORBIDDEN READ_STAFF @1:14"],
            &["Patient.phone"],
        ),
        (
            "with the name of the type",
            &["READ_PATIENTS", "READ_CONTACT", "READ_STAFF"],
            "{ contacts { __typename phone } }",
            r#"{contacts: [{__typename: "Patient", phone: "555-1"}, {__typename: "Clinician", phone: "777"}]}"#,
            &[],
            &["Patient.phone", "Clinician.phone"],
        ),
        (
            "name alone",
            &["READ_PATIENTS"],
            "{ contacts { __typename } }",
            r#"{contacts: [{__typename: "Patient"}, null]}"#,
            &["contacts.1.__typename: FORBIDDEN READ_STAFF @1:14"],
            &[],
        ),
        (
            "node of an allowed kind",
            &["READ_PATIENTS"],
            r#"{ node(id: "P1") { __typename id ... on Patient { phone name } } }"#,
            r#"{node: {__typename: "Patient", id: "P1", phone: null, name: "Patient 1"}}"#,
            &["node.phone: FORBIDDEN READ_CONTACT @1:51"],
            &[],
        ),
        (
            "node of a denied kind",
            &["READ_PATIENTS"],
            r#"{ node(id: "A1") { __typename id ... on AuditEvent { name } } }"#,
            "{node: null}",
            &[
                "node.__typename: FORBIDDEN READ_AUDIT @1:20",
                "node.id: FORBIDDEN READ_AUDIT @1:31",
                "node.name: FORBIDDEN READ_AUDIT @1:54",
            ],
            &[],
        ),
        (
            "union arms share an alias",
            &["READ_PATIENTS"],
            "{ search { ... on Patient { x: name } ... on Clinician { x: name } ... on AuditEvent { x: name } } }",
            r#"{search: [{x: "Patient 1"}, null, null, null]}"#,
            &["search.2.x: FORBIDDEN READ_STAFF @1:58", "search.3.x: FORBIDDEN READ_AUDIT @1:88"],
            &[],
        ),
        (
            "interface inside a union",
            &["READ_PATIENTS", "READ_STAFF"],
            "{ search { ... on Node { id } ... on Contact { phone } } }",
            r#"{search: [{id: "P1", phone: null}, null, {id: "C1", phone: null}, null]}"#,
            &[
                "search.0.phone: FORBIDDEN READ_CONTACT @1:48",
                "search.2.phone: FORBIDDEN READ_CONTACT @1:48",
                "search.3.id: FORBIDDEN READ_AUDIT @1:26",
            ],
            &[],
        ),
        (
            "nothing selected for some members",
            &["READ_PATIENTS", "READ_AUDIT"],
            "{ search { ... on Patient { id } } }",
            r#"{search: [{id: "P1"}, null, {}, {}]}"#,
            &[],
            &[],
        ),
        (
            "a union counts nothing it may not name",
            &["READ_PATIENTS"],
            "{ search { __typename } }",
            r#"{search: [{__typename: "Patient"}, null, null, null]}"#,
            &["search.2.__typename: FORBIDDEN READ_STAFF @1:12", "search.3.__typename: FORBIDDEN READ_AUDIT @1:12"],
            &[],
        ),
        (
            "fragment on an interface that narrows to nothing",
            &["READ_PATIENTS"],
            "{ patient { ... on Node { ... on Clinician { name } id } } }",
            r#"{patient: {id: "P1"}}"#,
            &[],
            &[],
        ),
        (
            "list of interfaces by id",
            &["READ_PATIENTS"],
            r#"{ nodes(ids: ["P1", "X"]) { id } }"#,
            r#"{nodes: [{id: "P1"}, null]}"#,
            &[],
            &[],
        ),
    ]);
}

#[test]
fn the_answer_keeps_the_shape_and_order_of_the_document() {
    hold(&[
        (
            "nested lists with nulls",
            &["READ_PATIENTS", "READ_STAFF", "READ_CONTACT"],
            "{ patient { grid { id phone } } }",
            r#"{patient: {grid: [[{id: "C1", phone: "777"}, null], null, []]}}"#,
            &[],
            &["Clinician.phone"],
        ),
        (
            "nested lists with a denial",
            &["READ_PATIENTS", "READ_STAFF"],
            "{ patient { grid { id phone } } }",
            r#"{patient: {grid: [[{id: "C1", phone: null}, null], null, []]}}"#,
            &["patient.grid.0.0.phone: FORBIDDEN READ_CONTACT @1:23"],
            &[],
        ),
        (
            "a null parent has no error",
            &["READ_PATIENTS", "READ_STAFF"],
            r#"{ patient(id: "P2") { doctor { phone } } }"#,
            "{patient: {doctor: null}}",
            &[],
            &[],
        ),
        (
            "a pending field keeps its place",
            &["READ_PATIENTS", "READ_CONTACT"],
            "{ patient { slow id phone } }",
            r#"{patient: {slow: 7, id: "P1", phone: "555-1"}}"#,
            &[],
            &["Patient.phone"],
        ),
        (
            "a pending field beside a denied one",
            &["READ_PATIENTS"],
            "{ patient { slow phone id } }",
            r#"{patient: {slow: 7, phone: null, id: "P1"}}"#,
            &["patient.phone: FORBIDDEN READ_CONTACT @1:18"],
            &[],
        ),
        (
            "a failed field keeps its key",
            &["READ_PATIENTS"],
            "{ patient { broken id } }",
            r#"{patient: {broken: null, id: "P1"}}"#,
            &["patient.broken: broken @1:13"],
            &[],
        ),
        (
            "a failed non-null field empties its object",
            &["READ_PATIENTS"],
            "{ patient { id friend { id shattered } } }",
            r#"{patient: {id: "P1", friend: null}}"#,
            &["patient.friend.shattered: shattered @1:28"],
            &[],
        ),
        (
            "all fields failed and nullable",
            &["READ_PATIENTS"],
            "{ patient { friend { broken } } }",
            "{patient: {friend: {broken: null}}}",
            &["patient.friend.broken: broken @1:22"],
            &[],
        ),
        (
            "all fields refused",
            &["READ_PATIENTS"],
            "{ patient { phone } }",
            "{patient: {phone: null}}",
            &["patient.phone: FORBIDDEN READ_CONTACT @1:13"],
            &[],
        ),
        (
            "nothing left to run",
            &[],
            "{ patient { id } secret }",
            "{patient: null, secret: null}",
            &["patient: FORBIDDEN READ_PATIENTS @1:3", "secret: FORBIDDEN READ_AUDIT @1:18"],
            &[],
        ),
        (
            "some of the root left",
            &[],
            "{ patient { id } version secret }",
            r#"{patient: null, version: "1", secret: null}"#,
            &["patient: FORBIDDEN READ_PATIENTS @1:3", "secret: FORBIDDEN READ_AUDIT @1:26"],
            &[],
        ),
        (
            "an object with nothing selected",
            &["READ_PATIENTS"],
            "{ patient { id @skip(if: true) } }",
            "{patient: {}}",
            &[],
            &[],
        ),
        (
            "a mutation named twice runs once",
            &["WRITE_LOGS", "READ_LOGS"],
            "mutation { addLog { id } addLog { kind } }",
            r#"{addLog: {id: "L9", kind: "VISIT"}}"#,
            &[],
            &["Mutation.addLog"],
        ),
        (
            "a refused mutation beside an allowed one",
            &["WRITE_LOGS", "READ_LOGS"],
            "mutation { addLog { id } purge }",
            r#"{addLog: {id: "L9"}, purge: null}"#,
            &["purge: FORBIDDEN READ_AUDIT @1:26"],
            &["Mutation.addLog"],
        ),
        (
            "an allowed mutation with a refused result",
            &["WRITE_LOGS"],
            "mutation { addLog { id } }",
            "{addLog: null}",
            &["addLog.id: FORBIDDEN READ_LOGS @1:21"],
            &["Mutation.addLog"],
        ),
    ]);
}

#[test]
fn introspection_runs_only_when_the_caller_may() {
    hold(&[
        (
            "beside a denial",
            &[],
            "{ version __schema { queryType { name } } secret }",
            r#"{version: "1", __schema: null, secret: null}"#,
            &["__schema: FORBIDDEN @1:11", "secret: FORBIDDEN READ_AUDIT @1:43"],
            &[],
        ),
        ("type", &[], r#"{ __type(name: "Patient") { name } }"#, "{__type: null}", &["__type: FORBIDDEN @1:3"], &[]),
    ]);
}
