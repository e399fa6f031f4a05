use sea_orm::sqlx;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, Event, TestApp, user_errors};

fn kinds(events: &[Event]) -> Vec<String> {
    events.iter().map(Event::what).collect()
}

/// The UUID inside of an id.
fn bare(id: &str) -> Uuid {
    Uuid::try_parse(id.split_once('_').unwrap().1).unwrap()
}

#[tokio::test]
async fn a_change_leaves_one_event_with_what_changed_whose_it_is_and_why() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician) = (app.admin(&hospital), app.clinician(&hospital));
    let before = app.events().await.len();
    let patient = admin.patient("MRN-1").await;
    let log = clinician.task_log(&patient, "Pulse 72").await;
    let update = json!({ "id": log, "description": "Pulse 74", "reason": "Read the wrong line" });
    admin.mutate("updateTaskLog", update.clone(), "taskLog { id patient { lastName } }").await;
    // The same once more changes nothing, and is told all the same: it showed the log.
    admin.mutate("updateTaskLog", update, "taskLog { version }").await;
    admin.mutate("deleteTaskLog", json!({ "id": log, "reason": "Twice" }), "deletedTaskLogId").await;
    admin.mutate("archivePatient", json!({ "id": patient }), "patient { id }").await;
    admin.mutate("deactivateStaff", json!({ "id": hospital.colleague.staff.to_string() }), "staff { id }").await;

    let events = &app.events().await[before..];
    assert_eq!(kinds(events), vec!["CHANGE OK"; 7], "{events:#?}");
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.subject.unwrap(), event.patients.len(), event.rows, event.reason.as_deref()))
        .collect();
    let (pat, log) = (bare(&patient), bare(&log));
    let (wrong, twice) = (Some("Read the wrong line"), Some("Twice"));
    let expected = [
        (pat, 1, 1, None),
        (log, 1, 1, None),
        (log, 1, 1, wrong),
        (log, 1, 1, wrong),
        (log, 1, 1, twice),
        (pat, 1, 1, None),
        (hospital.colleague.staff.0, 0, 0, None),
    ];
    assert_eq!(told, expected);
    assert!(events[..6].iter().all(|event| event.patients == [patient.as_str()]));
    assert!(events[2].fields.contains(&"Mutation.updateTaskLog".to_owned()), "{:?}", events[2].fields);
    assert!(events[2].fields.contains(&"Patient.lastName".to_owned()), "the payload too: {:?}", events[2].fields);
}

#[tokio::test]
async fn what_is_not_done_is_told_too() {
    let app = TestApp::start().await;
    let (hospital, other) = (app.hospital().await, app.hospital().await);
    let (admin, clinician) = (app.admin(&hospital), app.clinician(&hospital));
    let patient = admin.patient("MRN-1").await;
    let log = clinician.task_log(&patient, "Pulse 72").await;
    let foreign = app.admin(&other).patient("MRN-1").await;
    let partner = admin.partner_key(json!([])).await;
    let before = app.events().await.len();
    let refused = |answer: &Answer, name: &str, code: &str| {
        assert_eq!(user_errors(&answer.body["data"][name])[0].1, code, "{}", answer.body);
    };
    let update = json!({ "id": log, "description": "x" });
    let colleague = app.colleague(&hospital);
    refused(&colleague.send("updateTaskLog", update.clone(), "taskLog { id }").await, "updateTaskLog", "NOT_AUTHOR");
    let create = |patient: &str| json!({ "patientId": patient, "taskType": "VITALS", "description": "x" });
    refused(&clinician.send("createTaskLog", create(&foreign), "taskLog { id }").await, "createTaskLog", "NOT_FOUND");
    let stale = json!({ "id": log, "description": "x", "expectedVersion": 7 });
    refused(&clinician.send("updateTaskLog", stale, "taskLog { id }").await, "updateTaskLog", "VERSION_CONFLICT");
    // Refused by the label, by the kind of its id, and as a whole.
    let input = json!({ "id": patient });
    assert_eq!(clinician.send("archivePatient", input.clone(), "patient { id }").await.code(), "FORBIDDEN");
    assert_eq!(admin.send("archivePatient", json!({ "id": log }), "patient { id }").await.code(), "BAD_USER_INPUT");
    assert_eq!(partner.send("archivePatient", input, "patient { id }").await.status, 403);

    let events = &app.events().await[before..];
    let expected = ["REFUSED", "REFUSED", "REFUSED", "REFUSED", "FAILED", "REFUSED"].map(|how| format!("CHANGE {how}"));
    assert_eq!(kinds(events), expected, "{events:#?}");
    let subjects: Vec<_> = events.iter().map(|event| event.subject).collect();
    let log = Some(bare(&log));
    assert_eq!(subjects, [log, Some(bare(&foreign)), log, None, None, None]);
    assert!(events.iter().all(|event| event.hospital == hospital.id.0), "what was tried here is told here");
    assert_eq!(events[3].refused, ["Mutation.archivePatient"]);
    assert_eq!((events[5].actor.0.as_str(), events[5].role.as_str()), ("PARTNER_KEY", "PARTNER"));
}

#[tokio::test]
async fn each_field_of_a_mutation_has_its_event_and_what_its_answer_shows_beyond_has_another() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician) = (app.admin(&hospital), app.clinician(&hospital));
    let (one, two) = (admin.patient("MRN-1").await, admin.patient("MRN-2").await);
    clinician.task_log(&two, "Pulse 72").await;
    let log = clinician.task_log(&one, "Pulse 73").await;
    let before = app.events().await.len();
    let query = format!(
        "mutation Both {{
           a: createTaskLog(input: {{ patientId: \"{one}\", taskType: VITALS, description: \"x\" }}) {{ taskLog {{ id }} }}
           b: createTaskLog(input: {{ patientId: \"{one}\", taskType: VITALS, description: \"\" }}) {{ userErrors {{ code }} }}
           c: updateTaskLog(input: {{ id: \"{log}\", description: \"y\" }}) {{
             taskLog {{ clinician {{ taskLogs {{ nodes {{ patient {{ id contactPhone }} }} }} }} }} }} }}"
    );
    let answer = clinician.ask(&query).await;
    assert!(answer.refusals().iter().all(|(_, needs)| needs == "READ_PATIENT_CONTACT"), "{}", answer.body);
    let events = &app.events().await[before..];
    let told: Vec<(String, Vec<String>)> = events.iter().map(|event| (event.what(), event.patients.clone())).collect();
    let row = |what: &str, patients: &[&String]| {
        (what.to_owned(), patients.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    // The changes are committed as they happen; the rest comes when the answer is known.
    let expected = [
        row("CHANGE OK", &[&one]),
        row("CHANGE OK", &[&one]),
        row("CHANGE REFUSED", &[]),
        row("READ PARTIAL", &[&two]),
    ];
    assert_eq!(told, expected, "{events:#?}");
    assert!(
        events.iter().all(|event| event.request == events[0].request && event.operation.as_deref() == Some("Both"))
    );
}

#[tokio::test]
async fn a_change_whose_event_cannot_be_written_is_not_made() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician) = (app.admin(&hospital), app.clinician(&hospital));
    let patient = admin.patient("MRN-1").await;
    let create =
        json!({ "patientId": patient, "taskType": "VITALS", "description": "Pulse 72", "idempotencyKey": "1" });
    let run = async |sql: &'static str| {
        sqlx::query(sql).execute(&mut app.database.superuser().await).await.unwrap();
    };
    let before = app.events().await.len();
    run("REVOKE INSERT ON audit_events FROM patient_logger_door").await;
    let answer = clinician.send("createTaskLog", create.clone(), "taskLog { id }").await;
    assert_eq!((answer.status, answer.body.get("data"), answer.code()), (503, None, "UNAVAILABLE"));
    let logs = "SELECT count(*) FROM task_logs";
    let count: i64 = sqlx::query_scalar(logs).fetch_one(&mut app.database.superuser().await).await.unwrap();
    assert_eq!((count, app.events().await.len()), (0, before), "neither the log nor an event");

    run("GRANT INSERT ON audit_events TO patient_logger_door").await;
    let payload = clinician.mutate("createTaskLog", create, "taskLog { description }").await;
    assert_eq!(payload["taskLog"], json!({ "description": "Pulse 72" }));
    assert_eq!(kinds(&app.events().await[before..]), ["CHANGE OK"]);
    assert_eq!(payload["userErrors"], Value::Array(Vec::new()));
}
