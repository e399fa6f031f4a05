//! The SQL of this room.
//!
//! Everything runs as the owner of the tables, who is behind the hospital wall like everybody else: row security is
//! forced. So each transaction says which hospital it writes, and rows go in through `INSERT … SELECT FROM unnest`, as
//! PostgreSQL refuses `COPY FROM` on a table with row security in force.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, ConnectOptions, Executor};
use uuid::Uuid;

use super::SeedError;
use super::history::Batch;
use super::people::{Account, House};

/// Rows of one statement. More gain nothing; fewer cost round trips.
pub(super) const BATCH: usize = 5_000;

/// Connects as the owner.
pub(super) async fn connect(owner_url: &str) -> Result<PgConnection, SeedError> {
    let options = PgConnectOptions::from_str(owner_url).map_err(|error| SeedError::BadUrl(error.to_string()))?;
    Ok(options.application_name("patient-logger seed").disable_statement_logging().connect().await?)
}

/// Lets one process at a time add hospitals, until the transaction ends: so what [`slugs`] says stays true.
pub(super) async fn lock(tx: &mut PgConnection) -> Result<(), SeedError> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('patient_logger hospitals'))").execute(tx).await?;
    Ok(())
}

/// Becomes the role that looks across hospitals, until [`leave_door`] or the end of the transaction.
///
/// The owner is a member of it and could read some of this as itself, but the wall would show it nothing. The
/// membership must allow `SET ROLE`, which a plain `GRANT` gives on every version (an option of its own since 16).
async fn enter_door(tx: &mut PgConnection) -> Result<(), SeedError> {
    tx.execute("SET LOCAL ROLE patient_logger_door").await?;
    Ok(())
}

async fn leave_door(tx: &mut PgConnection) -> Result<(), SeedError> {
    tx.execute("RESET ROLE").await?;
    Ok(())
}

/// The slugs that are taken.
pub(super) async fn slugs(tx: &mut PgConnection) -> Result<Vec<String>, SeedError> {
    enter_door(tx).await?;
    let slugs = sqlx::query_scalar("SELECT slug FROM hospitals").fetch_all(&mut *tx).await?;
    leave_door(tx).await?;
    Ok(slugs)
}

/// The hospital with this slug.
pub(super) async fn hospital_with_slug(tx: &mut PgConnection, slug: &str) -> Result<Uuid, SeedError> {
    enter_door(tx).await?;
    let id = sqlx::query_scalar("SELECT id FROM hospitals WHERE slug = $1").bind(slug).fetch_one(&mut *tx).await?;
    leave_door(tx).await?;
    Ok(id)
}

/// Makes accounts whose password is their owner's choice: they open every hospital that hires them.
///
/// `account_door` cannot make those, as it notes the current hospital as the one that chose the password.
pub(super) async fn accounts(
    tx: &mut PgConnection,
    accounts: &[&Account],
    password_hash: &str,
) -> Result<(), SeedError> {
    let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
    let emails: Vec<_> = accounts.iter().map(|account| account.email.as_str()).collect();
    let times: Vec<_> = accounts.iter().map(|account| account.created_at).collect();
    enter_door(tx).await?;
    let taken = sqlx::query_scalar("SELECT email FROM accounts WHERE email = ANY($1) LIMIT 1")
        .bind(&emails[..])
        .fetch_optional(&mut *tx)
        .await?;
    if let Some(email) = taken {
        return Err(SeedError::EmailTaken(email));
    }
    sqlx::query(
        "INSERT INTO accounts (id, email, password_hash, created_at, updated_at)
         SELECT id, email, $2, at, at FROM unnest($1::uuid[], $3::text[], $4::timestamptz[]) AS account (id, email, at)",
    )
    .bind(&ids[..])
    .bind(password_hash)
    .bind(&emails[..])
    .bind(&times[..])
    .execute(&mut *tx)
    .await?;
    leave_door(tx).await
}

/// Says which hospital the rest of the transaction is about.
pub(super) async fn enter_hospital(tx: &mut PgConnection, hospital: Uuid) -> Result<(), SeedError> {
    sqlx::query("SELECT set_config('app.current_hospital_id', $1, true)")
        .bind(hospital.hyphenated().to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// The hospital itself and its staff, who have their accounts already.
pub(super) async fn hospital(tx: &mut PgConnection, house: &House) -> Result<(), SeedError> {
    sqlx::query("INSERT INTO hospitals (id, slug, name, time_zone, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(house.id)
        .bind(&house.slug)
        .bind(&house.name)
        .bind(house.time_zone.name())
        .bind(house.opened_at)
        .execute(&mut *tx)
        .await?;
    for staff in house.staff.chunks(BATCH) {
        sqlx::query(
            "INSERT INTO staff (hospital_id, id, account_id, name, role, status, version, created_at, updated_at)
             SELECT $1, id, account_id, name, role, CASE WHEN left_at IS NULL THEN 'ACTIVE' ELSE 'DEACTIVATED' END,
                 CASE WHEN left_at IS NULL THEN 1 ELSE 2 END, joined_at, coalesce(left_at, joined_at)
             FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
                 AS member (id, account_id, name, role, joined_at, left_at)",
        )
        .bind(house.id)
        .bind(staff.iter().map(|member| member.id).collect::<Vec<_>>())
        .bind(staff.iter().map(|member| member.account_id).collect::<Vec<_>>())
        .bind(staff.iter().map(|member| member.name.as_str()).collect::<Vec<_>>())
        .bind(staff.iter().map(|member| member.role.name()).collect::<Vec<_>>())
        .bind(staff.iter().map(|member| member.joined_at).collect::<Vec<_>>())
        .bind(staff.iter().map(|member| member.left_at).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// The patients of a hospital.
pub(super) async fn patients(tx: &mut PgConnection, house: &House) -> Result<(), SeedError> {
    for patients in house.patients.chunks(BATCH) {
        sqlx::query(
            "INSERT INTO patients (hospital_id, id, mrn, first_name, last_name, date_of_birth, room, status, contact_phone,
                 contact_email, archived_at, version, created_at, updated_at)
             SELECT $1, id, mrn, first_name, last_name, date_of_birth, room,
                 CASE WHEN discharged_at IS NULL THEN 'ADMITTED' ELSE 'DISCHARGED' END, phone, email, archived_at,
                 1 + num_nonnulls(discharged_at, archived_at), admitted_at, coalesce(archived_at, discharged_at, admitted_at)
             FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::date[], $7::text[], $8::text[], $9::text[],
                     $10::timestamptz[], $11::timestamptz[], $12::timestamptz[])
                 AS patient (id, mrn, first_name, last_name, date_of_birth, room, phone, email, admitted_at,
                     discharged_at, archived_at)",
        )
        .bind(house.id)
        .bind(patients.iter().map(|patient| patient.id).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.mrn.as_str()).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.name.given).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.name.family).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.date_of_birth).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.room.as_deref()).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.phone.as_deref()).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.email.as_deref()).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.admitted_at).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.discharged_at).collect::<Vec<_>>())
        .bind(patients.iter().map(|patient| patient.archived_at).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Task logs, and then their later versions, so that the trigger keeps the earlier ones.
pub(super) async fn task_logs(tx: &mut PgConnection, hospital: Uuid, batch: &Batch) -> Result<(), SeedError> {
    sqlx::query(
        "INSERT INTO task_logs (hospital_id, id, patient_id, clinician_id, task_type, description, notes, completed_at,
             recorded_at, updated_at, version, changed_by_id)
         SELECT $1, id, patient_id, clinician_id, task_type, description, notes, completed_at, recorded_at, recorded_at, 1,
             clinician_id
         FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
                 $9::timestamptz[])
             AS log (id, patient_id, clinician_id, task_type, description, notes, completed_at, recorded_at)",
    )
    .bind(hospital)
    .bind(&batch.ids[..])
    .bind(&batch.patients[..])
    .bind(&batch.clinicians[..])
    .bind(&batch.kinds[..])
    .bind(&batch.descriptions[..])
    .bind(&batch.notes[..])
    .bind(&batch.completed[..])
    .bind(&batch.recorded[..])
    .execute(&mut *tx)
    .await?;
    let changes = &batch.changes;
    sqlx::query(
        "UPDATE task_logs AS log
         SET description = coalesce(change.description, log.description), deleted_at = change.deleted_at,
             completed_at = coalesce(change.completed_at, log.completed_at), version = log.version + 1,
             changed_by_id = change.made_by, updated_at = change.made_at, change_reason = change.reason
         FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::uuid[], $7::timestamptz[], $8::text[])
             AS change (id, description, completed_at, deleted_at, made_by, made_at, reason)
         WHERE log.hospital_id = $1 AND log.id = change.id",
    )
    .bind(hospital)
    .bind(&changes.ids[..])
    .bind(&changes.descriptions[..])
    .bind(&changes.completed[..])
    .bind(&changes.deleted[..])
    .bind(&changes.by[..])
    .bind(&changes.at[..])
    .bind(&changes.reasons[..])
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Restricts the record of the patient who came last but one, on behalf of an administrator.
pub(super) async fn restriction(tx: &mut PgConnection, house: &House, now: DateTime<Utc>) -> Result<(), SeedError> {
    sqlx::query(
        "INSERT INTO patient_restrictions (hospital_id, patient_id, reason, restricted_at, restricted_by_id)
         SELECT p.hospital_id, p.id, 'Works in this hospital', $2,
             (SELECT s.id FROM staff s WHERE s.hospital_id = $1 AND s.role = 'ADMIN' ORDER BY s.id LIMIT 1)
         FROM patients p WHERE p.hospital_id = $1 AND p.archived_at IS NULL
         ORDER BY p.created_at DESC, p.id DESC OFFSET 1 LIMIT 1",
    )
    .bind(house.id)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
