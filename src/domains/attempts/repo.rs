use chrono::{DateTime, Duration, Utc};
use sea_orm::{DbBackend, DbErr, FromQueryResult, Statement};

use crate::tenancy::Database;

/// Where a guess was counted, or why it was not.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Counted {
    pub(super) counted_at: Vec<u8>,
    pub(super) wait_seconds: Option<f64>,
}

/// See `attempt_door` in the migrations. It does not wait for the disk: a crash of PostgreSQL may forget the guesses of its last
/// second, and those who guess do not keep the disk from those who work.
pub(super) async fn begin(
    database: &Database,
    subject: &[u8],
    here: &[u8],
    now: DateTime<Utc>,
    memory: Duration,
    pauses: &[f64],
) -> Result<Counted, DbErr> {
    let sql = "SELECT counted_at, wait_seconds, set_config('synchronous_commit', 'off', true)
               FROM attempt_door($1, $2, $3, make_interval(secs => $4), $5)";
    let memory = memory.as_seconds_f64();
    let values = [subject.into(), here.into(), now.into(), memory.into(), pauses.to_vec().into()];
    let row = database.ask_for_credential(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    let row = row.ok_or_else(|| DbErr::Custom("attempt_door says nothing".into()))?;
    Counted::from_query_result(&row, "")
}

/// See `attempt_end_door` in the migrations.
pub(super) async fn end(
    database: &Database,
    subject: &[u8],
    counted_at: &[u8],
    here: &[u8],
    was_right: bool,
    now: DateTime<Utc>,
    known: Duration,
) -> Result<(), DbErr> {
    let sql = "SELECT set_config('synchronous_commit', 'off', true)
               FROM attempt_end_door($1, $2, $3, $4, $5, make_interval(secs => $6))";
    let known = known.as_seconds_f64();
    let values = [subject.into(), counted_at.into(), here.into(), was_right.into(), now.into(), known.into()];
    database.ask_for_credential(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await.map(|_| ())
}
