use chrono::{DateTime, Utc};
use entity::{account, staff};
use sea_orm::sea_query::Expr;
use sea_orm::sea_query::extension::postgres::PgExpr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select, Set, Statement,
};
use staff::{Column, Entity};

use crate::kernel::{AccountId, HospitalId, Role, StaffId};
use crate::tenancy::{PageRequest, Tx, containing};

pub(in crate::domains) use staff::Role as RoleRow;
pub(super) use staff::{ActiveModel as StaffChange, Model as StaffRow, Status as StaffStatusRow};

/// Which members of staff a list holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Criteria {
    /// Each of these is part of the name.
    pub(super) words: Vec<String>,
    pub(super) roles: Option<Vec<RoleRow>>,
    pub(super) statuses: Option<Vec<StaffStatusRow>>,
}

impl From<RoleRow> for Role {
    fn from(role: RoleRow) -> Self {
        match role {
            RoleRow::Admin => Self::Admin,
            RoleRow::Clinician => Self::Clinician,
        }
    }
}

/// The role as staff have it; a partner is never staff.
pub(super) const fn staff_role(role: Role) -> Option<RoleRow> {
    match role {
        Role::Admin => Some(RoleRow::Admin),
        Role::Clinician => Some(RoleRow::Clinician),
        Role::Partner => None,
    }
}

fn matching(criteria: &Criteria) -> Select<Entity> {
    let mut select = Entity::find();
    for word in &criteria.words {
        select = select.filter(Expr::col((Entity, Column::Name)).ilike(containing(word)));
    }
    if let Some(roles) = &criteria.roles {
        select = select.filter(Column::Role.is_in(roles.iter().copied()));
    }
    if let Some(statuses) = &criteria.statuses {
        select = select.filter(Column::Status.is_in(statuses.iter().copied()));
    }
    select
}

pub(super) async fn list(tx: &Tx, criteria: &Criteria, page: &PageRequest) -> Result<Vec<StaffRow>, DbErr> {
    let mut select = matching(criteria);
    let columns = [Column::Name, Column::Id].map(|column| Expr::col((Entity, column)));
    page.apply(QueryTrait::query(&mut select), columns, true);
    select.all(tx).await
}

pub(super) async fn count(tx: &Tx, criteria: &Criteria) -> Result<u64, DbErr> {
    tx.count(matching(criteria).into_query()).await
}

pub(super) async fn by_ids(tx: &Tx, ids: Vec<StaffId>) -> Result<Vec<StaffRow>, DbErr> {
    Entity::find().filter(Column::Id.eq_any(ids.into_iter().map(|id| id.0))).all(tx).await
}

/// E-mail addresses of accounts that work in this hospital; row level security shows no others.
pub(super) async fn emails(tx: &Tx, accounts: Vec<AccountId>) -> Result<Vec<(AccountId, String)>, DbErr> {
    let rows: Vec<(sea_orm::prelude::Uuid, String)> = account::Entity::find()
        .select_only()
        .columns([account::Column::Id, account::Column::Email])
        .filter(account::Column::Id.eq_any(accounts.into_iter().map(|id| id.0)))
        .into_tuple()
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|(id, email)| (AccountId(id), email)).collect())
}

/// Whether an account of this address has a staff record in this hospital.
pub(super) async fn knows(tx: &Tx, email: &str) -> Result<bool, DbErr> {
    let of_address = account::Entity::find().select_only().column(account::Column::Id);
    let found =
        of_address.filter(account::Column::Email.eq(email)).into_tuple::<sea_orm::prelude::Uuid>().one(tx).await?;
    Ok(found.is_some())
}

/// Whether an account that works in this hospital has a second factor.
pub(super) async fn has_second_factor(tx: &Tx, account: AccountId) -> Result<bool, DbErr> {
    let since = account::Entity::find().select_only().column(account::Column::FactorSince);
    let since: Option<Option<DateTime<Utc>>> =
        since.filter(account::Column::Id.eq(account.0)).into_tuple().one(tx).await?;
    Ok(since.flatten().is_some())
}

/// The account of an address, made with this password hash if there is none yet. See `account_door` in the migrations.
pub(super) async fn account(tx: &Tx, new_id: AccountId, email: &str, password_hash: &str) -> Result<AccountId, DbErr> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT account_door($1, $2, $3) AS id",
        [new_id.0.into(), email.into(), password_hash.into()],
    );
    let row = tx.query_one_raw(statement).await?.ok_or_else(|| DbErr::RecordNotFound("account_door".into()))?;
    row.try_get("", "id").map(AccountId)
}

pub(super) async fn lock(tx: &Tx, hospital: HospitalId, id: StaffId) -> Result<Option<StaffRow>, DbErr> {
    Entity::find_by_id((hospital.0, id.0)).lock_exclusive().one(tx).await
}

/// The active administrators, held against other changes until the transaction ends: of two administrators who remove
/// each other at the same time, the second finds that she is the last.
pub(super) async fn lock_active_admins(tx: &Tx) -> Result<Vec<StaffRow>, DbErr> {
    active_admins().lock_exclusive().all(tx).await
}

/// Two of the active administrators, or the one, or none.
pub(super) async fn two_active_admins(tx: &Tx) -> Result<Vec<StaffId>, DbErr> {
    let rows = active_admins().limit(2).all(tx).await?;
    Ok(rows.into_iter().map(|row| StaffId(row.id)).collect())
}

fn active_admins() -> Select<Entity> {
    // One order for all who lock several rows, so that they cannot wait for each other in a circle.
    Entity::find()
        .filter(Column::Role.eq(RoleRow::Admin))
        .filter(Column::Status.eq(StaffStatusRow::Active))
        .order_by_asc(Column::Id)
}

pub(super) async fn insert(tx: &Tx, row: StaffRow) -> Result<StaffRow, DbErr> {
    let row = StaffChange {
        hospital_id: Set(row.hospital_id),
        id: Set(row.id),
        account_id: Set(row.account_id),
        name: Set(row.name),
        role: Set(row.role),
        status: Set(row.status),
        version: Set(row.version),
        created_at: Set(row.created_at),
        updated_at: Set(row.updated_at),
    };
    Entity::insert(row).exec_with_returning(tx).await
}

/// Writes what `change` sets of the member of staff that it names.
pub(super) async fn update(tx: &Tx, change: StaffChange) -> Result<StaffRow, DbErr> {
    Entity::update(change).exec(tx).await
}
