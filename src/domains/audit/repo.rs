//! The SQL is written out here: a page of what mentions somebody is a join over two indexes and a scan of the newest events.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use crate::audit::{AuditAction, AuditOutcome};
use crate::kernel::HospitalId;
use crate::tenancy::{KeyPart, MAX_COUNT, PageRequest, SortKey, Tx};

/// An event, and whether it is sealed.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct EventRow {
    pub(super) hospital_id: Uuid,
    pub(super) at: DateTime<Utc>,
    pub(super) id: Uuid,
    pub(super) xid: i64,
    pub(super) request_id: Uuid,
    pub(super) actor_kind: String,
    pub(super) actor_id: Uuid,
    pub(super) session_id: Option<Uuid>,
    pub(super) role: String,
    pub(super) address: Option<String>,
    pub(super) action: String,
    pub(super) outcome: String,
    pub(super) operation: Option<String>,
    pub(super) shape_id: Option<Uuid>,
    pub(super) subject_id: Option<Uuid>,
    pub(super) row_count: i32,
    pub(super) patients: Vec<Uuid>,
    pub(super) reason: Option<String>,
    pub(super) sealed: bool,
}

/// The names of fields.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct ShapeRow {
    pub(super) id: Uuid,
    pub(super) fields: Vec<String>,
    pub(super) refused: Vec<String>,
}

/// A seal.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct SealRow {
    pub(super) no: i64,
    pub(super) month: NaiveDate,
    pub(super) from_xid: i64,
    pub(super) to_xid: i64,
    pub(super) events: i32,
    pub(super) root: Vec<u8>,
    pub(super) previous_head: Vec<u8>,
    pub(super) head: Vec<u8>,
    pub(super) sealed_at: DateTime<Utc>,
    pub(super) leaves: Vec<u8>,
}

/// Which events a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Criteria {
    pub(super) actor: Option<Uuid>,
    pub(super) action: Option<AuditAction>,
    pub(super) outcome: Option<AuditOutcome>,
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) to: Option<DateTime<Utc>>,
}

/// The columns of an [`EventRow`], of the events `e`.
const COLUMNS: &str = "e.hospital_id, e.at, e.id, e.xid, e.request_id, e.actor_kind, e.actor_id, e.session_id, e.role,
    e.address, e.action, e.outcome, e.operation, e.shape_id, e.subject_id, e.row_count, e.patients, e.reason,
    e.xid < (SELECT sealed_xid FROM audit_state) AS sealed";

/// Below which transaction all events are posted. From here on, until the transaction ends, PostgreSQL plans with the values of
/// parameters: a plan for any values would take the newest events, which are few, for a third of all.
async fn posted(tx: &Tx) -> Result<i64, DbErr> {
    let sql = "SELECT posted_xid, set_config('plan_cache_mode', 'force_custom_plan', true) FROM audit_state";
    let row = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("audit_state".into()))?.try_get("", "posted_xid")
}

/// A statement that is being written, with its parameters.
#[derive(Default)]
struct Sql {
    values: Vec<Value>,
}

impl Sql {
    /// A parameter.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// What `criteria` ask of the events `e`, by their columns.
    fn of_events(&mut self, criteria: &Criteria) -> String {
        let mut conditions = String::new();
        if let Some(actor) = criteria.actor {
            conditions += &format!(" AND e.actor_id = {}", self.bind(actor));
        }
        if let Some(action) = criteria.action {
            conditions += &format!(" AND e.action = {}", self.bind(action.name()));
        }
        if let Some(outcome) = criteria.outcome {
            conditions += &format!(" AND e.outcome = {}", self.bind(outcome.name()));
        }
        conditions + &self.in_time("e.at", criteria)
    }

    /// What `criteria` ask of the time, in this column.
    fn in_time(&mut self, column: &str, criteria: &Criteria) -> String {
        let mut conditions = String::new();
        if let Some(from) = criteria.from {
            conditions += &format!(" AND {column} >= {}", self.bind(from));
        }
        if let Some(to) = criteria.to {
            conditions += &format!(" AND {column} < {}", self.bind(to));
        }
        conditions
    }

    /// The page of rows with these columns, newest first.
    fn page(&mut self, page: &PageRequest, at: &str, id: &str) -> String {
        let (compare, direction) = if page.backward { (">", "ASC") } else { ("<", "DESC") };
        let behind = match &page.key {
            Some(SortKey(parts)) => {
                let parts: Vec<String> = parts.iter().cloned().map(|part: KeyPart| self.bind(part)).collect();
                format!(" AND ({at}, {id}) {compare} ({})", parts.join(", "))
            }
            None => String::new(),
        };
        format!("{behind} ORDER BY {at} {direction}, {id} {direction} LIMIT {}", page.size + 1)
    }

    /// The events that are not posted yet and mention one of `all`. Nothing in it asks for an order, which could make
    /// PostgreSQL walk through the whole history in that order in search of them.
    fn newest(&mut self, posted: i64, hospital: &str, all: &str, criteria: &Criteria) -> String {
        let posted = self.bind(posted);
        let conditions = self.of_events(criteria);
        format!(
            "SELECT e.* FROM audit_events e WHERE e.hospital_id = {hospital} AND e.xid >= {posted}
                 AND (e.actor_id = ANY ({all}) OR e.patients && {all}){conditions}"
        )
    }

    fn statement(self, text: String) -> Statement {
        Statement::from_sql_and_values(DbBackend::Postgres, text, self.values)
    }
}

/// A page of the events of the hospital, newest first.
pub(super) async fn page(
    tx: &Tx,
    hospital: HospitalId,
    criteria: &Criteria,
    page: &PageRequest,
) -> Result<Vec<EventRow>, DbErr> {
    let mut sql = Sql::default();
    let hospital = sql.bind(hospital.0);
    let conditions = sql.of_events(criteria);
    let page = sql.page(page, "e.at", "e.id");
    let text = format!("SELECT {COLUMNS} FROM audit_events e WHERE e.hospital_id = {hospital}{conditions}{page}");
    EventRow::find_by_statement(sql.statement(text)).all(tx).await
}

/// The same page of the events that mention each of these, newest first.
pub(super) async fn pages_of(
    tx: &Tx,
    hospital: HospitalId,
    mentioned: &[Uuid],
    criteria: &Criteria,
    page: &PageRequest,
) -> Result<Vec<(Uuid, EventRow)>, DbErr> {
    let posted = posted(tx).await?;
    let mut sql = Sql::default();
    let all = sql.bind(mentioned.to_vec());
    let hospital = sql.bind(hospital.0);
    let newest = sql.newest(posted, &hospital, &all, criteria);
    let conditions = sql.of_events(criteria);
    let in_time = sql.in_time("m.at", criteria);
    let posted_page = sql.page(page, "m.at", "m.event_id");
    let newest_page = sql.page(page, "e.at", "e.id");
    let direction = if page.backward { "ASC" } else { "DESC" };
    let text = format!(
        "WITH newest AS MATERIALIZED ({newest})
         SELECT p.who, {COLUMNS} FROM unnest({all}::uuid[]) AS p (who) CROSS JOIN LATERAL (
             (SELECT e.* FROM audit_mentions m CROSS JOIN LATERAL (
                  -- OFFSET 0: each mention is looked up, and the history never read beside the mentions in search of them.
                  SELECT e.* FROM audit_events e
                  WHERE e.hospital_id = m.hospital_id AND e.at = m.at AND e.id = m.event_id OFFSET 0
              ) e
              WHERE m.hospital_id = {hospital} AND m.who = p.who{in_time}{conditions}{posted_page})
             UNION ALL
             (SELECT e.* FROM newest e WHERE (e.actor_id = p.who OR p.who = ANY (e.patients)){newest_page})
         ) e ORDER BY e.at {direction}, e.id {direction}"
    );
    let rows = tx.query_all_raw(sql.statement(text)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "who")?, EventRow::from_query_result(row, "")?))).collect()
}

/// How many events there are.
pub(super) async fn count(tx: &Tx, hospital: HospitalId, criteria: &Criteria) -> Result<u64, DbErr> {
    let mut sql = Sql::default();
    let hospital = sql.bind(hospital.0);
    let conditions = sql.of_events(criteria);
    // In the order of the index, which leads to as many as are counted.
    let text = format!(
        "SELECT count(*) AS n FROM (SELECT FROM audit_events e WHERE e.hospital_id = {hospital}{conditions}
             ORDER BY e.at DESC, e.id DESC LIMIT {MAX_COUNT} + 1) e"
    );
    counted(tx, sql.statement(text)).await
}

/// How many events mention somebody.
pub(super) async fn count_of(
    tx: &Tx,
    hospital: HospitalId,
    mentioned: Uuid,
    criteria: &Criteria,
) -> Result<u64, DbErr> {
    let posted = posted(tx).await?;
    let mut sql = Sql::default();
    let [all, who] = [sql.bind(vec![mentioned]), sql.bind(mentioned)];
    let hospital = sql.bind(hospital.0);
    let newest = sql.newest(posted, &hospital, &all, criteria);
    let conditions = sql.of_events(criteria);
    let in_time = sql.in_time("m.at", criteria);
    let text = format!(
        "SELECT (SELECT count(*) FROM (
                SELECT FROM audit_mentions m CROSS JOIN LATERAL (
                    SELECT e.* FROM audit_events e
                    WHERE e.hospital_id = m.hospital_id AND e.at = m.at AND e.id = m.event_id OFFSET 0
                ) e
                WHERE m.hospital_id = {hospital} AND m.who = {who}{in_time}{conditions}
                ORDER BY m.at DESC, m.event_id DESC LIMIT {MAX_COUNT} + 1
            ) e) + (SELECT count(*) FROM ({newest}) e) AS n"
    );
    counted(tx, sql.statement(text)).await
}

async fn counted(tx: &Tx, statement: Statement) -> Result<u64, DbErr> {
    let row = tx.query_one_raw(statement).await?;
    Ok(row.map(|row| row.try_get::<i64>("", "n")).transpose()?.unwrap_or_default().unsigned_abs())
}

/// The event with this id, which says its millisecond.
pub(super) async fn by_id(
    tx: &Tx,
    hospital: HospitalId,
    id: Uuid,
    millisecond: DateTime<Utc>,
) -> Result<Option<EventRow>, DbErr> {
    let mut sql = Sql::default();
    let [hospital, id, at] = [sql.bind(hospital.0), sql.bind(id), sql.bind(millisecond)];
    let text = format!(
        "SELECT {COLUMNS} FROM audit_events e WHERE e.hospital_id = {hospital} AND e.id = {id}
             AND e.at >= {at} AND e.at < {at} + interval '1 millisecond'"
    );
    EventRow::find_by_statement(sql.statement(text)).one(tx).await
}

/// These shapes.
pub(super) async fn shapes(tx: &Tx, ids: Vec<Uuid>) -> Result<Vec<ShapeRow>, DbErr> {
    let mut sql = Sql::default();
    let ids = sql.bind(ids);
    let text = format!("SELECT id, fields, refused FROM audit_shapes WHERE id = ANY ({ids})");
    ShapeRow::find_by_statement(sql.statement(text)).all(tx).await
}

/// The seal in whose window an event lies.
pub(super) async fn seal_of(tx: &Tx, event: &EventRow) -> Result<Option<SealRow>, DbErr> {
    let mut sql = Sql::default();
    let [hospital, at, xid] = [sql.bind(event.hospital_id), sql.bind(event.at), sql.bind(event.xid)];
    // Of the seals that end behind the event, the first of its month.
    let text = format!(
        "SELECT no, month, from_xid, to_xid, events, root, previous_head, head, sealed_at, leaves FROM audit_seals
         WHERE hospital_id = {hospital} AND month = date_trunc('month', {at} AT TIME ZONE 'UTC')::date
             AND from_xid <= {xid} AND to_xid > {xid}
         ORDER BY to_xid LIMIT 1"
    );
    SealRow::find_by_statement(sql.statement(text)).one(tx).await
}
