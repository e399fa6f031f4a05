use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement};
use uuid::Uuid;

use super::account::{Account, Opens, Password};
use crate::tenancy::Tx;

/// An account and, with it, one place of work; without one when the account works nowhere.
#[derive(Clone, FromQueryResult)]
pub(super) struct DoorRow {
    pub(super) account_id: Uuid,
    pub(super) credentials_version: i32,
    pub(super) password_hash: String,
    pub(super) password_chosen_by: Option<Uuid>,
    pub(super) password_version: i32,
    pub(super) factor_secret: Option<Vec<u8>>,
    pub(super) factor_since: Option<DateTime<Utc>>,
    pub(super) factor_step: Option<i64>,
    pub(super) recovery_hashes: Vec<Vec<u8>>,
    pub(super) staff_id: Option<Uuid>,
    pub(super) staff_name: Option<String>,
    pub(super) role: Option<String>,
    pub(super) hospital_id: Option<Uuid>,
    pub(super) hospital_slug: Option<String>,
    pub(super) hospital_name: Option<String>,
}

pub(super) async fn sign_in_door(tx: &Tx, email: &str) -> Result<Vec<DoorRow>, DbErr> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT account_id, credentials_version, password_hash, password_chosen_by, password_version, factor_secret,
             factor_since, factor_step, recovery_hashes, staff_id, staff_name, role, hospital_id, hospital_slug, hospital_name
         FROM sign_in_door($1)",
        [email.into()],
    );
    let rows = tx.query_all_raw(statement).await?;
    rows.iter().map(|row| DoorRow::from_query_result(row, "")).collect()
}

/// Makes `opens` what opens the account, if it is still as it was read. See `credentials_door` in the migrations.
pub(super) fn replace(account: &Account, opens: &Opens, password: Password, now: DateTime<Utc>) -> Statement {
    let factor = opens.factor.as_ref();
    Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT credentials_door($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS done",
        [
            account.id.0.into(),
            account.version.into(),
            now.into(),
            (password != Password::Same).into(),
            (password == Password::Owners).into(),
            opens.password_hash.as_str().into(),
            factor.map(|factor| factor.sealed.clone()).into(),
            factor.and_then(|factor| factor.since).into(),
            factor.and_then(|factor| factor.step).into(),
            factor.map(|factor| factor.recovery_hashes.clone()).unwrap_or_default().into(),
        ],
    )
}

/// Notes a token for a new password. See `reset_door` in the migrations.
pub(super) fn note_reset(
    email: &str,
    hash: [u8; 32],
    now: DateTime<Utc>,
    ends: DateTime<Utc>,
    quiet_since: DateTime<Utc>,
) -> Statement {
    let values = [email.into(), hash.to_vec().into(), now.into(), ends.into(), quiet_since.into()];
    Statement::from_sql_and_values(DbBackend::Postgres, "SELECT reset_door($1, $2, $3, $4, $5) AS done", values)
}

/// Whose a token for a new password is. See `reset_owner_door` in the migrations.
pub(super) fn reset_owner(hash: [u8; 32], now: DateTime<Utc>) -> Statement {
    let sql = "SELECT address, seen FROM reset_owner_door($1, $2)";
    Statement::from_sql_and_values(DbBackend::Postgres, sql, [hash.to_vec().into(), now.into()])
}
