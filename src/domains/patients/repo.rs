use chrono::{DateTime, Utc};
use entity::patient::{self, Column, Entity};
use sea_orm::sea_query::extension::postgres::PgExpr;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QuerySelect, QueryTrait, Select, Set, Statement,
};
use uuid::Uuid;

use super::input::PatientSort;
use crate::kernel::{HospitalId, PatientId};
use crate::tenancy::{PageRequest, Tx, containing};

pub(super) use patient::{ActiveModel as PatientChange, Model as PatientRow, Status as PatientStatusRow};

/// Which patients a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Criteria {
    /// Each of these is part of a name or of the MRN.
    pub(super) words: Vec<String>,
    pub(super) rooms: Option<Vec<String>>,
    pub(super) statuses: Option<Vec<PatientStatusRow>>,
    pub(super) archived: bool,
}

/// What is shown of a closed record.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct StubRow {
    pub(super) id: Uuid,
    pub(super) created_at: DateTime<Utc>,
    pub(super) archived_at: Option<DateTime<Utc>>,
}

fn matching(criteria: &Criteria) -> Select<Entity> {
    let mut select = Entity::find();
    for word in &criteria.words {
        let pattern = containing(word);
        let part = |column: Column| Expr::col((Entity, column)).ilike(pattern.as_str());
        select = select.filter(part(Column::FirstName).or(part(Column::LastName)).or(part(Column::Mrn)));
    }
    if let Some(rooms) = &criteria.rooms {
        select = select.filter(Column::Room.eq_any(rooms.clone()));
    }
    if let Some(statuses) = &criteria.statuses {
        select = select.filter(Column::Status.is_in(statuses.iter().copied()));
    }
    select.filter(if criteria.archived { Column::ArchivedAt.is_not_null() } else { Column::ArchivedAt.is_null() })
}

pub(super) async fn list(
    tx: &Tx,
    criteria: &Criteria,
    sort: PatientSort,
    page: &PageRequest,
) -> Result<Vec<PatientRow>, DbErr> {
    let columns: &[Column] = match sort.field {
        super::input::PatientOrderField::Name => &[Column::LastName, Column::FirstName, Column::Id],
        super::input::PatientOrderField::Mrn => &[Column::Mrn, Column::Id],
        super::input::PatientOrderField::CreatedAt => &[Column::CreatedAt, Column::Id],
    };
    let mut select = matching(criteria);
    let columns = columns.iter().map(|&column| Expr::col((Entity, column)));
    page.apply(QueryTrait::query(&mut select), columns, sort.ascending);
    select.all(tx).await
}

pub(super) async fn count(tx: &Tx, criteria: &Criteria) -> Result<u64, DbErr> {
    matching(criteria).count(tx).await
}

pub(super) async fn by_ids(tx: &Tx, ids: Vec<PatientId>) -> Result<Vec<PatientRow>, DbErr> {
    Entity::find().filter(Column::Id.eq_any(ids.into_iter().map(|id| id.0))).all(tx).await
}

pub(super) async fn by_mrn(tx: &Tx, mrn: &str) -> Result<Option<PatientRow>, DbErr> {
    Entity::find().filter(Column::Mrn.eq(mrn)).one(tx).await
}

/// A page of the closed records that are archived or, otherwise, are not, sorted by creation.
pub(super) async fn list_stubs(
    tx: &Tx,
    archived: bool,
    ascending: bool,
    page: &PageRequest,
) -> Result<Vec<StubRow>, DbErr> {
    let mut select = stubs(archived);
    select.columns([Column::Id, Column::CreatedAt, Column::ArchivedAt]);
    page.apply(&mut select, [Column::CreatedAt, Column::Id].map(Expr::col), ascending);
    StubRow::find_by_statement(DbBackend::Postgres.build(&select)).all(tx).await
}

pub(super) async fn count_stubs(tx: &Tx, archived: bool) -> Result<u64, DbErr> {
    let mut select = stubs(archived);
    select.expr_as(Expr::cust("count(*)"), Alias::new("n"));
    let row = tx.query_one_raw(DbBackend::Postgres.build(&select)).await?;
    Ok(row.map(|row| row.try_get::<i64>("", "n")).transpose()?.unwrap_or_default().unsigned_abs())
}

fn stubs(archived: bool) -> SelectStatement {
    let mut select = Query::select();
    select.from_function(Func::cust("closed_patients_door"), Alias::new("closed"));
    let at = Expr::col(Column::ArchivedAt);
    select.and_where(if archived { at.is_not_null() } else { at.is_null() });
    select
}

/// The closed records of these ids.
pub(super) async fn stubs_by_ids(tx: &Tx, ids: &[PatientId]) -> Result<Vec<StubRow>, DbErr> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let sql = "SELECT id, created_at, archived_at FROM closed_patients_door() WHERE id = ANY ($1)";
    StubRow::find_by_statement(Statement::from_sql_and_values(DbBackend::Postgres, sql, [ids.into()])).all(tx).await
}

/// The closed record with this MRN.
pub(super) async fn stub_by_mrn(tx: &Tx, mrn: &str) -> Result<Option<StubRow>, DbErr> {
    let sql = "SELECT id, created_at, archived_at FROM closed_patient_by_mrn_door($1)";
    StubRow::find_by_statement(Statement::from_sql_and_values(DbBackend::Postgres, sql, [mrn.into()])).one(tx).await
}

/// The patient, held against other changes until the transaction ends.
pub(super) async fn lock(tx: &Tx, hospital: HospitalId, id: PatientId) -> Result<Option<PatientRow>, DbErr> {
    Entity::find_by_id((hospital.0, id.0)).lock_exclusive().one(tx).await
}

/// Whether the patient exists, and whether the record is archived; held so until the transaction ends, so that no task
/// is logged for a patient who is being archived.
pub(in crate::domains) async fn lock_for_task(tx: &Tx, id: PatientId) -> Result<Option<bool>, DbErr> {
    let row: Option<bool> = Entity::find()
        .select_only()
        .column_as(Expr::col(Column::ArchivedAt).is_not_null(), "archived")
        .filter(Column::Id.eq(id.0))
        .lock_shared()
        .into_tuple()
        .one(tx)
        .await?;
    Ok(row)
}

pub(super) async fn insert(tx: &Tx, row: PatientRow) -> Result<PatientRow, DbErr> {
    let row = PatientChange {
        hospital_id: Set(row.hospital_id),
        id: Set(row.id),
        mrn: Set(row.mrn),
        first_name: Set(row.first_name),
        last_name: Set(row.last_name),
        date_of_birth: Set(row.date_of_birth),
        room: Set(row.room),
        status: Set(row.status),
        contact_phone: Set(row.contact_phone),
        contact_email: Set(row.contact_email),
        archived_at: Set(row.archived_at),
        version: Set(row.version),
        created_at: Set(row.created_at),
        updated_at: Set(row.updated_at),
    };
    Entity::insert(row).exec_with_returning(tx).await
}

/// Writes what `change` sets of the patient that it names.
pub(super) async fn update(tx: &Tx, change: PatientChange) -> Result<PatientRow, DbErr> {
    Entity::update(change).exec(tx).await
}
