//! What happens to null where the type forbids it, and what streams do. The schema here is one the lint refuses.

use async_graphql::{
    Response, Value,
    futures_util::{StreamExt, future},
};

use super::{answer, block_on, harsh_as, toy_as};

#[test]
fn a_refused_non_null_field_empties_the_nearest_place_that_may_be_null() {
    let cases = [
        ("{ thing { id secret } }", "{thing: null}", "thing.secret"),
        ("{ rows { id secret } }", "{rows: [null, null]}", "rows.0.secret"),
        ("{ thing { id inner { inner { secret } } } }", "{thing: null}", "thing.inner.inner.secret"),
        ("{ grid { secret } }", "{grid: null}", "grid.0.0.secret"),
        ("{ must { id secret } }", "null", "must.secret"),
        ("{ thing { id } secret }", "null", "secret"),
        ("{ thing { id } unlabelled }", "{thing: {id: 1}, unlabelled: null}", "unlabelled"),
    ];
    for (document, data, path) in cases {
        let answer = harsh_as(&["READ_CONTACT"]).asks(document);
        assert_eq!(answer.data, data, "{document}");
        assert_eq!(answer.errors.len(), 1, "{document}");
        assert!(answer.errors[0].starts_with(&format!("{path}: FORBIDDEN")), "{document}: {answer:?}");
        assert!(answer.ran.is_empty(), "{document}: {answer:?}");
    }
}

#[test]
fn no_permission_opens_a_field_without_a_label() {
    let answer = harsh_as(super::ALL).asks("{ unlabelled }");
    assert_eq!(answer.data, "{unlabelled: null}");
    assert_eq!(answer.errors, ["unlabelled: FORBIDDEN NOBODY @1:3"]);
}

#[test]
fn a_document_with_nothing_left_or_nothing_to_save_does_not_run() {
    for document in ["{ secret }", "{ thing { id } secret }", "{ unlabelled }"] {
        let asking = harsh_as(&[]);
        let plan = asking.plan(document).expect("a plan");
        assert!(plan.request(asking.variables.clone()).is_none(), "{document}");
    }
}

#[test]
fn an_object_that_does_not_tell_its_type_is_null() {
    let plan = toy_as(super::ALL).plan("{ node(id: \"P1\") { id ... on Patient { name } } }").expect("a plan");
    for node in ["{ id: \"P1\" }", "{ id: \"P1\", __t: \"Stranger\" }"] {
        let data = async_graphql::parser::parse_query(format!("{{ f(v: {{ node: {node} }}) }}")).expect("it parses");
        let value = data.operations.iter().next().and_then(|(_, operation)| {
            let async_graphql::parser::types::Selection::Field(field) =
                &operation.node.selection_set.node.items.first()?.node
            else {
                return None;
            };
            field.node.arguments.first()?.1.node.clone().into_const()
        });
        let mut response = Response::new(value.expect("a constant"));
        plan.patch(&mut response);
        assert_eq!(response.data.to_string(), "{node: null}", "{node}");
    }
}

#[test]
fn an_answer_refused_before_execution_is_left_alone() {
    let plan = toy_as(&[]).plan("{ version secret }").expect("a plan");
    let mut response = Response::from_errors(vec![async_graphql::ServerError::new("no", None)]);
    plan.patch(&mut response);
    assert_eq!((response.data, response.errors.len()), (Value::Null, 1));
}

fn events(held: &[&str], document: &str) -> Vec<String> {
    let asking = toy_as(held);
    let plan = asking.plan(document).expect("a plan");
    let Some(request) = plan.request(asking.variables.clone()) else {
        let mut response = Response::default();
        plan.patch(&mut response);
        return vec![format!("{:?}", answer(&response))];
    };
    let patched = asking.schema.execute_stream(request).map(|mut event| {
        plan.patch(&mut event);
        event.data.to_string() + &event.errors.iter().map(super::short).collect::<Vec<_>>().join(" ")
    });
    block_on(patched.filter(|event| future::ready(!event.is_empty())).collect())
}

#[test]
fn each_event_of_a_stream_is_completed() {
    let found = events(&["READ_LOGS"], "subscription { ...F } fragment F on Events { logs { id patient { name } } }");
    assert_eq!(
        found,
        ["{logs: {id: \"L1\", patient: null}}logs.patient.name: FORBIDDEN READ_PATIENTS @1:66", "{logs: null}"]
    );
}

#[test]
fn a_refused_stream_is_one_answer_and_no_stream() {
    let found = events(&["READ_LOGS"], "subscription { audit }");
    let expected = "Answer { data: \"{audit: null}\", errors: [\"audit: FORBIDDEN READ_AUDIT @1:16\"], ran: [] }";
    assert_eq!(found, [expected]);
}
