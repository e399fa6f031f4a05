//! Task logs: who records, who changes, what is kept.

use chrono::Duration;
use futures_util::future::join_all;
use patient_logger::kernel::{PatientId, TaskLogId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, TestApp, user_errors, with};

/// What a clinician sees of a task log.
const LOG: &str = "taskLog { id taskType description notes completedAt recordedAt updatedAt version patient { id } clinician { id name } }";

/// What stands in the books of a task log.
const HISTORY: &str = "{ version description notes completedAt updatedAt deletedAt changedBy { name } changeReason
    revisions { totalCount nodes { version taskType description notes completedAt changedAt changedBy { name } changeReason } } }";

async fn history(admin: &Actor, log: &str) -> Value {
    let query = format!("query($id: ID!) {{ taskLog(id: $id) {HISTORY} }}");
    admin.ask_with(&query, json!({ "id": log })).await.data()["taskLog"].clone()
}

#[tokio::test]
async fn a_clinician_records_a_task_as_the_one_who_did_it_at_the_time_of_the_server() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let patient = app.admin(&hospital).patient("A-1").await;
    let clinician = app.clinician(&hospital);
    let least = json!({ "patientId": patient, "taskType": "VITALS", "description": " Pulse 72, \n\tregular " });
    let payload = clinician.mutate("createTaskLog", least, LOG).await;
    let now = "2026-03-01T12:00:00Z";
    let log = json!({ "id": payload["taskLog"]["id"], "taskType": "VITALS", "description": "Pulse 72, \n\tregular", "notes": null,
        "completedAt": now, "recordedAt": now, "updatedAt": now, "version": 1, "patient": { "id": patient },
        "clinician": { "id": hospital.clinician.staff.to_string(), "name": "Carl Clinician" } });
    assert_eq!(payload, json!({ "taskLog": log, "userErrors": [] }));

    // Any offset, answered in UTC; what is finer than a microsecond is cut off.
    let most = json!({ "patientId": patient, "taskType": "WOUND_CARE", "description": "Verband gewechselt, 傷", "notes": "e\u{301}",
        "completedAt": "2026-02-28T23:30:00.123456789+01:00" });
    let payload = clinician.mutate("createTaskLog", most, LOG).await;
    let second = with(
        &log,
        json!({ "id": payload["taskLog"]["id"], "taskType": "WOUND_CARE", "notes": "é",
        "description": "Verband gewechselt, 傷", "completedAt": "2026-02-28T22:30:00.123456Z" }),
    );
    assert_eq!(payload, json!({ "taskLog": second, "userErrors": [] }));

    let nodes = LOG.strip_prefix("taskLog").unwrap();
    let listed = app.colleague(&hospital).ask(&format!("{{ taskLogs {{ totalCount nodes {nodes} }} }}")).await;
    assert_eq!(listed.data()["taskLogs"], json!({ "totalCount": 2, "nodes": [log, second] }));
}

#[tokio::test]
async fn each_field_takes_what_fits_and_not_one_character_more() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let patient = app.admin(&hospital).patient("A-1").await;
    let clinician = app.clinician(&hospital);
    let log = clinician.task_log(&patient, "Pulse 72").await;
    let least = json!({ "patientId": patient, "taskType": "OTHER", "description": "x" });
    let mut cases = vec![
        ("description", "𠮷".repeat(2_000), None),
        ("description", "𠮷".repeat(2_001), Some("TOO_LONG")),
        ("notes", "e\u{301}".repeat(10_000), None),
        ("notes", "é".repeat(10_001), Some("TOO_LONG")),
        ("completedAt", "2026-03-01T12:05:00Z".into(), None),
        ("completedAt", "2026-03-01T12:05:01Z".into(), Some("IN_FUTURE")),
        ("completedAt", "9999-12-31T23:59:59Z".into(), Some("IN_FUTURE")),
        ("completedAt", "1900-01-01T00:00:00Z".into(), None),
        ("completedAt", "1899-12-31T23:59:59Z".into(), Some("INVALID")),
        ("completedAt", "0000-01-01T00:00:00+14:00".into(), Some("INVALID")),
        ("completedAt", "2016-12-31T23:59:60Z".into(), None),
    ];
    for field in ["description", "notes"] {
        cases.extend(["", " \n\t ", "\n\u{200d}"].map(|blank| (field, blank.to_owned(), Some("BLANK"))));
        cases.extend(
            ['\0', '\u{1b}', '\u{85}', '\u{2029}', '\u{202e}', '\u{2067}']
                .map(|c| (field, format!("a{c}b"), Some("INVALID"))),
        );
    }
    for (field, value, code) in cases {
        let expected: Vec<_> = code.map(|code| (field.to_owned(), code.to_owned())).into_iter().collect();
        let changes = json!({ field: value });
        let created = clinician.mutate("createTaskLog", with(&least, changes.clone()), "taskLog { id }").await;
        assert_eq!(user_errors(&created), expected, "createTaskLog {changes}");
        let updated = clinician.mutate("updateTaskLog", with(&changes, json!({ "id": log })), "taskLog { id }").await;
        assert_eq!(user_errors(&updated), expected, "updateTaskLog {changes}");
    }

    let mistakes = json!({ "description": "", "notes": "\u{202e}", "completedAt": "2026-03-02T00:00:00Z", "reason": "r".repeat(501) });
    let all = |fields: &[(&str, &str)]| {
        fields.iter().map(|&(field, code)| (field.to_owned(), code.to_owned())).collect::<Vec<_>>()
    };
    let payload = clinician
        .mutate("updateTaskLog", with(&mistakes, json!({ "id": log, "taskType": null })), "taskLog { id }")
        .await;
    let mut shown = user_errors(&payload);
    shown.sort();
    let expected = [
        ("completedAt", "IN_FUTURE"),
        ("description", "BLANK"),
        ("notes", "INVALID"),
        ("reason", "TOO_LONG"),
        ("taskType", "BLANK"),
    ];
    assert_eq!(shown, all(&expected), "all mistakes at once");
    for reason in ["", " ", "a\nb"] {
        let payload =
            clinician.mutate("deleteTaskLog", json!({ "id": log, "reason": reason }), "deletedTaskLogId").await;
        assert_eq!(user_errors(&payload)[0].0, "reason", "{reason:?}");
    }
    let reason = json!({ "id": log, "reason": "r".repeat(500) });
    assert_eq!(clinician.mutate("deleteTaskLog", reason, "deletedTaskLogId").await["deletedTaskLogId"], log);
    for time in ["2026-03-01", "2026-03-01T12:00:00", "now", ""] {
        let answer =
            clinician.send("createTaskLog", with(&least, json!({ "completedAt": time })), "taskLog { id }").await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{time}");
    }
}

#[tokio::test]
async fn every_earlier_version_stays_in_the_books_with_who_when_and_why() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician, colleague) = (app.admin(&hospital), app.clinician(&hospital), app.colleague(&hospital));
    let patient = admin.patient("A-1").await;
    let created = json!({ "patientId": patient, "taskType": "VITALS", "description": "Pulse 27", "notes": "seated" });
    let created = clinician.mutate("createTaskLog", created, LOG).await["taskLog"].clone();
    let log = created["id"].as_str().unwrap();

    app.wait(Duration::minutes(1));
    let change =
        json!({ "id": log, "expectedVersion": 1, "description": "Pulse 72", "completedAt": "2026-03-01T11:50:00Z" });
    let payload = clinician.mutate("updateTaskLog", change.clone(), LOG).await;
    let second = with(
        &created,
        json!({ "description": "Pulse 72", "completedAt": "2026-03-01T11:50:00Z", "version": 2,
        "updatedAt": "2026-03-01T12:01:00Z" }),
    );
    assert_eq!(payload, json!({ "taskLog": second, "userErrors": [] }));

    app.wait(Duration::minutes(1));
    let same =
        json!({ "id": log, "description": " Pulse 72", "notes": "seated", "taskType": "VITALS", "reason": "none" });
    assert_eq!(
        clinician.mutate("updateTaskLog", same, LOG).await["taskLog"],
        second,
        "what changes nothing makes no version"
    );
    let refused = |payload: Value, code: &str, field: &str, message: &str| {
        assert_eq!(
            payload,
            json!({ "taskLog": null, "userErrors": [{ "code": code, "field": [field], "message": message }] })
        );
    };
    let stale = "You expected version 1; it is at version 2. Read it again and decide anew.";
    refused(clinician.mutate("updateTaskLog", change, LOG).await, "VERSION_CONFLICT", "expectedVersion", stale);
    let input = json!({ "id": log, "description": "Pulse 80" });
    let author = "Only the clinician who recorded this task log may change it.";
    refused(
        colleague.mutate("updateTaskLog", with(&input, json!({ "reason": "mine" })), LOG).await,
        "NOT_AUTHOR",
        "id",
        author,
    );
    let why = "Say why you change a task log that somebody else recorded.";
    refused(admin.mutate("updateTaskLog", input.clone(), LOG).await, "REASON_REQUIRED", "reason", why);
    refused(
        admin.mutate("updateTaskLog", with(&input, json!({ "reason": " " })), LOG).await,
        "BLANK",
        "reason",
        "reason must not be blank.",
    );

    let payload = admin.mutate("updateTaskLog", with(&input, json!({ "reason": "The monitor says 80" })), LOG).await;
    let third = with(&second, json!({ "description": "Pulse 80", "version": 3, "updatedAt": "2026-03-01T12:02:00Z" }));
    assert_eq!(payload, json!({ "taskLog": third, "userErrors": [] }), "the clinician stays who did it");
    app.wait(Duration::minutes(1));
    let last = json!({ "id": log, "notes": null, "taskType": "OBSERVATION" });
    clinician.mutate("updateTaskLog", last, LOG).await;

    let version = |fields: Value| {
        let common = json!({ "taskType": "VITALS", "notes": "seated", "completedAt": "2026-03-01T11:50:00Z",
            "changedBy": { "name": "Carl Clinician" }, "changeReason": null });
        with(&common, fields)
    };
    let expected = json!({
        "version": 4, "description": "Pulse 80", "notes": null, "completedAt": "2026-03-01T11:50:00Z",
        "updatedAt": "2026-03-01T12:03:00Z", "deletedAt": null, "changedBy": { "name": "Carl Clinician" }, "changeReason": null,
        "revisions": { "totalCount": 3, "nodes": [
            version(json!({ "version": 3, "description": "Pulse 80", "changedAt": "2026-03-01T12:02:00Z",
                "changedBy": { "name": "Ada Admin" }, "changeReason": "The monitor says 80" })),
            version(json!({ "version": 2, "description": "Pulse 72", "changedAt": "2026-03-01T12:01:00Z" })),
            version(json!({ "version": 1, "description": "Pulse 27", "changedAt": "2026-03-01T12:00:00Z",
                "completedAt": "2026-03-01T12:00:00Z" })),
        ] },
    });
    assert_eq!(history(&admin, log).await, expected);

    let query = format!("query($id: ID!) {{ taskLog(id: $id) {HISTORY} }}");
    let answer = clinician.ask_with(&query, json!({ "id": log })).await;
    let fields = ["deletedAt", "changedBy", "changeReason", "revisions"];
    assert_eq!(
        answer.refusals(),
        fields.map(|field| (format!("taskLog.{field}"), "READ_TASK_LOG_REVISIONS".to_owned()))
    );
    assert_eq!(answer.body["data"]["taskLog"]["version"], 4, "the author reads the log, not its books");
}

#[tokio::test]
async fn only_a_clinician_records_a_task() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let input = json!({ "patientId": admin.patient("A-1").await, "taskType": "OTHER", "description": "x" });
    for (actor, code) in [(&admin, "FORBIDDEN"), (&app.anonymous(), "UNAUTHENTICATED")] {
        let answer = actor.send("createTaskLog", input.clone(), "taskLog { id }").await;
        assert_eq!(answer.code(), code);
        assert_eq!(answer.refusals(), [("createTaskLog".into(), "RECORD_TASK_LOGS".into())]);
        assert_eq!(answer.body["data"], json!({ "createTaskLog": null }));
    }
    assert_eq!(*admin.ask("{ taskLogs { totalCount } }").await.data(), json!({ "taskLogs": { "totalCount": 0 } }));
}

#[tokio::test]
async fn a_deleted_log_leaves_every_list_and_only_those_who_read_the_books_find_it() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician, colleague) = (app.admin(&hospital), app.clinician(&hospital), app.colleague(&hospital));
    let patient = admin.patient("A-1").await;
    let (kept, log) =
        (clinician.task_log(&patient, "Pulse 72").await, clinician.task_log(&patient, "wrong patient").await);
    app.wait(Duration::minutes(1));
    let delete = |actor: &Actor, fields: Value| {
        let (actor, input) = (actor.clone(), with(&json!({ "id": log }), fields));
        async move { actor.mutate("deleteTaskLog", input, "deletedTaskLogId").await }
    };
    for (payload, field, code) in [
        (delete(&colleague, json!({ "reason": "mine" })).await, "id", "NOT_AUTHOR"),
        (delete(&admin, json!({})).await, "reason", "REASON_REQUIRED"),
        (delete(&clinician, json!({ "expectedVersion": 2 })).await, "expectedVersion", "VERSION_CONFLICT"),
    ] {
        assert_eq!(
            (user_errors(&payload), &payload["deletedTaskLogId"]),
            (vec![(field.into(), code.into())], &Value::Null)
        );
    }
    let deleted = delete(&clinician, json!({ "expectedVersion": 1, "reason": "was for 1B" })).await;
    assert_eq!(deleted, json!({ "deletedTaskLogId": log, "userErrors": [] }));

    let everywhere = "query($log: ID!, $patient: ID!, $clinician: ID!) {
        taskLog(id: $log) { id } node(id: $log) { id } nodes(ids: [$log]) { id }
        taskLogs { totalCount nodes { id } } found: taskLogs(filter: { text: \"wrong\", patientIds: [$patient] }) { totalCount nodes { id } }
        patient(id: $patient) { taskLogs { totalCount nodes { id } } }
        clinician: node(id: $clinician) { ... on Staff { taskLogs { totalCount nodes { id } } } }
        taskLogStats(groupBy: CLINICIAN) { totalCount groupCount groups { count } }
    }";
    let variables = json!({ "log": log, "patient": patient, "clinician": hospital.clinician.staff.to_string() });
    let one = json!({ "totalCount": 1, "nodes": [{ "id": kept }] });
    let lists = json!({ "taskLog": null, "node": null, "nodes": [null], "taskLogs": one,
        "found": { "totalCount": 0, "nodes": [] }, "patient": { "taskLogs": one }, "clinician": { "taskLogs": one },
        "taskLogStats": { "totalCount": 1, "groupCount": 1, "groups": [{ "count": 1 }] } });
    assert_eq!(*clinician.ask_with(everywhere, variables.clone()).await.data(), lists);
    let found = json!({ "taskLog": { "id": log }, "node": { "id": log }, "nodes": [{ "id": log }] });
    assert_eq!(*admin.ask_with(everywhere, variables).await.data(), with(&lists, found));

    let filter = "{ taskLogs(filter: { deleted: true }) { totalCount nodes { id deletedAt changeReason } } }";
    let answer = clinician.ask(filter).await;
    assert_eq!((answer.code(), &answer.body["data"]["taskLogs"]), ("FORBIDDEN", &Value::Null));
    let now = "2026-03-01T12:01:00Z";
    let nodes = json!([{ "id": log, "deletedAt": now, "changeReason": "was for 1B" }]);
    assert_eq!(admin.ask(filter).await.data()["taskLogs"], json!({ "totalCount": 1, "nodes": nodes }));
    let books = history(&admin, &log).await;
    assert_eq!(
        (&books["deletedAt"], &books["version"], &books["revisions"]["totalCount"]),
        (&json!(now), &json!(2), &json!(1))
    );
    assert_eq!(books["revisions"]["nodes"][0]["description"], "wrong patient");

    let gone = ("id".to_owned(), "NOT_FOUND".to_owned());
    for actor in [&admin, &clinician, &colleague] {
        let reason = json!({ "id": log, "reason": "again", "expectedVersion": 2 });
        let update = with(&reason, json!({ "description": "x" }));
        assert_eq!(user_errors(&actor.mutate("updateTaskLog", update, LOG).await), std::slice::from_ref(&gone));
        assert_eq!(
            user_errors(&actor.mutate("deleteTaskLog", reason, "deletedTaskLogId").await),
            std::slice::from_ref(&gone)
        );
    }
    assert_eq!(history(&admin, &log).await, books);
}

#[tokio::test]
async fn twenty_changes_at_once_are_twenty_versions_and_none_is_lost() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician) = (app.admin(&hospital), app.clinician(&hospital));
    let log = clinician.task_log(&admin.patient("A-1").await, "change 0").await;
    let change = |number: i32| {
        let input = json!({ "id": log, "description": format!("change {number}") });
        clinician.mutate("updateTaskLog", input, "taskLog { version description }")
    };
    let payloads = join_all((1..=20).map(change)).await;
    let mut answered: Vec<Value> = payloads.into_iter().map(|payload| payload["taskLog"].clone()).collect();
    answered.push(json!({ "version": 1, "description": "change 0" }));
    answered.sort_by_key(|log| std::cmp::Reverse(log["version"].as_i64()));
    let versions: Vec<_> = answered.iter().map(|log| log["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, (1..=21).rev().collect::<Vec<_>>());

    let query = format!(
        "{{ node(id: \"{log}\") {{ ... on TaskLog {{ version description revisions(first: 100) {{ nodes {{ version description }} }} }} }} }}"
    );
    let read = admin.ask(&query).await.data()["node"].clone();
    let mut books = vec![json!({ "version": read["version"], "description": read["description"] })];
    books.extend(read["revisions"]["nodes"].as_array().unwrap().clone());
    assert_eq!(books, answered, "the books hold what each change was told");
}

#[tokio::test]
async fn a_foreign_id_is_answered_byte_for_byte_like_one_that_does_not_exist() {
    let app = TestApp::start().await;
    let (here, there) = (app.hospital().await, app.hospital().await);
    let foreign_patient = app.admin(&there).patient("A-1").await;
    let foreign_log = app.clinician(&there).task_log(&foreign_patient, "Pulse 72").await;
    let before = history(&app.admin(&there), &foreign_log).await;
    let own = app.admin(&here).patient("A-1").await;
    let create = "mutation($id: ID!) { createTaskLog(input: { patientId: $id, taskType: OTHER, description: \"x\" })
        { taskLog { id } userErrors { code field message } } }";
    let update =
        "mutation($id: ID!) { updateTaskLog(input: { id: $id, description: \"x\", reason: \"x\", expectedVersion: 9 })
        { taskLog { id } userErrors { code field message } } }";
    let delete = "mutation($id: ID!) { deleteTaskLog(input: { id: $id, reason: \"x\" }) { deletedTaskLogId userErrors { code field message } } }";
    let log = (
        TaskLogId(Uuid::now_v7()).to_string(),
        foreign_log.clone(),
        own.clone(),
        "a patient; the id of a task log begins with \"log_\"",
    );
    let patient = (
        PatientId(Uuid::now_v7()).to_string(),
        foreign_patient,
        foreign_log.clone(),
        "a task log; the id of a patient begins with \"pat_\"",
    );
    for (actor, document, noun, (random, foreign, wrong, kinds)) in [
        (app.clinician(&here), create, "patient", patient),
        (app.clinician(&here), update, "task log", log.clone()),
        (app.clinician(&here), delete, "task log", log.clone()),
        (app.admin(&here), update, "task log", log.clone()),
        (app.admin(&here), delete, "task log", log),
    ] {
        let mut answers = Vec::new();
        for id in [&random, &foreign] {
            let body = json!({ "query": document, "variables": { "id": id } });
            answers.push(actor.post().json(&body).send().await.unwrap().text().await.unwrap());
        }
        assert_eq!(answers[0], answers[1]);
        let sentence = format!(
            "\"NOT_FOUND\",\"field\":[\"{}\"],\"message\":\"There is no such {noun} in your hospital.\"",
            if noun == "patient" { "patientId" } else { "id" }
        );
        assert!(answers[0].contains(&sentence), "{}", answers[0]);

        let answer = actor.ask_with(document, json!({ "id": wrong })).await;
        let message = json!(format!("\"{wrong}\" is the id of {kinds}."));
        assert_eq!((answer.code(), &answer.body["errors"][0]["message"]), ("BAD_USER_INPUT", &message));
        for malformed in
            ["", "1", "log_1", "pat_", &random.to_uppercase(), &format!("{random}0"), &random.replace('_', "-")]
        {
            let answer = actor.ask_with(document, json!({ "id": malformed })).await;
            let message = json!(format!("\"{}\" is not an id of this API.", malformed));
            assert_eq!((answer.code(), &answer.body["errors"][0]["message"]), ("BAD_USER_INPUT", &message));
        }
    }
    assert_eq!(history(&app.admin(&there), &foreign_log).await, before);
    assert_eq!(app.admin(&here).ask("{ taskLogs { totalCount } }").await.data()["taskLogs"]["totalCount"], 0);
}

#[tokio::test]
async fn each_mutation_of_a_document_reads_what_those_before_it_wrote() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let patient = admin.patient("A-1").await;
    let log = app.clinician(&hospital).task_log(&patient, "one").await;
    let document = "mutation($log: ID!, $patient: ID!, $clinician: ID!) {
        a: updateTaskLog(input: { id: $log, description: \"two\", reason: \"a\" }) { ...Log }
        moved: updatePatient(input: { id: $patient, room: \"2B\" }) { patient { room taskLogs { nodes { patient { room } } } } }
        named: updateStaff(input: { id: $clinician, name: \"Carla\" }) { staff { name taskLogs { nodes { clinician { name } } } } }
        b: updateTaskLog(input: { id: $log, expectedVersion: 2, description: \"three\", reason: \"b\" }) { ...Log }
        late: updateTaskLog(input: { id: $log, expectedVersion: 2, description: \"four\", reason: \"c\" }) { ...Log userErrors { code } }
        gone: deleteTaskLog(input: { id: $log, reason: \"d\" }) { deletedTaskLogId }
        back: updatePatient(input: { id: $patient, room: \"3C\" }) { patient { room version taskLogs { totalCount nodes { id } } } }
    }
    fragment Log on UpdateTaskLogPayload { taskLog {
        version description changedBy { name } clinician { name }
        patient { room taskLogs { totalCount nodes { version description patient { room } } } }
        revisions { totalCount nodes { version description } }
    } }";
    let variables = json!({ "log": log, "patient": patient, "clinician": hospital.clinician.staff.to_string() });
    let seen = |version: i32, description: &str, room: &str, clinician: &str, books: Value| {
        json!({ "taskLog": {
            "version": version, "description": description, "changedBy": { "name": "Ada Admin" }, "clinician": { "name": clinician },
            "patient": { "room": room, "taskLogs": { "totalCount": 1, "nodes": [
                { "version": version, "description": description, "patient": { "room": room } }] } },
            "revisions": { "totalCount": version - 1, "nodes": books },
        } })
    };
    let (one, two) = (json!({ "version": 1, "description": "one" }), json!({ "version": 2, "description": "two" }));
    let expected = json!({
        "a": seen(2, "two", "1A", "Carl Clinician", json!([one])),
        "moved": { "patient": { "room": "2B", "taskLogs": { "nodes": [{ "patient": { "room": "2B" } }] } } },
        "named": { "staff": { "name": "Carla", "taskLogs": { "nodes": [{ "clinician": { "name": "Carla" } }] } } },
        "b": seen(3, "three", "2B", "Carla", json!([two, one])),
        "late": { "taskLog": null, "userErrors": [{ "code": "VERSION_CONFLICT" }] },
        "gone": { "deletedTaskLogId": log },
        "back": { "patient": { "room": "3C", "version": 3, "taskLogs": { "totalCount": 0, "nodes": [] } } },
    });
    assert_eq!(*admin.ask_with(document, variables).await.data(), expected);
}

#[tokio::test]
async fn twenty_recordings_with_one_key_are_one_task_log() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let patient = admin.patient("A-1").await;
    let input = json!({ "patientId": patient, "taskType": "MEDICATION", "description": "Paracetamol 1 g", "idempotencyKey": "k" });
    let record = |actor: Actor, input: Value| async move { actor.mutate("createTaskLog", input, LOG).await };
    let payloads = join_all((0..20).map(|_| record(app.clinician(&hospital), input.clone()))).await;
    assert_eq!(payloads[0]["userErrors"], json!([]));
    assert!(payloads.iter().all(|payload| *payload == payloads[0]), "{payloads:?}");

    let other = record(app.clinician(&hospital), with(&input, json!({ "description": "Paracetamol 2 g" }))).await;
    assert_eq!(user_errors(&other), [("idempotencyKey".into(), "IDEMPOTENCY_KEY_REUSED".into())]);
    let colleague = record(app.colleague(&hospital), input.clone()).await;
    assert_ne!(colleague["taskLog"]["id"], payloads[0]["taskLog"]["id"]);
    // A retry finds what was made even when it could not be made any more.
    admin.mutate("archivePatient", json!({ "id": patient }), "patient { id }").await;
    assert_eq!(record(app.clinician(&hospital), input).await, payloads[0]);
    assert_eq!(admin.ask("{ taskLogs { totalCount } }").await.data()["taskLogs"]["totalCount"], 2);
}
