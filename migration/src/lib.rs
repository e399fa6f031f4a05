//! The schema of Patient Logger, one migration per domain.
//!
//! A migration adds a table together with its row level security, its grants and its indexes, so that no table exists
//! for a moment without its wall. SQL is written out: policies, column grants and triggers are what a reader comes here
//! for, and the query builder has no words for them.
//!
//! Three database roles matter (see `src/database/roles.sql`):
//! - the **owner** runs these migrations and owns the tables. It is not above the wall: row security is forced;
//! - `patient_logger_app` is what the server logs in as. It owns nothing;
//! - `patient_logger_door` cannot log in. It owns the few `SECURITY DEFINER` functions that have to look across hospitals.
//!
//! To add a domain: a new file `m<date>_<number>_<domain>_<what>.rs`, its line in [`Migrator::migrations`], and
//! [`wall::tenant_table`] for every table that has a `hospital_id`.

pub use sea_orm_migration::prelude::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m20261120_000001_hospitals;
mod m20261120_000002_staff;
mod m20261120_000003_patients;
mod m20261120_000004_task_logs;
mod m20261120_000005_idempotency_keys;
mod m20261120_000006_partner_keys;
mod m20261120_000007_sessions;
mod m20261120_000008_credentials;
mod m20261120_000009_attempts;
mod m20261120_000010_documents;
mod m20261120_000011_audit;
mod m20261120_000012_restricted_records;
mod m20261120_000013_list_indexes;
mod m20261120_000014_session_standing;
mod wall;

/// Every migration, in the order in which they run.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261120_000001_hospitals::Migration),
            Box::new(m20261120_000002_staff::Migration),
            Box::new(m20261120_000003_patients::Migration),
            Box::new(m20261120_000004_task_logs::Migration),
            Box::new(m20261120_000005_idempotency_keys::Migration),
            Box::new(m20261120_000006_partner_keys::Migration),
            Box::new(m20261120_000007_sessions::Migration),
            Box::new(m20261120_000008_credentials::Migration),
            Box::new(m20261120_000009_attempts::Migration),
            Box::new(m20261120_000010_documents::Migration),
            Box::new(m20261120_000011_audit::Migration),
            Box::new(m20261120_000012_restricted_records::Migration),
            Box::new(m20261120_000013_list_indexes::Migration),
            Box::new(m20261120_000014_session_standing::Migration),
        ]
    }
}

/// Runs statements that hold no parameters.
async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(sql).await.map(|_| ())
}
