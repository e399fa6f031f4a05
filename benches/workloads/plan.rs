//! A workload made ready for one database: its calls, and its SQL with their values.

use std::collections::BTreeSet;

use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{self, Connection, types::Uuid};
use serde_json::Value;

use crate::Result;
use crate::calls::{Call, Source, uuid};
use crate::limit::{Transaction, shown};
use crate::site::Site;
use crate::workloads::{Effect, Workload};

/// What is sent to the server, and what to PostgreSQL by itself.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) workload: &'static Workload,
    pub(crate) calls: Vec<Call>,
    /// One for each call; none without SQL.
    pub(crate) transactions: Vec<Transaction>,
}

impl Plan {
    /// Looks for what to ask, asks each of it once, and holds the SQL against the answers.
    pub(crate) fn new(site: &mut Site, workload: &'static Workload) -> Result<Self> {
        let calls = (workload.calls)(&mut Source(site))?;
        if calls.is_empty() {
            return Err(format!("{} finds nothing to ask for in so small a database", workload.name).into());
        }
        let mut transactions = Vec::new();
        if !workload.sql.is_empty() {
            for call in &calls {
                transactions.push(transaction(site, workload, call)?);
            }
        }
        if workload.effect == Effect::Writes {
            same_rows_written(site)?;
            site.remove_new()?;
        }
        Ok(Self { workload, calls, transactions })
    }
}

/// The SQL of a call, which finds the rows that the server answers.
fn transaction(site: &mut Site, workload: &Workload, call: &Call) -> Result<Transaction> {
    let data = site.ask(call.hospital, workload.document, &call.variables)?;
    let hospital = site.hospitals()[call.hospital].clone();
    let mut values = call.values.clone();
    values.extend([("hospital", hospital.id.to_string()), ("viewer", hospital.viewer.to_string())]);
    values.extend([("patients", named(&data, "pat")?), ("staff", named(&data, "stf")?)]);
    let app_url = site.app_url();
    let (runtime, superuser) = site.superuser();
    if workload.effect == Effect::Writes {
        let id = shown(&data)?.pop_first().ok_or("nothing was written")?;
        values.extend(runtime.block_on(of_event(superuser, &id))?);
    }
    let transaction = Transaction::new(workload.sql, values);
    let found = runtime.block_on(async {
        let mut app = PgConnection::connect(&app_url).await?;
        transaction.run(&mut app).await
    })?;
    let shown = shown(&data)?;
    if workload.effect != Effect::Writes && found != shown {
        let missing = shown.symmetric_difference(&found).cloned().collect::<Vec<_>>().join(", ");
        return Err(format!("the SQL of {} does not find what the server answers: {missing}", workload.name).into());
    }
    Ok(transaction)
}

/// The ids of this kind in an answer, as an array in PostgreSQL's notation.
fn named(data: &Value, kind: &str) -> Result<String> {
    let (mut ids, mut rest) = (BTreeSet::new(), vec![data]);
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(members) => rest.extend(members.values()),
            Value::String(text) if text.split_once('_').is_some_and(|(prefix, _)| prefix == kind) => {
                ids.insert(uuid(value)?.to_string());
            }
            _ => {}
        }
    }
    Ok(format!("{{{}}}", ids.into_iter().collect::<Vec<_>>().join(",")))
}

/// What the SQL needs to write the same event as the server did for this task log, and ids and keys of its own.
async fn of_event(superuser: &mut PgConnection, task_log: &str) -> Result<Vec<(&'static str, String)>> {
    let (session, address, shape): (Uuid, String, Uuid) =
        sqlx::query_as("SELECT session_id, address, shape_id FROM audit_events WHERE subject_id = $1")
            .bind(Uuid::try_parse(task_log)?)
            .fetch_one(superuser)
            .await?;
    let now = Uuid::now_v7().to_string();
    Ok(vec![
        ("session", session.to_string()),
        ("address", address),
        ("shape", shape.to_string()),
        ("hash", format!("\\x{}", "0".repeat(64))),
        ("run", now.clone()),
        // In the order of time as the server's ids, but for the last twelve digits.
        ("ids", now[..24].to_owned()),
    ])
}

/// Fails unless the server and the SQL wrote the same for each call, but for ids and times.
fn same_rows_written(site: &mut Site) -> Result<()> {
    let (runtime, superuser) = site.superuser();
    let different: i64 = runtime.block_on(sqlx::query_scalar(DIFFERENT).fetch_one(superuser))?;
    match different {
        0 => Ok(()),
        _ => Err(format!("the SQL writes other rows than the server, for {different} calls").into()),
    }
}

const DIFFERENT: &str = "
    SELECT count(*) FROM (
        SELECT FROM idempotency_keys k
        LEFT JOIN task_logs t ON t.hospital_id = k.hospital_id AND t.id = k.created_id
        LEFT JOIN audit_events e ON e.hospital_id = k.hospital_id AND e.subject_id = t.id
        GROUP BY k.hospital_id, k.staff_id, k.mutation, octet_length(k.input_hash), t.hospital_id, t.patient_id,
            t.clinician_id, t.task_type, t.description, t.notes, t.version, t.changed_by_id, t.change_reason, t.deleted_at,
            e.hospital_id, e.actor_kind, e.actor_id, e.role, e.address, e.action, e.outcome, e.operation, e.shape_id,
            e.row_count, e.patients, e.reason
        HAVING count(*) <> 2
    ) different";
