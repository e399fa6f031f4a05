//! A hospital with rows made to collide, beside another one whose rows must never show.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use patient_logger::kernel::TaskLogId;
use sea_orm::sqlx::{self, PgConnection};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Answer, Hospital, TestApp};

/// Part of every text of the other hospital.
pub const CANARY: &str = "canary";
/// The hidden machinery: an answer with one of these words shows it.
pub const INSIDES: [&str; 8] =
    ["SQLSTATE", "task_logs", "_fkey", "_pkey", "violates", "relation \"", "syntax error", "sqlx"];

pub const TYPES: [&str; 9] =
    ["MEDICATION", "VITALS", "OBSERVATION", "WOUND_CARE", "LAB_SAMPLE", "MOBILITY", "NUTRITION", "HYGIENE", "OTHER"];

/// A hospital with rows, beside another one whose rows are all marked.
pub struct World {
    pub app: TestApp,
    pub one: Hospital,
    pub two: Hospital,
    pub patients: Vec<PatientRow>,
    pub logs: Vec<LogRow>,
}

#[derive(Clone, Debug)]
pub struct PatientRow {
    pub id: Uuid,
    pub mrn: String,
    pub first_name: String,
    pub last_name: String,
    pub room: Option<&'static str>,
    pub status: &'static str,
    pub archived: bool,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub struct LogRow {
    pub id: Uuid,
    pub patient: Uuid,
    pub clinician: Uuid,
    pub task_type: &'static str,
    pub description: String,
    pub completed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub deleted: bool,
}

/// The same numbers on every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    pub fn one_of<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.roll(things.len())].clone()
    }

    pub fn some_of<T: Clone>(&mut self, things: &[T], most: usize) -> Vec<T> {
        (0..self.roll(most + 1)).map(|_| self.one_of(things)).collect()
    }
}

pub fn start() -> DateTime<Utc> {
    "2026-02-01T00:00:00Z".parse().unwrap()
}

impl World {
    /// Rows made to collide: few names, few times, so that most sort keys are shared by several rows.
    pub async fn new(patients: usize, logs: usize) -> Self {
        let app = TestApp::start().await;
        let (one, two) = (app.hospital().await, app.hospital().await);
        let mut superuser = app.database.superuser().await;
        let canary = "UPDATE hospitals SET name = 'canary' WHERE id = $1";
        sqlx::query(canary).bind(two.id.0).execute(&mut superuser).await.unwrap();
        let canary = "UPDATE staff SET name = 'canary ' || name WHERE hospital_id = $1";
        sqlx::query(canary).bind(two.id.0).execute(&mut superuser).await.unwrap();

        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let mut made = Vec::new();
        for hospital in [&one, &two] {
            let mut patients: Vec<PatientRow> = (0..patients).map(|number| some_patient(&mut dice, number)).collect();
            let mut logs: Vec<LogRow> = (0..logs).map(|_| some_log(&mut dice, &patients, hospital)).collect();
            if hospital.id == two.id {
                for patient in &mut patients {
                    patient.mrn = format!("canary-{}", patient.mrn);
                    patient.first_name = format!("canary {}", patient.first_name);
                }
                for log in &mut logs {
                    log.description = format!("canary {}", log.description);
                }
            }
            insert_patients(&mut superuser, hospital, &patients).await;
            insert_logs(&mut superuser, hospital, &logs).await;
            made.push((patients, logs));
        }
        let (patients, logs) = made.swap_remove(0);
        Self { app, one, two, patients, logs }
    }

    pub fn admin(&self) -> Actor {
        self.app.admin(&self.one)
    }

    pub fn clinician(&self) -> Actor {
        self.app.clinician(&self.one)
    }

    /// The task logs that are not deleted and fit, most recently completed first.
    pub fn recent(&self, fits: impl Fn(&LogRow) -> bool) -> Vec<Value> {
        let mut rows: Vec<&LogRow> = self.logs.iter().filter(|log| fits(log)).collect();
        rows.sort_by_key(|log| std::cmp::Reverse((log.completed_at, log.id)));
        rows.into_iter().map(|log| json!({ "id": TaskLogId(log.id).to_string() })).collect()
    }
}

pub fn some_patient(dice: &mut Dice, number: usize) -> PatientRow {
    PatientRow {
        id: Uuid::now_v7(),
        mrn: format!("mrn-{:03}", number * 7 % 1000),
        first_name: dice.one_of(&["ada", "bo"]).to_owned(),
        last_name: dice.one_of(&["lovelace", "nightingale", "o'neil"]).to_owned(),
        room: dice.one_of(&[None, Some("1A"), Some("1B"), Some("2%")]),
        status: dice.one_of(&["ADMITTED", "DISCHARGED"]),
        archived: false,
        created_at: start() + Duration::hours(dice.roll(3) as i64),
    }
}

pub fn some_log(dice: &mut Dice, patients: &[PatientRow], staff: &Hospital) -> LogRow {
    LogRow {
        id: Uuid::now_v7(),
        patient: dice.one_of(patients).id,
        clinician: dice.one_of(&[staff.clinician.staff.0, staff.colleague.staff.0]),
        task_type: dice.one_of(&TYPES),
        description: format!("{} {}", dice.one_of(&["Pulse", "pulse and TEMPERATURE", "Dressing"]), dice.roll(10)),
        completed_at: start() + Duration::hours(dice.roll(4) as i64),
        updated_at: start() + Duration::hours(4 + dice.roll(4) as i64),
        deleted: false,
    }
}

pub async fn insert_patients(superuser: &mut PgConnection, hospital: &Hospital, rows: &[PatientRow]) {
    for row in rows {
        let sql = "INSERT INTO patients (hospital_id, id, mrn, first_name, last_name, date_of_birth, room, status, contact_phone,
                   archived_at, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, '1980-02-29', $6, $7, $8, $9, 1, $10, $10)";
        sqlx::query(sql)
            .bind(hospital.id.0)
            .bind(row.id)
            .bind(&row.mrn)
            .bind(&row.first_name)
            .bind(&row.last_name)
            .bind(row.room)
            .bind(row.status)
            .bind(row.mrn.starts_with(CANARY).then_some(CANARY))
            .bind(row.archived.then_some(row.created_at))
            .bind(row.created_at)
            .execute(&mut *superuser)
            .await
            .unwrap();
    }
}

pub async fn insert_logs(superuser: &mut PgConnection, hospital: &Hospital, rows: &[LogRow]) {
    for row in rows {
        let sql = "INSERT INTO task_logs (hospital_id, id, patient_id, clinician_id, task_type, description, notes, completed_at,
                   recorded_at, updated_at, version, changed_by_id, deleted_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, 1, $4, $10)";
        sqlx::query(sql)
            .bind(hospital.id.0)
            .bind(row.id)
            .bind(row.patient)
            .bind(row.clinician)
            .bind(row.task_type)
            .bind(&row.description)
            .bind(row.description.starts_with(CANARY).then_some(CANARY))
            .bind(row.completed_at)
            .bind(row.updated_at)
            .bind(row.deleted.then_some(row.updated_at))
            .execute(&mut *superuser)
            .await
            .unwrap();
    }
}

/// Asks, and looks through the answer for what must be in none.
pub async fn ask(actor: &Actor, query: &str, variables: Value) -> Answer {
    let answer = actor.ask_with(query, variables).await;
    let text = answer.body.to_string();
    assert!(!text.to_lowercase().contains(CANARY), "{query} shows a row of another hospital: {text}");
    for word in INSIDES {
        assert!(!text.contains(word), "{query} shows the machinery: {text}");
    }
    answer
}

pub fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

pub fn sorted<T, K: Ord>(
    rows: &[T],
    descending: bool,
    key: impl Fn(&T) -> K,
    show: impl Fn(&T) -> Value,
) -> Vec<Value> {
    let mut rows: Vec<&T> = rows.iter().collect();
    rows.sort_by_key(|row| key(row));
    if descending {
        rows.reverse();
    }
    rows.into_iter().map(show).collect()
}
