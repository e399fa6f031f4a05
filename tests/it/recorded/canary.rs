//! No text of a patient, of a colleague or of a credential is anywhere but in its column.

use std::fs::{self, File};

use patient_logger::database::embedded::{self, DATABASE, Options};
use patient_logger::packages::Packages;
use patient_logger::seed::DEMO_PASSWORD;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use serde_json::{Value, json};

use crate::cli::{Serving, home, program};
use crate::support::{Actor, with};

/// In every text that is sent, upper or lower case.
const CANARY: &str = "canary";

/// The errors of an answer: its `errors`, and the `userErrors` of its payloads.
fn errors(body: &Value) -> String {
    let payloads = body["data"].as_object().into_iter().flatten().map(|(_, payload)| payload["userErrors"].to_string());
    format!("{} {}", body["errors"], payloads.collect::<String>()).to_lowercase()
}

/// Sends what does not fit in each way that quotes it easily, and looks at what comes back.
async fn err(admin: &Actor, patient: &Value) {
    let wrong = [
        ("createPatient", patient.clone()),
        ("createPatient", with(patient, json!({ "mrn": "canary with spaces" }))),
        ("createPatient", with(patient, json!({ "mrn": "CANARY-3", "firstName": "canary".repeat(50) }))),
        ("createPatient", with(patient, json!({ "mrn": "CANARY-3", "firstName": "canary\u{202e}" }))),
        ("createPatient", with(patient, json!({ "mrn": "CANARY-3", "firstName": "canary\u{0}" }))),
        ("createPatient", with(patient, json!({ "mrn": "CANARY-3", "contactEmail": "canary" }))),
        ("createPatient", with(patient, json!({ "mrn": "CANARY-3", "dateOfBirth": "1066-01-01" }))),
        ("createStaff", json!({ "name": "canary", "email": "canary", "role": "PARTNER", "initialPassword": "canary" })),
    ];
    for (name, input) in wrong {
        let answer = admin.send(name, input.clone(), "__typename").await;
        let errors = errors(&answer.body);
        assert!(errors.contains("code") && !errors.contains(CANARY), "{name} {input}: {errors}");
    }
    for body in [
        "{\"query\": \"{ viewer { id } }\", \"variables\": canary}".to_owned(),
        "{\"query\": 7, \"canary\": \"canary\"}".to_owned(),
        json!({ "query": "query($text: Int) { patients(first: $text) { totalCount } }", "variables": { "text": "canary" } }).to_string(),
    ] {
        let sent = admin.post().header("content-type", "application/json").body(body.clone());
        let answer = sent.send().await.unwrap().text().await.unwrap().to_lowercase();
        assert!(answer.contains("errors") && !answer.contains(CANARY), "{body}: {answer}");
    }
    let stranger = Actor { token: None, ..admin.clone() };
    let input = json!({ "email": "canary@canary.example", "password": "canary" });
    assert!(!stranger.send("signIn", input, "accessToken").await.body.to_string().contains(CANARY));
    let forged = Actor { token: Some("plk_canary".to_owned()), ..admin.clone() };
    assert!(!forged.ask("{ viewer { id } }").await.body.to_string().contains(CANARY));
}

#[tokio::test]
async fn a_text_of_a_record_is_in_no_log_no_event_and_no_error() {
    let home = home("texts");
    let log = home.join("log");
    let mut command = program(&home);
    command.env("LOG", "trace,h2=off,hyper_util=debug").env("LOG_FORMAT", "json").env("GRAPHIQL", "off");
    let server = Serving::start({
        command.stderr(File::create(&log).unwrap());
        command
    });
    let admin = server.sign_in("admin@riverside.example", DEMO_PASSWORD, "riverside").await;
    let clinician = server.sign_in("clinician@riverside.example", DEMO_PASSWORD, "riverside").await;

    let patient = json!({ "mrn": "CANARY-1", "firstName": "canary-first", "lastName": "canary-last",
        "dateOfBirth": "1931-07-09", "room": "canary", "contactPhone": "canary-phone",
        "contactEmail": "canary@canary.example", "idempotencyKey": "canary-key" });
    let payload = admin.mutate("createPatient", patient.clone(), "patient { id }").await;
    let log_input = json!({ "patientId": payload["patient"]["id"], "taskType": "VITALS",
        "description": "canary-description", "notes": "canary-notes", "idempotencyKey": "canary-key" });
    let made = clinician.mutate("createTaskLog", log_input, "taskLog { id }").await;
    let change = json!({ "id": made["taskLog"]["id"], "notes": "canary-after", "reason": "canary-reason" });
    admin.mutate("updateTaskLog", change, "taskLog { revisions { nodes { notes } } }").await;
    let staff = json!({ "name": "canary-name", "email": "canary-staff@canary.example", "role": "CLINICIAN",
        "initialPassword": "canary-password-1" });
    admin.mutate("createStaff", staff, "staff { id email }").await;
    server.sign_in("canary-staff@canary.example", "canary-password-1", "riverside").await;
    let key = json!({ "name": "canary-key", "expiresAt": "2099-01-01T00:00:00Z" });
    admin.send("createPartnerKey", key, "key").await;
    let search =
        "query($text: String!) { patients(filter: { text: $text }) { nodes { lastName taskLogs { nodes { notes } } } }
        patient(mrn: \"CANARY-1\") { contactEmail taskLogs(filter: { text: \"canary\" }) { totalCount } } }";
    let found = admin.ask_with(search, json!({ "text": "canary-last" })).await;
    assert_eq!(found.data()["patient"]["contactEmail"], "canary@canary.example");
    err(&admin, &with(&patient, json!({ "idempotencyKey": "canary-other" }))).await;

    let packages = Packages { cache_dir: home.join("packages"), registry: None, downloads: false };
    let found = embedded::start(&Options::new(home.join("data/postgres"), packages)).unwrap();
    let mut superuser = PgConnection::connect(&found.superuser_url(DATABASE)).await.unwrap();
    let mut rows = 0;
    for table in ["audit_events", "audit_shapes", "audit_mentions", "audit_seals", "audit_state"] {
        // A reason is what somebody wrote for those who read the trail.
        let sql = format!("SELECT (to_jsonb(t) - 'reason')::text FROM {table} t");
        let texts: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut superuser).await.unwrap();
        let shown = texts.iter().find(|text| text.to_lowercase().contains(CANARY) || text.contains("1931-07-09"));
        assert_eq!(shown, None, "in {table}");
        rows += texts.len();
    }
    assert!(rows > 20, "{rows}");
    let reasons = "SELECT reason FROM audit_events WHERE reason IS NOT NULL";
    let reasons: Vec<String> = sqlx::query_scalar(reasons).fetch_all(&mut superuser).await.unwrap();
    assert_eq!(reasons, ["canary-reason"]);
    superuser.close().await.unwrap();

    assert_eq!(server.stop(), Some(0));
    for (file, some) in [(log, "answered"), (home.join("data/postgres/server.log"), "shut down")] {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(some), "{file:?} says nothing");
        let line = text.lines().find(|line| line.to_lowercase().contains(CANARY) || line.contains("1931-07-09"));
        assert_eq!(line, None, "in {file:?}");
    }
}
