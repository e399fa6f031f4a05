//! The trail as the owner of the database reads it: hospital by hospital, as the wall binds the owner too, each in one
//! snapshot.

use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::chain::EVENT;
use super::copy::Rows;

/// Why a trail cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// PostgreSQL answers with an error, or not at all.
    #[error("the audit trail cannot be read: {0}")]
    Database(#[from] sqlx::Error),
    /// No hospital has this name.
    #[error("there is no hospital \"{0}\": give its slug or its id")]
    NoHospital(String),
    /// Something cannot be written.
    #[error("the audit trail cannot be written out: {0}")]
    Output(#[from] std::io::Error),
    /// Heads that were kept elsewhere cannot be read.
    #[error("{file}, line {line}: {why}")]
    Heads {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// A hospital that may have a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailHospital {
    /// Its id.
    pub id: Uuid,
    /// Its short name.
    pub slug: String,
}

/// Two connections of the owner, so that events and seals can be read side by side.
#[derive(Debug)]
pub struct Trail {
    events: PgConnection,
    seals: PgConnection,
}

/// The trail of one hospital, as it was at one moment.
pub(super) struct Snapshot<'t> {
    pub(super) hospital: Uuid,
    pub(super) events: Transaction<'t, Postgres>,
    pub(super) seals: Transaction<'t, Postgres>,
}

/// A read of one moment. Sealing goes on beside it, as it has no transaction id.
const MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Trail {
    /// The trail behind two connections of the owner.
    pub fn new(events: PgConnection, seals: PgConnection) -> Self {
        Self { events, seals }
    }

    /// Every hospital, or the one with this slug or id.
    ///
    /// # Errors
    /// When there is none, or the database cannot be read.
    pub async fn hospitals(&mut self, name: Option<&str>) -> Result<Vec<TrailHospital>, TrailError> {
        let rows: Vec<(Uuid, String)> =
            sqlx::query_as("SELECT id, slug FROM audit_hospitals()").fetch_all(&mut self.events).await?;
        let all = rows.into_iter().map(|(id, slug)| TrailHospital { id, slug });
        let Some(name) = name else { return Ok(all.collect()) };
        let named: Vec<TrailHospital> =
            all.filter(|one| one.slug == name || hospital_id(name) == Some(one.id)).collect();
        if named.is_empty() { Err(TrailError::NoHospital(name.to_owned())) } else { Ok(named) }
    }

    pub(super) async fn enter(&mut self, hospital: Uuid) -> sqlx::Result<Snapshot<'_>> {
        let mut events = self.events.begin_with(MOMENT).await?;
        let moment: String = sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut *events).await?;
        let mut seals = self.seals.begin_with(MOMENT).await?;
        sqlx::raw_sql(AssertSqlSafe(format!("SET TRANSACTION SNAPSHOT '{moment}'"))).execute(&mut *seals).await?;
        for transaction in [&mut events, &mut seals] {
            // The sort of a month is PostgreSQL's largest piece of work here.
            sqlx::query(
                "SELECT set_config('app.current_hospital_id', $1, true), set_config('work_mem', '64MB', true),
                 set_config('timezone', 'UTC', true)",
            )
            .bind(hospital.hyphenated().to_string())
            .execute(&mut **transaction)
            .await?;
        }
        Ok(Snapshot { hospital, events, seals })
    }

    /// The connection for what belongs to no hospital.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.events
    }
}

/// An id as the API shows it, or as the database does.
fn hospital_id(text: &str) -> Option<Uuid> {
    crate::kernel::HospitalId::parse(text).map(|id| id.0).ok().or_else(|| text.parse().ok())
}

/// The events of a month, in the order of the seals.
pub(super) async fn events<'c>(
    connection: &'c mut PgConnection,
    hospital: Uuid,
    month: chrono::NaiveDate,
) -> sqlx::Result<Rows<'c>> {
    let columns = EVENT.map(|(name, _)| name).join(", ");
    let query = format!(
        "SELECT {columns} FROM audit_events WHERE hospital_id = '{hospital}'
             AND at >= timestamptz '{month} 00:00:00+00' AND at < timestamptz '{month} 00:00:00+00' + interval '1 month'
         ORDER BY xid, at, id"
    );
    Rows::of(connection, &query).await
}
