//! What an object says the viewer may do with it is what the mutation then does.

use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

const RIGHTS: &str = "viewerCanUpdate viewerCannotUpdateReasons viewerCanDelete viewerCannotDeleteReasons";

/// What an object says: why not update, why not delete; nothing when the viewer does not see it.
async fn said(actor: &Actor, id: &str) -> Option<[Vec<String>; 2]> {
    let query = format!(
        "query($id: ID!) {{ node(id: $id) {{
            ... on Patient {{ {RIGHTS} }} ... on TaskLog {{ {RIGHTS} }} ... on Staff {{ {RIGHTS} }} }} }}"
    );
    let answer = actor.ask_with(&query, json!({ "id": id })).await;
    let node = answer.body["data"]["node"].as_object()?.clone();
    let reasons = |name: &str| -> Vec<String> { serde_json::from_value(node[name].clone()).unwrap_or_default() };
    let said = [reasons("viewerCannotUpdateReasons"), reasons("viewerCannotDeleteReasons")];
    if node["viewerCanUpdate"].is_null() {
        return None;
    }
    assert_eq!(node["viewerCanUpdate"], json!(said[0].is_empty()));
    assert_eq!(node["viewerCanDelete"], json!(said[1].is_empty()));
    Some(said)
}

/// What a mutation does: why it refuses, in the words of the rights.
async fn done(actor: &Actor, name: &str, input: Value) -> Vec<String> {
    let mut kind = name.to_owned();
    kind[..1].make_ascii_uppercase();
    let query = format!("mutation($input: {kind}Input!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}");
    let answer = actor.ask_with(&query, json!({ "input": input })).await;
    if answer.body.get("errors").is_some() {
        assert_eq!(answer.code(), "FORBIDDEN", "{}", answer.body);
        return vec!["NO_PERMISSION".into()];
    }
    let errors = answer.data()[name]["userErrors"].as_array().unwrap().clone();
    errors.iter().map(|error| error["code"].as_str().unwrap().to_owned()).collect()
}

async fn agrees(actor: &Actor, id: &str, update: (&str, Value), delete: (&str, Value), story: &str) {
    let said = said(actor, id).await.unwrap_or_else(|| panic!("{story}: not seen"));
    // A deleted record is seen by those who read history, and is not there for a change.
    let words = |reasons: &[String]| -> Vec<String> {
        reasons.iter().map(|reason| if reason == "DELETED" { "NOT_FOUND".into() } else { reason.clone() }).collect()
    };
    assert_eq!(words(&said[0]), done(actor, update.0, update.1).await, "{story}: update");
    // Asked again: the update may have changed the answer, as it does when a last administrator steps down.
    let said = self::said(actor, id).await.unwrap_or_else(|| panic!("{story}: not seen"));
    assert_eq!(words(&said[1]), done(actor, delete.0, delete.1).await, "{story}: delete");
}

#[tokio::test]
async fn patients_say_who_may_change_and_archive_them() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let actors = [
        ("administrator", admin.clone()),
        ("clinician", app.clinician(&hospital)),
        ("partner", admin.partner_key(json!([])).await),
    ];
    for archived in [false, true] {
        for (who, actor) in &actors {
            let id = admin.patient(&format!("{who}-{archived}")).await;
            if archived {
                admin.mutate("archivePatient", json!({ "id": id }), "patient { id }").await;
            }
            let update = ("updatePatient", json!({ "id": id, "room": "9Z" }));
            agrees(actor, &id, update, ("archivePatient", json!({ "id": id })), &format!("{who}, archived {archived}"))
                .await;
        }
    }
}

#[tokio::test]
async fn task_logs_say_who_may_change_and_delete_them() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, author) = (app.admin(&hospital), app.clinician(&hospital));
    let patient = admin.patient("MRN-1").await;
    let actors = [
        ("administrator", admin.clone()),
        ("author", author.clone()),
        ("colleague", app.colleague(&hospital)),
        ("partner", admin.partner_key(json!([])).await),
    ];
    for deleted in [false, true] {
        for (who, actor) in &actors {
            let id = author.task_log(&patient, "Pulse 72").await;
            if deleted {
                author.mutate("deleteTaskLog", json!({ "id": id }), "deletedTaskLogId").await;
            }
            if deleted && *who != "administrator" {
                assert_eq!(said(actor, &id).await, None, "{who} does not see a deleted task log");
                continue;
            }
            let update = ("updateTaskLog", json!({ "id": id, "description": "Pulse 74", "reason": "Mistyped" }));
            let delete = ("deleteTaskLog", json!({ "id": id, "reason": "Wrong patient" }));
            agrees(actor, &id, update, delete, &format!("{who}, deleted {deleted}")).await;
        }
    }
}

#[tokio::test]
async fn staff_say_who_may_change_and_deactivate_them_and_who_is_the_last_administrator() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let last = hospital.admin.staff.to_string();
    assert_eq!(said(&admin, &last).await.unwrap(), [vec![], vec!["LAST_ADMIN".to_owned()]]);
    agrees(
        &admin,
        &last,
        ("updateStaff", json!({ "id": last, "name": "Ada Adams" })),
        ("deactivateStaff", json!({ "id": last })),
        "the last administrator",
    )
    .await;

    let actors = [("administrator", admin.clone()), ("clinician", app.clinician(&hospital))];
    for deactivated in [false, true] {
        for (who, actor) in &actors {
            let input = json!({ "email": format!("{who}{deactivated}@new.example"), "name": "New", "role": "ADMIN",
                "initialPassword": "a password for tests" });
            let payload = admin.mutate("createStaff", input, "staff { id }").await;
            let id = payload["staff"]["id"].as_str().unwrap();
            if deactivated {
                admin.mutate("deactivateStaff", json!({ "id": id }), "staff { id }").await;
            }
            let update = ("updateStaff", json!({ "id": id, "name": "Newer" }));
            agrees(
                actor,
                id,
                update,
                ("deactivateStaff", json!({ "id": id })),
                &format!("{who}, deactivated {deactivated}"),
            )
            .await;
        }
    }
    // Somebody else is an administrator now, so this one is no longer the last.
    let input = json!({ "email": "second@new.example", "name": "Second", "role": "ADMIN", "initialPassword": "a password for tests" });
    admin.mutate("createStaff", input, "staff { id }").await;
    assert_eq!(said(&admin, &last).await.unwrap(), [vec![], Vec::<String>::new()]);
}
