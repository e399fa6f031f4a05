//! Patients: what administrators write, and what nobody else does.

use futures_util::future::join_all;
use patient_logger::kernel::{PatientId, Role};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, TestApp, user_errors, with};

/// Every field of a patient.
const PATIENT: &str = "patient { id mrn firstName lastName dateOfBirth room status contactPhone contactEmail archivedAt createdAt updatedAt version }";

fn ann() -> Value {
    json!({ "mrn": "A-1", "firstName": "Ann", "lastName": "Example", "dateOfBirth": "1984-02-29", "room": "12B",
        "status": "DISCHARGED", "contactPhone": "+44 20 7946 0018", "contactEmail": "Family@Example.org" })
}

async fn read(actor: &Actor, id: &Value) -> Value {
    let fields = PATIENT.strip_prefix("patient").unwrap();
    actor.ask_with(&format!("query($id: ID!) {{ patient(id: $id) {fields} }}"), json!({ "id": id })).await.data()["patient"].clone()
}

async fn count(actor: &Actor) -> Value {
    actor.ask("{ patients { totalCount } }").await.data()["patients"]["totalCount"].clone()
}

#[tokio::test]
async fn a_new_patient_reads_back_as_given_in_every_script() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let mut names = Vec::new();
    // As given, and as kept: without the margin, in NFC, otherwise untouched.
    for (number, (given, first, last)) in [
        (["Ann", "Example"], "Ann", "Example"),
        ([" Ngo\u{302} Thi\u{323} ", "A\u{301}nh"], "Ngô Thị", "Ánh"),
        (["محمد", "\u{200f}العربي"], "محمد", "\u{200f}العربي"),
        (["小龍", "李"], "小龍", "李"),
        (["Зоя", "O’Nuñez-Straße"], "Зоя", "O’Nuñez-Straße"),
        (["क्\u{200d}षमा", "ชัยวัฒน์ 𠮷"], "क्\u{200d}षमा", "ชัยวัฒน์ 𠮷"),
    ]
    .into_iter()
    .enumerate()
    {
        let mrn = format!("A-{number}");
        let input = with(&ann(), json!({ "mrn": mrn, "firstName": given[0], "lastName": given[1] }));
        let payload = admin.mutate("createPatient", input, PATIENT).await;
        let patient = json!({ "id": payload["patient"]["id"], "mrn": mrn, "firstName": first, "lastName": last,
            "dateOfBirth": "1984-02-29", "room": "12B", "status": "DISCHARGED", "contactPhone": "+44 20 7946 0018",
            "contactEmail": "family@example.org", "archivedAt": null, "createdAt": "2026-03-01T12:00:00Z",
            "updatedAt": "2026-03-01T12:00:00Z", "version": 1 });
        assert_eq!(payload, json!({ "patient": patient, "userErrors": [] }));
        assert_eq!(read(&admin, &patient["id"]).await, patient);
        let by_mrn = admin.ask(&format!("{{ patient(mrn: \"{mrn}\") {{ id }} }}")).await;
        assert_eq!(by_mrn.data()["patient"]["id"], patient["id"]);
        names.push(json!({ "firstName": first, "lastName": last }));
    }
    let listed =
        admin.ask("{ patients(orderBy: { field: MRN, direction: ASC }) { nodes { firstName lastName } } }").await;
    assert_eq!(listed.data()["patients"]["nodes"], Value::from(names));

    let least = json!({ "mrn": "B-1", "firstName": "B", "lastName": "B", "dateOfBirth": "1984-02-29" });
    let payload = admin.mutate("createPatient", least, "patient { status room contactPhone contactEmail }").await;
    let patient = json!({ "status": "ADMITTED", "room": null, "contactPhone": null, "contactEmail": null });
    assert_eq!(payload, json!({ "patient": patient, "userErrors": [] }));
}

#[tokio::test]
async fn a_form_shows_all_its_mistakes_at_once_and_nothing_is_written() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let id = admin.patient("A-1").await;
    let before = read(&admin, &json!(id)).await;
    let mistakes = json!({ "mrn": "A/1", "firstName": " \u{3000} ", "lastName": "x".repeat(101), "dateOfBirth": "2026-03-03",
        "room": "1\u{202E}2", "contactPhone": "1".repeat(33), "contactEmail": "family at example.org" });
    let expected = json!({ "patient": null, "userErrors": [
        { "code": "INVALID", "field": ["mrn"], "message": "mrn must have 1 to 32 letters, digits and hyphens." },
        { "code": "BLANK", "field": ["firstName"], "message": "firstName must not be blank." },
        { "code": "TOO_LONG", "field": ["lastName"], "message": "lastName may have at most 100 characters." },
        { "code": "IN_FUTURE", "field": ["dateOfBirth"], "message": "dateOfBirth must not be in the future." },
        { "code": "INVALID", "field": ["room"],
          "message": "room has control characters or characters that change the direction of writing." },
        { "code": "TOO_LONG", "field": ["contactPhone"], "message": "contactPhone may have at most 32 characters." },
        { "code": "INVALID", "field": ["contactEmail"],
          "message": "contactEmail must be an e-mail address such as ann@example.org." },
    ] });
    assert_eq!(admin.mutate("createPatient", mistakes.clone(), PATIENT).await, expected);
    assert_eq!(admin.mutate("updatePatient", with(&mistakes, json!({ "id": id })), PATIENT).await, expected);
    assert_eq!(read(&admin, &json!(id)).await, before);
    assert_eq!(count(&admin).await, 1);
}

#[tokio::test]
async fn each_field_takes_what_fits_and_not_one_character_more() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let id = admin.patient("the-one").await;
    let address = |length: usize| format!("{}@x.example", "a".repeat(length - "@x.example".len()));
    let mut cases = vec![
        ("mrn", "Z".into(), None),
        ("mrn", "a-".repeat(16), None),
        ("mrn", format!("{}b", "a-".repeat(16)), Some("INVALID")),
        ("mrn", String::new(), Some("INVALID")),
        ("mrn", "A 1".into(), Some("INVALID")),
        ("mrn", "Ä1".into(), Some("INVALID")),
        ("mrn", "A\0".into(), Some("INVALID")),
        ("mrn", "A\n".into(), Some("INVALID")),
        // A letter with its accent is one character however it was typed, and so is one beyond the basic plane.
        ("firstName", "e\u{301}".repeat(100), None),
        ("lastName", "𠮷".repeat(100), None),
        ("lastName", "𠮷".repeat(101), Some("TOO_LONG")),
        ("room", "r".repeat(10), None),
        ("room", "r".repeat(11), Some("TOO_LONG")),
        ("contactPhone", "1".repeat(32), None),
        ("contactPhone", "1".repeat(33), Some("TOO_LONG")),
        ("contactEmail", address(254), None),
        ("contactEmail", address(255), Some("INVALID")),
        // In lower case this letter is two characters.
        ("contactEmail", "İ".repeat(200) + "@x.example", Some("INVALID")),
        ("contactEmail", "a@x@x.example".into(), Some("INVALID")),
        ("contactEmail", "a@example".into(), Some("INVALID")),
        ("contactEmail", "a b@x.example".into(), Some("INVALID")),
        ("contactEmail", "a\0@x.example".into(), Some("INVALID")),
        ("dateOfBirth", "1880-01-01".into(), None),
        ("dateOfBirth", "1879-12-31".into(), Some("INVALID")),
        ("dateOfBirth", "0001-01-01".into(), Some("INVALID")),
        // Somewhere it is tomorrow already.
        ("dateOfBirth", "2026-03-02".into(), None),
        ("dateOfBirth", "2026-03-03".into(), Some("IN_FUTURE")),
        ("dateOfBirth", "9999-12-31".into(), Some("IN_FUTURE")),
    ];
    for field in ["firstName", "lastName", "room", "contactPhone"] {
        cases.extend(["", "\u{a0}\u{2003}", "\u{200b}\u{2060}"].map(|blank| (field, blank.to_owned(), Some("BLANK"))));
        let forbidden = [
            '\0', '\n', '\u{1b}', '\u{7f}', '\u{85}', '\u{2028}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}',
            '\u{feff}',
        ];
        cases.extend(forbidden.map(|c| (field, format!("a{c}b"), Some("INVALID"))));
    }
    for (number, (field, value, code)) in cases.into_iter().enumerate() {
        let expected: Vec<_> = code.map(|code| (field.to_owned(), code.to_owned())).into_iter().collect();
        let input = with(&ann(), json!({ "mrn": format!("mrn-{number}") }));
        let created = admin.mutate("createPatient", with(&input, json!({ field: value })), "patient { mrn }").await;
        assert_eq!(user_errors(&created), expected, "createPatient {field}: {value:?}");
        // The MRN has just been given to somebody.
        let value = if field == "mrn" && code.is_none() { value.replace(['a', 'Z'], "c") } else { value };
        let updated = admin.mutate("updatePatient", json!({ "id": id, field: value }), "patient { mrn }").await;
        assert_eq!(user_errors(&updated), expected, "updatePatient {field}: {value:?}");
    }
    for date in ["1984-2-9", "2026-02-30", "29.02.1984", "+2000-01-01", ""] {
        let answer = admin.send("createPatient", with(&ann(), json!({ "dateOfBirth": date })), PATIENT).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{date}");
    }
}

#[tokio::test]
async fn an_mrn_is_taken_in_its_own_hospital_only() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let (here, there) = (app.admin(&one), app.admin(&two));
    let (first, second) = (here.patient("A-1").await, here.patient("A-2").await);
    let taken = json!({ "patient": null, "userErrors": [
        { "code": "TAKEN", "field": ["mrn"], "message": "Another patient of your hospital has this MRN." },
    ] });
    assert_eq!(here.mutate("createPatient", ann(), PATIENT).await, taken);
    assert_eq!(here.mutate("updatePatient", json!({ "id": second, "mrn": "A-1", "room": "9" }), PATIENT).await, taken);
    here.mutate("archivePatient", json!({ "id": first }), PATIENT).await;
    assert_eq!(here.mutate("createPatient", ann(), PATIENT).await, taken, "an archived patient keeps the MRN");
    assert_eq!(read(&here, &json!(second)).await["room"], "1A");

    let payload = there.mutate("createPatient", ann(), PATIENT).await;
    assert_eq!(payload["userErrors"], json!([]));
    let mine = here.ask("{ patient(mrn: \"A-1\") { id } }").await;
    let theirs = there.ask("{ patient(mrn: \"A-1\") { id } }").await;
    assert_eq!(
        (&mine.data()["patient"]["id"], &theirs.data()["patient"]["id"]),
        (&json!(first), &payload["patient"]["id"])
    );
    for nobody in ["A\\u0000", "' OR 1=1 --", "%", ""] {
        let answer = here.ask(&format!("{{ patient(mrn: \"{nobody}\") {{ id }} }}")).await;
        assert_eq!(*answer.data(), json!({ "patient": null }), "{nobody}");
    }
}

#[tokio::test]
async fn a_change_leaves_out_what_stays_and_nulls_what_may_be_empty() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let created = admin.mutate("createPatient", ann(), PATIENT).await["patient"].clone();
    let id = &created["id"];
    app.wait(chrono::Duration::minutes(1));

    let payload = admin.mutate("updatePatient", json!({ "id": id, "expectedVersion": 1, "room": "7" }), PATIENT).await;
    let moved = with(&created, json!({ "room": "7", "version": 2, "updatedAt": "2026-03-01T12:01:00Z" }));
    assert_eq!(payload, json!({ "patient": moved, "userErrors": [] }));
    assert_eq!(read(&admin, id).await, moved);

    app.wait(chrono::Duration::minutes(1));
    for nothing in
        [json!({ "id": id }), with(&with(&ann(), json!({ "room": " 7 " })), json!({ "id": id, "expectedVersion": 2 }))]
    {
        let payload = admin.mutate("updatePatient", nothing, PATIENT).await;
        assert_eq!(payload, json!({ "patient": moved, "userErrors": [] }), "what changes nothing makes no version");
    }

    let nulls = json!({ "id": id, "mrn": null, "firstName": null, "lastName": null, "dateOfBirth": null, "status": null, "room": null });
    let refused = admin.mutate("updatePatient", nulls, PATIENT).await;
    let blank = |field: &str| json!({ "code": "BLANK", "field": [field], "message": format!("{field} cannot be empty. Leave it out to keep it as it is.") });
    let blanks = ["mrn", "firstName", "lastName", "dateOfBirth", "status"].map(blank);
    assert_eq!(refused, json!({ "patient": null, "userErrors": blanks }));
    for stale in [1, 3, 0, -1] {
        let payload =
            admin.mutate("updatePatient", json!({ "id": id, "expectedVersion": stale, "room": "8" }), PATIENT).await;
        let message = format!("You expected version {stale}; it is at version 2. Read it again and decide anew.");
        let conflict = json!({ "code": "VERSION_CONFLICT", "field": ["expectedVersion"], "message": message });
        assert_eq!(payload, json!({ "patient": null, "userErrors": [conflict] }));
    }
    assert_eq!(read(&admin, id).await, moved, "what was refused wrote nothing");

    let cleared = json!({ "id": id, "room": null, "contactPhone": null, "contactEmail": null, "firstName": "Anna" });
    let payload = admin.mutate("updatePatient", cleared, PATIENT).await;
    let fields = json!({ "room": null, "contactPhone": null, "contactEmail": null, "firstName": "Anna", "version": 3,
        "updatedAt": "2026-03-01T12:02:00Z" });
    assert_eq!(payload, json!({ "patient": with(&moved, fields), "userErrors": [] }));
}

#[tokio::test]
async fn an_archived_patient_leaves_the_lists_keeps_the_history_and_changes_no_more() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician) = (app.admin(&hospital), app.clinician(&hospital));
    let id = admin.patient("A-1").await;
    let other = admin.patient("A-2").await;
    let log = clinician.task_log(&id, "Pulse 72").await;
    let before = read(&admin, &json!(id)).await;
    app.wait(chrono::Duration::minutes(1));

    let stale = admin.mutate("archivePatient", json!({ "id": id, "expectedVersion": 2 }), PATIENT).await;
    assert_eq!(user_errors(&stale), [("expectedVersion".into(), "VERSION_CONFLICT".into())]);
    let payload = admin.mutate("archivePatient", json!({ "id": id, "expectedVersion": 1 }), PATIENT).await;
    let now = "2026-03-01T12:01:00Z";
    let archived = with(&before, json!({ "archivedAt": now, "updatedAt": now, "version": 2 }));
    assert_eq!(payload, json!({ "patient": archived, "userErrors": [] }));

    let lists =
        "{ present: patients { totalCount nodes { id } } found: patients(filter: { text: \"A-1\" }) { totalCount }
        archived: patients(filter: { archived: true }) { totalCount nodes { id archivedAt } }
        patient(mrn: \"A-1\") { id archivedAt taskLogs { nodes { id patient { id } } } } taskLogs { nodes { id } } }";
    let expected = json!({
        "present": { "totalCount": 1, "nodes": [{ "id": other }] },
        "found": { "totalCount": 0 },
        "archived": { "totalCount": 1, "nodes": [{ "id": id, "archivedAt": now }] },
        "patient": { "id": id, "archivedAt": now, "taskLogs": { "nodes": [{ "id": log, "patient": { "id": id } }] } },
        "taskLogs": { "nodes": [{ "id": log }] },
    });
    for actor in [&admin, &clinician] {
        assert_eq!(*actor.ask(lists).await.data(), expected);
    }

    let refused = json!({ "patient": null, "userErrors": [
        { "code": "ARCHIVED", "field": ["id"], "message": "This patient is archived and does not change any more." },
    ] });
    assert_eq!(admin.mutate("updatePatient", json!({ "id": id, "room": "9" }), PATIENT).await, refused);
    assert_eq!(admin.mutate("archivePatient", json!({ "id": id }), PATIENT).await, refused);
    let input = json!({ "patientId": id, "taskType": "OTHER", "description": "x" });
    let refused = json!({ "taskLog": null, "userErrors": [
        { "code": "ARCHIVED", "field": ["patientId"], "message": "This patient is archived and takes no new task logs." },
    ] });
    assert_eq!(clinician.mutate("createTaskLog", input, "taskLog { id }").await, refused);
    assert_eq!(read(&admin, &json!(id)).await, archived);
    assert_eq!(*admin.ask(lists).await.data(), expected);
}

#[tokio::test]
async fn nobody_but_an_administrator_writes_a_patient() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let id = admin.patient("A-1").await;
    let before = read(&admin, &json!(id)).await;
    let document = "mutation($new: CreatePatientInput!, $id: ID!) {
        createPatient(input: $new) { patient { id } }
        updatePatient(input: { id: $id, room: \"9\" }) { patient { id } userErrors { code } }
        archivePatient(input: { id: $id }) { patient { id } }
    }";
    let new = with(&ann(), json!({ "mrn": "A-9" }));
    for (actor, code) in [(app.clinician(&hospital), "FORBIDDEN"), (app.anonymous(), "UNAUTHENTICATED")] {
        let answer = actor.ask_with(document, json!({ "new": new, "id": id })).await;
        let fields = ["createPatient", "updatePatient", "archivePatient"];
        assert_eq!(answer.refusals(), fields.map(|field| (field.to_owned(), "MANAGE_PATIENTS".to_owned())));
        assert_eq!(
            answer.body["data"],
            json!({ "createPatient": null, "updatePatient": null, "archivePatient": null })
        );
        let codes: Vec<&Value> =
            answer.body["errors"].as_array().unwrap().iter().map(|e| &e["extensions"]["code"]).collect();
        assert_eq!(codes, [code; 3]);
    }
    assert_eq!(read(&admin, &json!(id)).await, before);
    assert_eq!(count(&admin).await, 1);
}

#[tokio::test]
async fn a_foreign_patient_is_answered_like_one_that_does_not_exist() {
    let app = TestApp::start().await;
    let (here, there) = (app.hospital().await, app.hospital().await);
    let foreign = app.admin(&there).patient("A-1").await;
    let before = read(&app.admin(&there), &json!(foreign)).await;
    let admin = app.admin(&here);
    let nobody = PatientId(Uuid::now_v7()).to_string();
    let message = "There is no such patient in your hospital.";
    let none = json!({ "patient": null, "userErrors": [{ "code": "NOT_FOUND", "field": ["id"], "message": message }] });
    for mutation in ["updatePatient", "archivePatient"] {
        for id in [&foreign, &nobody] {
            assert_eq!(admin.mutate(mutation, json!({ "id": id, "expectedVersion": 7 }), PATIENT).await, none);
        }
        let staff = here.admin.staff.to_string();
        let wrong = admin.send(mutation, json!({ "id": staff }), PATIENT).await;
        let message = format!("\"{staff}\" is the id of a member of staff; the id of a patient begins with \"pat_\".");
        assert_eq!((wrong.code(), &wrong.body["errors"][0]["message"]), ("BAD_USER_INPUT", &json!(message)));
    }
    assert_eq!(read(&app.admin(&there), &json!(foreign)).await, before);
}

#[tokio::test]
async fn of_two_changes_made_from_the_same_version_one_wins() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let id = admin.patient("A-1").await;
    for version in 1..=20 {
        let change = |room: &str| {
            let input = json!({ "id": id, "expectedVersion": version, "room": format!("{room}{version}") });
            admin.mutate("updatePatient", input, "patient { room version }")
        };
        let (left, right) = tokio::join!(change("L"), change("R"));
        let (won, lost) = if left["patient"].is_null() { (right, left) } else { (left, right) };
        assert_eq!(won["patient"]["version"], version + 1);
        assert_eq!(user_errors(&lost), [("expectedVersion".into(), "VERSION_CONFLICT".into())]);
        assert_eq!(read(&admin, &json!(id)).await["room"], won["patient"]["room"]);
    }
}

#[tokio::test]
async fn twenty_creations_with_one_key_are_one_patient() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let input = with(&ann(), json!({ "idempotencyKey": "5c1e" }));
    let payloads = join_all((0..20).map(|_| admin.mutate("createPatient", input.clone(), PATIENT))).await;
    assert_eq!(payloads[0]["patient"]["mrn"], "A-1", "{}", payloads[0]);
    assert!(payloads.iter().all(|payload| *payload == payloads[0]), "{payloads:?}");
    assert_eq!(count(&admin).await, 1);

    app.wait(chrono::Duration::minutes(9));
    assert_eq!(admin.mutate("createPatient", input, PATIENT).await, payloads[0], "a late retry");
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_its_sender_and_to_one_input() {
    let app = TestApp::start().await;
    let (here, there) = (app.hospital().await, app.hospital().await);
    let colleague = app.actor(&app.employ(&here, "second@admin.example", Role::Admin).await);
    let admin = app.admin(&here);
    let keyed = |mrn: &str, key: &str| with(&ann(), json!({ "mrn": mrn, "idempotencyKey": key }));
    let first = admin.mutate("createPatient", keyed("A-1", "k"), PATIENT).await;

    let reused = json!([{ "code": "IDEMPOTENCY_KEY_REUSED", "field": ["idempotencyKey"],
        "message": "This idempotency key was used with another input. Use a new key for a new creation." }]);
    let other = admin.mutate("createPatient", keyed("A-2", "k"), PATIENT).await;
    assert_eq!(other, json!({ "patient": null, "userErrors": reused }));
    let staff = json!({ "email": "a@x.example", "name": "A", "role": "CLINICIAN", "initialPassword": "fifteen or more",
        "idempotencyKey": "k" });
    let other = admin.mutate("createStaff", staff, "staff { id }").await;
    assert_eq!(other, json!({ "staff": null, "userErrors": reused }));

    for (actor, mrn) in [(&colleague, "A-2"), (&app.admin(&there), "A-1")] {
        let payload = actor.mutate("createPatient", keyed(mrn, "k"), PATIENT).await;
        assert_eq!((&payload["userErrors"], &payload["patient"]["mrn"]), (&json!([]), &json!(mrn)));
        assert_ne!(payload["patient"]["id"], first["patient"]["id"]);
    }

    let failed = admin.mutate("createPatient", keyed("A-1", "unburnt"), PATIENT).await;
    assert_eq!(user_errors(&failed), [("mrn".into(), "TAKEN".into())]);
    let mended = admin.mutate("createPatient", keyed("A-3", "unburnt"), PATIENT).await;
    assert_eq!(mended["userErrors"], json!([]), "a creation that failed leaves its key free");

    for bad in ["", " ", "a\0b", &"k".repeat(256)] {
        let payload = admin.mutate("createPatient", keyed("A-4", bad), PATIENT).await;
        assert_eq!(user_errors(&payload), [("idempotencyKey".into(), "INVALID".into())], "{bad:?}");
    }
    let payload = admin.mutate("createPatient", keyed("A-4", &"k".repeat(255)), PATIENT).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(count(&admin).await, 4);
}
