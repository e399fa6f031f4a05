use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement};
use uuid::Uuid;

use crate::tenancy::Tx;

/// An account and, with it, one place of work; without one when the account works nowhere.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct DoorRow {
    pub(super) password_hash: String,
    pub(super) staff_id: Option<Uuid>,
    pub(super) role: Option<String>,
    pub(super) hospital_id: Option<Uuid>,
    pub(super) hospital_slug: Option<String>,
    pub(super) hospital_name: Option<String>,
}

pub(super) async fn sign_in_door(tx: &Tx, email: &str) -> Result<Vec<DoorRow>, DbErr> {
    let sql = "SELECT password_hash, staff_id, role, hospital_id, hospital_slug, hospital_name FROM sign_in_door($1)";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [email.into()]);
    let rows = tx.query_all_raw(statement).await?;
    rows.iter().map(|row| DoorRow::from_query_result(row, "")).collect()
}
