//! How many SQL statements an answer takes. More rows must never mean more statements.

use serde_json::{Value, json};

use crate::support::{Actor, Answer, TestApp};

/// A hospital with patients and three task logs for each.
async fn ward(patients: usize) -> (TestApp, Actor, Actor) {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician, colleague) = (app.admin(&hospital), app.clinician(&hospital), app.colleague(&hospital));
    for number in 0..patients {
        let patient = admin.patient(&format!("MRN-{number}")).await;
        for actor in [&clinician, &colleague, &clinician] {
            actor.task_log(&patient, "Pulse 72").await;
        }
    }
    (app, admin, clinician)
}

/// The answer, and the statements that it took beside the one that every request of a person takes: whether the session
/// still stands. That one is asked in front of everything else, also of a document that is then refused.
async fn counted(app: &TestApp, actor: &Actor, query: &str) -> (Answer, u64) {
    let before = app.app.database.statements();
    let answer = actor.ask(query).await;
    let session = u64::from(actor.token.is_some());
    (answer, app.app.database.statements() - before - session)
}

/// How many objects are in the lists of an answer.
fn nodes(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(nodes).sum(),
        Value::Array(items) => items.iter().map(|item| 1 + nodes(item)).sum(),
        _ => 0,
    }
}

#[tokio::test]
async fn an_answer_takes_as_many_statements_as_it_has_kinds_of_rows() {
    let (app, admin, clinician) = ward(20).await;
    // Opening and closing the snapshot are two of them.
    for (what, statements, items, query) in [
        ("nothing of the database", 0, 0, "{ viewer { id role permissions } __typename }"),
        ("the hospital", 3, 0, "{ hospital { name } }"),
        (
            "a page of 50 with patient and clinician",
            5,
            50,
            "{ taskLogs(first: 50) { nodes { id patient { lastName room } clinician { name } } } }",
        ),
        (
            "the same through edges",
            5,
            50,
            "{ taskLogs(first: 50) { edges { cursor node { patient { lastName } clinician { name } } } pageInfo { endCursor } } }",
        ),
        (
            "the same through fragments",
            5,
            50,
            "{ taskLogs(first: 50) { nodes { ...L } } } fragment L on TaskLog { ... on TaskLog { patient { mrn } } clinician { name } }",
        ),
        (
            "the same with who changed it",
            5,
            50,
            "{ taskLogs(first: 50) { nodes { patient { lastName } clinician { name } changedBy { name } } } }",
        ),
        (
            "its length too",
            6,
            50,
            "{ taskLogs(first: 50) { totalCount nodes { patient { lastName } clinician { name } } } }",
        ),
        (
            "20 patients with three logs each",
            4,
            80,
            "{ patients(first: 20) { nodes { lastName taskLogs(first: 3) { nodes { description } } } } }",
        ),
        (
            "with the number of each one's logs",
            5,
            80,
            "{ patients(first: 20) { nodes { lastName taskLogs(first: 3) { totalCount nodes { description } } } } }",
        ),
        (
            "with who did them",
            5,
            80,
            "{ patients(first: 20) { nodes { taskLogs(first: 3) { nodes { clinician { name } } } } } }",
        ),
        (
            "and back to the patients",
            5,
            80,
            "{ patients(first: 20) { nodes { taskLogs(first: 3) { nodes { patient { lastName } } } } } }",
        ),
        (
            "two lists of each patient",
            5,
            140,
            "{ patients(first: 20) { nodes { taskLogs(first: 3) { nodes { id } } vitals: taskLogs(first: 3, filter: { taskTypes: [VITALS] }) { nodes { id } } } } }",
        ),
        (
            "everybody with e-mail and logs",
            5,
            9,
            "{ staff { nodes { email taskLogs(first: 3) { nodes { description } } } } }",
        ),
        ("the versions of 60 logs", 4, 60, "{ taskLogs(first: 60) { nodes { revisions { nodes { version } } } } }"),
        ("how many versions 60 logs have", 5, 60, "{ taskLogs(first: 60) { nodes { revisions { totalCount } } } }"),
        (
            "groups with their patients",
            5,
            20,
            "{ taskLogStats(groupBy: PATIENT) { groups { count patient { lastName } } } }",
        ),
    ] {
        let (answer, taken) = counted(&app, &admin, query).await;
        answer.data();
        assert_eq!(
            (nodes(&answer.body["data"]) - permissions(&answer), taken),
            (items, statements),
            "{what}: {}",
            answer.body
        );
    }
    let (answer, taken) = counted(&app, &clinician, "{ viewer { id } }").await;
    assert_eq!((answer.status, taken), (200, 0));
}

fn permissions(answer: &Answer) -> usize {
    answer.body["data"]["viewer"]["permissions"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn the_objects_of_many_ids_are_read_together() {
    let (app, admin, _) = ward(5).await;
    let answer = admin
        .ask("{ patients(first: 20) { nodes { id } } taskLogs(first: 50) { nodes { id } } staff { nodes { id } } }")
        .await;
    let ids: Vec<String> = ["patients", "taskLogs", "staff"]
        .iter()
        .flat_map(|list| answer.data()[list]["nodes"].as_array().unwrap().clone())
        .map(|node| node["id"].to_string())
        .collect();
    let query = format!("{{ nodes(ids: [{}]) {{ id }} }}", ids.join(", "));
    let (answer, statements) = counted(&app, &admin, &query).await;
    assert!(answer.data()["nodes"].as_array().unwrap().iter().all(Value::is_object), "{}", answer.body);
    assert_eq!((ids.len(), statements), (23, 5), "begin, three kinds, commit");
}

#[tokio::test]
async fn what_is_refused_is_not_loaded() {
    let (app, admin, clinician) = ward(1).await;
    for (query, as_admin, as_clinician) in [
        // Who does not read every restricted record asks for the stubs of closed ones too.
        ("{ patients { nodes { contactPhone contactEmail } } }", 3, 4),
        ("{ staff { nodes { email } } }", 4, 3),
        ("{ taskLogs { nodes { id revisions { nodes { version } } } } }", 4, 3),
        ("{ taskLogs { nodes { id changedBy { name } } } }", 4, 3),
        // Nothing is left to do at all.
        ("{ taskLogs(filter: { deleted: true }) { nodes { id } } }", 3, 0),
        ("{ staff(filter: { statuses: [ACTIVE] }) { nodes { id } } }", 3, 0),
    ] {
        let (_, statements) = counted(&app, &admin, query).await;
        assert_eq!(statements, as_admin, "{query} as administrator");
        let (answer, statements) = counted(&app, &clinician, query).await;
        assert_eq!(statements, as_clinician, "{query} as clinician");
        let refusals = answer.refusals();
        assert!(!refusals.is_empty() && refusals.iter().all(|(_, needs)| !needs.is_empty()), "{}", answer.body);
    }
    let (answer, statements) =
        counted(&app, &app.anonymous(), "{ patients { totalCount } taskLogs { totalCount } }").await;
    assert_eq!((answer.body["data"].clone(), statements), (json!({ "patients": null, "taskLogs": null }), 0));
}

#[tokio::test]
async fn a_document_that_is_refused_as_a_whole_asks_the_database_nothing() {
    let (app, admin, _) = ward(1).await;
    for query in [
        "{",
        "{ nothing }",
        "{ patients(first: 100) { nodes { taskLogs(first: 100) { nodes { patient { taskLogs(first: 100) { nodes { id } } } } } } } }",
    ] {
        let (answer, statements) = counted(&app, &admin, query).await;
        assert_eq!((answer.body.get("data"), statements), (None, 0), "{query}");
    }
}
