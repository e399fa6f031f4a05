//! A hidden value changes no byte of any answer: two servers whose databases differ in what a viewer may not read answer
//! that viewer alike, whatever the question.

use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection};
use serde_json::{Value, json};

use super::documents::document;
use super::inputs::{Aim, Values, unknown};
use super::questions::questions;
use super::sdl::Schema;
use super::world::{Viewer, World};
use crate::support::{PASSWORD, TestApp};

/// A value that differs, and the permission without which it is hidden: a table, a column, its value in the second
/// database, and which rows.
struct Difference {
    needs: &'static str,
    table: &'static str,
    column: &'static str,
    value: &'static str,
    rows: &'static str,
}

const fn differs(
    needs: &'static str,
    table: &'static str,
    column: &'static str,
    value: &'static str,
    rows: &'static str,
) -> Difference {
    Difference { needs, table, column, value, rows }
}

const PATIENT: &str = "mrn LIKE '%MRN-3'";
const LOG: &str = "description = 'Pulse 72'";
const DELETED: &str = "description = 'canary-deleted' OR notes = 'canary-deleted notes'";
const FORMER: &str = "account_id IN (SELECT id FROM accounts WHERE email LIKE 'former@%')";
const COLLEAGUE: &str = "staff_id IN (SELECT id FROM staff WHERE name LIKE '%Dora%')";
const FOREIGN: &str = "hospital_id = (SELECT id FROM hospitals WHERE name = 'canary-foreign')";

const DIFFERENCES: [Difference; 28] = [
    differs("READ_PATIENT_CONTACT", "patients", "contact_phone", "'0123'", PATIENT),
    differs("READ_PATIENT_CONTACT", "patients", "contact_email", "NULL", PATIENT),
    differs("READ_PATIENT_IDENTITY", "patients", "mrn", "'A-MRN-3'", PATIENT),
    differs("READ_PATIENT_IDENTITY", "patients", "first_name", "'Abe'", PATIENT),
    differs("READ_PATIENT_IDENTITY", "patients", "last_name", "'Aba'", PATIENT),
    differs("READ_PATIENT_IDENTITY", "patients", "date_of_birth", "'2001-01-01'", PATIENT),
    differs("READ_TASK_NOTES", "task_logs", "notes", "NULL", LOG),
    differs("READ_TASK_LOG_REVISIONS", "task_logs", "change_reason", "NULL", LOG),
    differs("READ_TASK_LOG_REVISIONS", "task_logs", "changed_by_id", "clinician_id", LOG),
    differs("READ_TASK_LOG_REVISIONS", "task_logs", "description", "'other'", DELETED),
    differs("READ_TASK_LOG_REVISIONS", "task_logs", "task_type", "'OTHER'", DELETED),
    differs("READ_TASK_LOG_REVISIONS", "task_logs", "completed_at", "'2025-01-01'", DELETED),
    differs("READ_TASK_LOG_REVISIONS", "task_logs", "version", "9", DELETED),
    differs("READ_TASK_LOG_REVISIONS", "task_log_revisions", "description", "'other'", "TRUE"),
    differs("READ_TASK_LOG_REVISIONS", "task_log_revisions", "notes", "NULL", "TRUE"),
    differs("READ_TASK_LOG_REVISIONS", "task_log_revisions", "version", "version + 5", "TRUE"),
    differs("READ_STAFF", "staff", "name", "'Aaron'", FORMER),
    differs("READ_STAFF", "staff", "role", "'ADMIN'", FORMER),
    differs("READ_STAFF_ACCOUNTS", "accounts", "email", "'a@a.example'", "email LIKE 'colleague@canary%'"),
    differs("READ_STAFF_ACCOUNTS", "staff", "status", "'ACTIVE'", FORMER),
    differs("READ_STAFF_ACCOUNTS", "staff", "version", "9", FORMER),
    differs("READ_STAFF_ACCOUNTS", "staff", "created_at", "'2020-01-01'", FORMER),
    differs("MANAGE_PARTNER_KEYS", "partner_keys", "name", "'other'", "name LIKE 'canary-key%'"),
    differs("(nobody)", "sessions", "revoked_at", "now()", COLLEAGUE),
    differs("(nobody)", "patients", "mrn", "'OTHER'", FOREIGN),
    differs("(nobody)", "patients", "archived_at", "now()", FOREIGN),
    differs("(nobody)", "task_logs", "description", "'other'", FOREIGN),
    differs("(nobody)", "staff", "role", "'ADMIN'", FOREIGN),
];

/// Values to search for: those of the first database, those of the second, and one of neither.
const WORDS: [&str; 5] = ["canary-phone 3", "A-MRN-3", "canary-deleted", "Aba", "other"];

impl Difference {
    /// Makes the difference, and gives the statements that undo it.
    async fn make(&self, connection: &mut PgConnection) -> Vec<String> {
        let Self { table, column, value, rows, .. } = self;
        let sql = format!(
            "SELECT (to_jsonb(t) - $1 - 'search_text')::text, quote_nullable({column}::text) FROM {table} t WHERE {rows}"
        );
        let before: Vec<(String, String)> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(*column).fetch_all(&mut *connection).await.unwrap();
        assert!(!before.is_empty(), "{table}.{column}: no such row");
        let change = format!("UPDATE {table} SET {column} = {value} WHERE {rows}");
        sqlx::query(AssertSqlSafe(change)).execute(&mut *connection).await.unwrap();
        // The search text follows by itself.
        let undo = |(row, old): (String, String)| {
            let row = row.replace('\'', "''");
            format!(
                "UPDATE {table} t SET {column} = {old} WHERE to_jsonb(t) - '{column}' - 'search_text' = '{row}'::jsonb"
            )
        };
        before.into_iter().map(undo).collect()
    }
}

/// The second database, and how to get back to where it was.
struct Twin {
    connection: PgConnection,
    undo: Vec<String>,
}

impl Twin {
    async fn new(app: &TestApp) -> Self {
        let mut connection = app.database.superuser().await;
        sqlx::query("SET session_replication_role = replica").execute(&mut connection).await.unwrap();
        Self { connection, undo: Vec::new() }
    }

    async fn make(&mut self, difference: &Difference) {
        self.undo.extend(difference.make(&mut self.connection).await);
    }

    async fn undo(&mut self) {
        while let Some(sql) = self.undo.pop() {
            let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut self.connection).await.unwrap();
            assert_eq!(done.rows_affected(), 1, "{sql}");
        }
    }
}

async fn bytes(viewer: &Viewer, app: &TestApp, question: &(String, Value)) -> String {
    let (document, variables) = question;
    let request = viewer.at(app).actor.post().json(&json!({ "query": document, "variables": variables }));
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_hidden_value_changes_no_byte_of_any_answer() {
    let world = World::new().await;
    let (one, two) = (world.app.copy().await, world.app.copy().await);
    let schema = Schema::without_audit_trail();
    let values = Values::new(&schema, &world);
    let mut twin = Twin::new(&two).await;
    let mut asked = 0;
    for viewer in &world.viewers {
        let hidden: Vec<&Difference> = DIFFERENCES.iter().filter(|one| !viewer.holds(one.needs)).collect();
        assert!(!hidden.is_empty());
        let mut corpus = questions(&values, viewer, &WORDS);
        corpus.extend(writes(&world, viewer));
        corpus.extend((0..20).map(|seed| (document(&values, 50_000 + seed, false), json!({}))));
        for difference in &hidden {
            twin.make(difference).await;
        }
        while let Some(question) = corpus.pop() {
            asked += 1;
            let (ours, theirs) = (bytes(viewer, &one, &question).await, bytes(viewer, &two, &question).await);
            if ours == theirs {
                // The page behind this one, if there is one, is a question too.
                corpus.extend(next_page(&question, &ours));
                continue;
            }
            // Which of them was it?
            let mut culprits = Vec::new();
            for difference in &hidden {
                twin.undo().await;
                twin.make(difference).await;
                if bytes(viewer, &two, &question).await != ours {
                    culprits.push(format!("{}.{}", difference.table, difference.column));
                }
            }
            let (document, variables) = question;
            panic!("{} can tell {culprits:?} from:\n{document}\n{variables}\n{ours}\n{theirs}", viewer.name);
        }
        twin.undo().await;
    }
    assert!(asked > 1_000, "only {asked} questions");
}

/// The question for the page behind the one that was answered, for questions that go from page to page.
fn next_page((document, variables): &(String, Value), answer: &str) -> Option<(String, Value)> {
    variables.get("after")?;
    let answer: Value = serde_json::from_str(answer).ok()?;
    let info = &answer["data"].as_object()?.values().next()?["pageInfo"];
    (info["hasNextPage"] == true).then(|| (document.clone(), json!({ "after": info["endCursor"] })))
}

/// What somebody tells by trying to write: taken names, wrong versions, keys used before. None of it comes to anything,
/// so that both databases stay as they are.
fn writes(world: &World, viewer: &Viewer) -> Vec<(String, Value)> {
    if viewer.only_reads || viewer.name == "anonymous" {
        return Vec::new();
    }
    let ids = &world.ids;
    let mut all = Vec::new();
    let mut write = |name: &str, selection: &str, input: Value| {
        let mut kind = name.to_owned();
        kind[..1].make_ascii_uppercase();
        let selected = format!("{selection} userErrors {{ code message field }}");
        all.push((
            format!("mutation($input: {kind}Input!) {{ {name}(input: $input) {{ {selected} }} }}"),
            json!({ "input": input }),
        ));
    };
    let log = "taskLog { id description notes taskType completedAt version updatedAt deletedAt changeReason }";
    for id in [&ids.deleted_log, &ids.foreign.log, &ids.colleagues_log, &unknown(&ids.log)] {
        for version in [1, 2, 9] {
            write("updateTaskLog", log, json!({ "id": id, "expectedVersion": version, "notes": null }));
            write("deleteTaskLog", "deletedTaskLogId", json!({ "id": id, "expectedVersion": version + 20 }));
        }
    }
    // The clinician sends again what made the log that has been deleted since.
    for (key, description) in [("4", "canary-deleted"), ("4", "other"), ("1", "Dressing")] {
        let notes = if key == "4" { "canary-deleted notes" } else { "canary-notes 1" };
        let patient = if key == "4" { &ids.patient } else { &ids.archived };
        write(
            "createTaskLog",
            log,
            json!({ "patientId": patient, "taskType": "VITALS", "description": description,
            "notes": notes, "idempotencyKey": key }),
        );
    }
    for patient in [&ids.foreign.patient, &unknown(&ids.patient)] {
        write("createTaskLog", log, json!({ "patientId": patient, "taskType": "OTHER", "description": "X" }));
        for version in [1, 2] {
            write(
                "updatePatient",
                "patient { id }",
                json!({ "id": patient, "expectedVersion": version, "mrn": "OTHER" }),
            );
            write("archivePatient", "patient { id }", json!({ "id": patient, "expectedVersion": version }));
        }
    }
    for staff in [&ids.foreign.staff, &unknown(&ids.clinician)] {
        write("updateStaff", "staff { id }", json!({ "id": staff, "role": "ADMIN" }));
        write("deactivateStaff", "staff { id }", json!({ "id": staff }));
    }
    write("revokePartnerKey", "partnerKey { id }", json!({ "id": ids.foreign.key }));
    all
}

#[tokio::test]
async fn a_deleted_task_log_is_like_one_that_never_was() {
    let world = World::new().await;
    let (one, two) = (world.app.copy().await, world.app.copy().await);
    let schema = Schema::without_audit_trail();
    let values = Values::new(&schema, &world);
    let mut twin = Twin::new(&two).await;
    for sql in [
        "DELETE FROM task_log_revisions WHERE task_log_id IN (SELECT id FROM task_logs WHERE deleted_at IS NOT NULL)",
        "DELETE FROM task_logs WHERE deleted_at IS NOT NULL",
    ] {
        assert!(sqlx::query(sql).execute(&mut twin.connection).await.unwrap().rows_affected() > 0, "{sql}");
    }
    for viewer in world.viewers.iter().filter(|viewer| !viewer.holds("READ_TASK_LOG_REVISIONS")) {
        for question in questions(&values, viewer, &WORDS[2..3]).into_iter().chain(writes(&world, viewer)) {
            let (ours, theirs) = (bytes(viewer, &one, &question).await, bytes(viewer, &two, &question).await);
            assert_eq!(ours, theirs, "{} can tell from {question:?}", viewer.name);
        }
    }
}

/// What another hospital has, shows in no name that is taken here.
#[tokio::test]
async fn names_taken_in_another_hospital_are_free_in_this_one() {
    let world = World::new().await;
    let (one, two) = (world.app.copy().await, world.app.copy().await);
    let schema = Schema::without_audit_trail();
    let values = Values::new(&schema, &world);
    let mut superuser = two.database.superuser().await;
    for sql in [
        format!("UPDATE patients SET mrn = 'TAKEN' WHERE {FOREIGN}"),
        format!("UPDATE partner_keys SET name = 'TAKEN' WHERE {FOREIGN}"),
        "UPDATE accounts SET email = 'taken@taken.example' WHERE email = 'admin@hospital-1.example'".to_owned(),
    ] {
        let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut superuser).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{sql}");
    }
    let mut staff = values.object("CreateStaffInput", Aim::Done);
    staff["email"] = json!("taken@taken.example");
    staff["initialPassword"] = json!(PASSWORD);
    let mut patient = values.object("CreatePatientInput", Aim::Done);
    patient["mrn"] = json!("TAKEN");
    let mut key = values.object("CreatePartnerKeyInput", Aim::Done);
    key["name"] = json!("TAKEN");
    let admin = world.viewer("ADMIN");
    for (name, input, selection) in [
        ("createPatient", patient, "patient { mrn firstName version }"),
        ("createStaff", staff, "staff { name email role status version }"),
        ("createPartnerKey", key, "partnerKey { name permissions status }"),
    ] {
        for _ in 0..2 {
            let ours = admin.at(&one).actor.mutate(name, input.clone(), selection).await;
            let theirs = admin.at(&two).actor.mutate(name, input.clone(), selection).await;
            assert_eq!(ours, theirs, "{name}");
        }
    }
}
