//! Requests that are made to hurt: each is refused before it costs anything, and the next one is served.

mod families;

use serde_json::{Value, json};

use crate::support::TestApp;
use families::bombs;

#[tokio::test]
async fn a_request_made_to_hurt_is_refused_and_the_next_one_is_served() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, stranger) = (app.admin(&hospital), app.anonymous());
    for bomb in bombs() {
        for actor in [&admin, &stranger] {
            let request = actor.post().header("content-type", "application/json");
            let request = request.header("accept", "application/graphql-response+json").body(bomb.body.clone());
            let response = request.send().await.unwrap_or_else(|error| panic!("{}: {error}", bomb.name));
            let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
            assert!(status < 500 && text.len() < 4_000, "{}: {status} {}", bomb.name, text.len());
            if actor.token.is_some() {
                let body: Value = serde_json::from_str(&text).unwrap_or_default();
                let code = body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
                assert_eq!((status, code), (bomb.status, bomb.code), "{}: {text}", bomb.name);
                assert!(status == 200 || body.get("data").is_none(), "{}: {text}", bomb.name);
            }
        }
        let next = admin.ask("{ hospital { slug } }").await;
        assert_eq!(next.data()["hospital"]["slug"], hospital.slug, "after {}", bomb.name);
    }
}

/// What is refused as a document never asks PostgreSQL for data: only the session is asked.
#[tokio::test]
async fn a_refused_document_costs_the_database_nothing_but_the_question_who_asks() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let refused: Vec<_> = bombs().into_iter().filter(|bomb| bomb.status == 400).collect();
    let before = app.app.database.statements();
    for bomb in &refused {
        let request = admin.post().header("content-type", "application/json").body(bomb.body.clone());
        request.send().await.unwrap_or_else(|error| panic!("{}: {error}", bomb.name));
    }
    assert_eq!(app.app.database.statements() - before, refused.len() as u64);
}

/// An answer is measured while it is written; one that gets too large is an error, and never half an answer.
#[tokio::test]
async fn an_answer_of_more_than_four_mebibytes_is_refused_with_what_to_do() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let patient = app.admin(&hospital).patient("MRN-1").await;
    let clinician = app.clinician(&hospital);
    let input = json!({ "patientId": patient, "taskType": "VITALS", "description": "d", "notes": "n".repeat(4_000) });
    let log = clinician.mutate("createTaskLog", input, "taskLog { id }").await["taskLog"]["id"].clone();
    let notes: String = (0..25).map(|at| format!("n{at}: notes ")).collect();
    let query = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on TaskLog {{ {notes} }} }} }}");
    let ask = async |times: usize| clinician.ask_with(&query, json!({ "ids": vec![log.clone(); times] })).await;

    let large = ask(41).await;
    assert_eq!(large.data()["nodes"].as_array().unwrap().len(), 41, "4.1 MB are served");
    let refused = ask(43).await;
    let message = "The answer is larger than the limit of 4194304 bytes. Ask for fewer fields or smaller pages. \
        If this was a mutation, it has run.";
    let error = json!({ "message": message, "extensions": { "code": "QUERY_TOO_COMPLEX" } });
    assert_eq!((refused.status, refused.body), (200, json!({ "errors": [error] })));
}
