//! What each workload asks for: different patients, times and places in the lists, found in the database.

use chrono::{DateTime, Duration, Utc};
use patient_logger::kernel::PatientId;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, Row, types::Uuid};
use serde_json::{Value, json};

use crate::Result;
use crate::load::NUMBER;
use crate::site::Site;
use crate::workloads::nodes;

/// One request, but for its document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// Which of the hospitals it is about.
    pub(crate) hospital: usize,
    /// The variables of the document.
    pub(crate) variables: Value,
    /// The same for the names in the SQL.
    pub(crate) values: Vec<(&'static str, String)>,
}

/// A database to look into, with a server on it.
#[derive(Debug)]
pub(crate) struct Source<'a>(pub(crate) &'a mut Site);

/// So many calls are different, unless the workload says otherwise. Each is a script of its own for `pgbench`, which
/// prepares its statements on every connection; more would be more of that.
const DIFFERENT: i64 = 16;

impl Source<'_> {
    /// Asks PostgreSQL about the first hospital, which is `$1`; `$2` is [`DIFFERENT`].
    fn rows(&mut self, sql: &'static str) -> Result<Vec<PgRow>> {
        let hospital = self.0.hospitals()[0].id;
        let (runtime, superuser) = self.0.superuser();
        Ok(runtime.block_on(sqlx::query(sql).bind(hospital).bind(DIFFERENT).fetch_all(superuser))?)
    }

    fn ask(&self, document: &str, variables: &Value) -> Result<Value> {
        self.0.ask(0, document, variables)
    }
}

/// The same call each time, in the first hospital.
pub(crate) fn plain(_: &mut Source<'_>) -> Result<Vec<Call>> {
    Ok(vec![Call { variables: json!({}), ..Call::default() }])
}

pub(crate) fn every_hospital(source: &mut Source<'_>) -> Result<Vec<Call>> {
    let hospitals = 0..source.0.hospitals().len();
    Ok(hospitals.map(|hospital| Call { hospital, variables: json!({}), ..Call::default() }).collect())
}

/// The patients and types with the longest lists, each between its fifth and its 60th row.
pub(crate) fn spans(source: &mut Source<'_>) -> Result<Vec<Call>> {
    let rows = source.rows(
        "SELECT patient_id, task_type, min(completed_at), max(completed_at) FROM (
             SELECT patient_id, task_type, completed_at,
                 row_number() OVER (PARTITION BY patient_id, task_type ORDER BY completed_at DESC) AS place
             FROM task_logs WHERE deleted_at IS NULL AND hospital_id = $1
         ) log
         WHERE place BETWEEN 5 AND 60 GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT $2",
    )?;
    let call = |row: PgRow| {
        let patient: Uuid = row.try_get(0)?;
        let (kind, from, to): (String, DateTime<Utc>, DateTime<Utc>) =
            (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        Ok(Call {
            variables: json!({ "patient": PatientId(patient).to_string(), "type": kind, "from": from, "to": to }),
            values: vec![("patient", patient.to_string()), ("type", kind), ("from", text(from)), ("to", text(to))],
            ..Call::default()
        })
    };
    rows.into_iter().map(call).collect()
}

/// Pages far down the list, one behind the other.
pub(crate) fn deep_pages(source: &mut Source<'_>) -> Result<Vec<Call>> {
    const CURSOR: &str = "query ($to: DateTime!) { taskLogs(first: 1, filter: { completedAt: { to: $to } }) { \
                          nodes { id completedAt } pageInfo { endCursor } } }";
    let rows = source.rows(
        "SELECT completed_at FROM (
             SELECT completed_at, row_number() OVER (ORDER BY completed_at DESC, id DESC) AS place, count(*) OVER () AS length
             FROM task_logs WHERE deleted_at IS NULL AND hospital_id = $1
         ) log
         WHERE place >= least(100000, length / 2) AND place % 50 = 0 ORDER BY place LIMIT $2",
    )?;
    let call = |row: PgRow| {
        let at: DateTime<Utc> = row.try_get(0)?;
        let found = source.ask(CURSOR, &json!({ "to": at + Duration::microseconds(1) }))?;
        let list = &found["taskLogs"];
        let (at, id) = (&nodes(list)[0]["completedAt"], uuid(&nodes(list)[0]["id"])?);
        Ok(Call {
            variables: json!({ "after": list["pageInfo"]["endCursor"] }),
            values: vec![("at", at.as_str().unwrap_or_default().to_owned()), ("id", id.to_string())],
            ..Call::default()
        })
    };
    rows.into_iter().map(call).collect()
}

/// Those with ten task logs whose last is the most recent.
pub(crate) fn busy_patients(source: &mut Source<'_>) -> Result<Vec<Call>> {
    let rows = source.rows(
        "SELECT patient_id FROM task_logs WHERE deleted_at IS NULL AND hospital_id = $1
         GROUP BY patient_id HAVING count(*) >= 10 ORDER BY max(completed_at) DESC, patient_id LIMIT $2",
    )?;
    let call = |row: PgRow| {
        let patient: Uuid = row.try_get(0)?;
        Ok(Call {
            variables: json!({ "id": PatientId(patient).to_string() }),
            values: vec![("patient", patient.to_string())],
            ..Call::default()
        })
    };
    rows.into_iter().map(call).collect()
}

/// One for patients on the wards, twice as many as other calls: whoever writes for the same patient at the same time waits
/// for nobody, but costs PostgreSQL more.
pub(crate) fn new_logs(source: &mut Source<'_>) -> Result<Vec<Call>> {
    const DESCRIPTION: &str = "Resting comfortably, no complaints, call bell within reach";
    let rows = source.rows(
        "SELECT id FROM patients WHERE status = 'ADMITTED' AND archived_at IS NULL AND hospital_id = $1
         ORDER BY id LIMIT 2 * $2",
    )?;
    let call = |row: PgRow| {
        let patient: Uuid = row.try_get(0)?;
        let input = json!({
            "patientId": PatientId(patient).to_string(), "taskType": "OBSERVATION", "description": DESCRIPTION,
            "idempotencyKey": NUMBER,
        });
        Ok(Call {
            variables: json!({ "input": input }),
            values: vec![("patient", patient.to_string()), ("description", DESCRIPTION.to_owned())],
            ..Call::default()
        })
    };
    rows.into_iter().map(call).collect()
}

/// Pages of the list of patients, one behind the other. The newest 300 are left out: they have no history yet.
pub(crate) fn patient_pages(source: &mut Source<'_>) -> Result<Vec<Call>> {
    const CURSOR: &str = "query ($first: Int!, $after: String) { patients(first: $first, after: $after) { \
                          nodes { id createdAt } pageInfo { endCursor } } }";
    let pages = [100; 3].into_iter().chain([20].into_iter().cycle().take(DIFFERENT as usize - 1));
    let mut calls: Vec<Call> = Vec::new();
    for first in pages {
        let before = calls.last().map_or(&Value::Null, |call| &call.variables["after"]);
        let found = source.ask(CURSOR, &json!({ "first": first, "after": before }))?;
        let last = nodes(&found["patients"]).last().ok_or("there are too few patients")?;
        calls.push(Call {
            variables: json!({ "after": found["patients"]["pageInfo"]["endCursor"] }),
            values: vec![
                ("at", last["createdAt"].as_str().unwrap_or_default().to_owned()),
                ("id", uuid(&last["id"])?.to_string()),
            ],
            ..Call::default()
        });
    }
    // Of the long pages only the last one's end is where a page begins.
    calls.drain(..2);
    Ok(calls)
}

/// Spans of 30 days that end with the last task log, a day before, and so on.
pub(crate) fn months(source: &mut Source<'_>) -> Result<Vec<Call>> {
    let rows = source.rows(
        "SELECT max(completed_at) - make_interval(days => day::integer) FROM task_logs, generate_series(0, $2 - 1) AS day
         WHERE deleted_at IS NULL AND hospital_id = $1 GROUP BY day ORDER BY day",
    )?;
    let call = |row: PgRow| {
        let to: DateTime<Utc> = row.try_get(0)?;
        let from = to - Duration::days(30);
        Ok(Call {
            variables: json!({ "from": from, "to": to }),
            values: vec![("from", text(from)), ("to", text(to))],
            ..Call::default()
        })
    };
    rows.into_iter().map(call).collect()
}

/// What PostgreSQL reads as this time.
fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339()
}

/// What is behind the kind in an id of the API.
pub(crate) fn uuid(id: &Value) -> Result<Uuid> {
    let digits = id.as_str().and_then(|id| id.split_once('_')).ok_or_else(|| format!("{id} is not an id"))?.1;
    Ok(Uuid::try_parse(digits)?)
}
