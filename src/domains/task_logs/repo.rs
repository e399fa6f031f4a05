use chrono::{DateTime, Utc};
use entity::{task_log, task_log_revision};
use sea_orm::sea_query::extension::postgres::PgExpr;
use sea_orm::sea_query::{
    Alias, ArrayType, Asterisk, Expr, ExprTrait, Func, IntoIden, JoinType, Order, PostgresQueryBuilder, Query,
    SelectStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QueryResult, QuerySelect, QueryTrait, Select, Set, Statement, Value,
};
use task_log::{Column, Entity};
use uuid::Uuid;

use super::input::{TaskLogOrderField, TaskLogSort};
use crate::kernel::{HospitalId, PatientId, StaffId, TaskLogId};
use crate::tenancy::{PageRequest, Tx, containing};

pub(super) use task_log::{ActiveModel as TaskLogChange, Model as TaskLogRow, TaskType as TaskTypeRow};
pub(super) use task_log_revision::Model as RevisionRow;

/// A span of time, from `from` on and before `to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Range {
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) to: Option<DateTime<Utc>>,
}

/// Which task logs a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Criteria {
    pub(super) patients: Option<Vec<PatientId>>,
    pub(super) clinicians: Option<Vec<StaffId>>,
    pub(super) types: Option<Vec<TaskTypeRow>>,
    pub(super) completed: Range,
    pub(super) updated: Range,
    /// Each of these is part of the description.
    pub(super) words: Vec<String>,
    pub(super) deleted: bool,
}

pub(super) fn matching(criteria: &Criteria) -> Select<Entity> {
    let deleted = if criteria.deleted { Column::DeletedAt.is_not_null() } else { Column::DeletedAt.is_null() };
    let mut select = Entity::find().filter(deleted);
    if let Some(patients) = &criteria.patients {
        select = select.filter(Column::PatientId.eq_any(patients.iter().map(|id| id.0)));
    }
    if let Some(clinicians) = &criteria.clinicians {
        select = select.filter(Column::ClinicianId.eq_any(clinicians.iter().map(|id| id.0)));
    }
    if let Some(types) = &criteria.types {
        select = select.filter(Column::TaskType.is_in(types.iter().copied()));
    }
    for (column, range) in [(Column::CompletedAt, criteria.completed), (Column::UpdatedAt, criteria.updated)] {
        if let Some(from) = range.from {
            select = select.filter(column.gte(from));
        }
        if let Some(to) = range.to {
            select = select.filter(column.lt(to));
        }
    }
    for word in &criteria.words {
        select = select.filter(Expr::col((Entity, Column::Description)).ilike(containing(word)));
    }
    select
}

fn sort_columns(sort: TaskLogSort) -> [Expr; 2] {
    let time = match sort.field {
        TaskLogOrderField::CompletedAt => Column::CompletedAt,
        TaskLogOrderField::UpdatedAt => Column::UpdatedAt,
    };
    [time, Column::Id].map(|column| Expr::col((Entity, column)))
}

pub(super) async fn list(
    tx: &Tx,
    criteria: &Criteria,
    sort: TaskLogSort,
    page: &PageRequest,
) -> Result<Vec<TaskLogRow>, DbErr> {
    let mut select = matching(criteria);
    page.apply(QueryTrait::query(&mut select), sort_columns(sort), sort.ascending);
    select.all(tx).await
}

pub(super) async fn count(tx: &Tx, criteria: &Criteria) -> Result<u64, DbErr> {
    matching(criteria).count(tx).await
}

/// The column by which a list of task logs hangs on its parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    Patient,
    Clinician,
}

impl By {
    const fn column(self) -> Column {
        match self {
            Self::Patient => Column::PatientId,
            Self::Clinician => Column::ClinicianId,
        }
    }

    /// The parent of a row.
    pub(super) const fn of(self, row: &TaskLogRow) -> Uuid {
        match self {
            Self::Patient => row.patient_id,
            Self::Clinician => row.clinician_id,
        }
    }
}

/// The same page of each of these parents, in one statement: for each parent, PostgreSQL seeks to the page in the index.
pub(super) async fn lists_by(
    tx: &Tx,
    by: By,
    parents: Vec<Uuid>,
    criteria: &Criteria,
    sort: TaskLogSort,
    page: &PageRequest,
) -> Result<Vec<TaskLogRow>, DbErr> {
    let parent = Alias::new("parent");
    let mut rows: SelectStatement = matching(criteria).into_query();
    rows.and_where(Expr::col((Entity, by.column())).equals((parent.clone(), parent.clone())));
    page.apply(&mut rows, sort_columns(sort), sort.ascending);
    let parents = Value::Array(ArrayType::Uuid, Some(Box::new(parents.into_iter().map(Value::from).collect())));
    let mut select = Query::select();
    select
        .column((Alias::new("page"), Asterisk))
        .from_function(Func::cust("unnest").arg(Expr::val(parents)), parent.into_iden())
        .join_lateral(JoinType::InnerJoin, rows, Alias::new("page"), Expr::val(true));
    all(tx, &select).await
}

/// How many of the task logs that fit each of these parents has. Parents without any are left out.
pub(super) async fn counts_by(
    tx: &Tx,
    by: By,
    parents: Vec<Uuid>,
    criteria: &Criteria,
) -> Result<Vec<(Uuid, i64)>, DbErr> {
    matching(criteria)
        .filter(by.column().eq_any(parents))
        .select_only()
        .column(by.column())
        .expr(Func::count(Expr::col(Asterisk)))
        .group_by(by.column())
        .into_tuple()
        .all(tx)
        .await
}

pub(super) async fn by_ids(tx: &Tx, ids: Vec<TaskLogId>, deleted_too: bool) -> Result<Vec<TaskLogRow>, DbErr> {
    let select = Entity::find().filter(Column::Id.eq_any(ids.into_iter().map(|id| id.0)));
    let select = if deleted_too { select } else { select.filter(Column::DeletedAt.is_null()) };
    select.all(tx).await
}

/// The task log, held against other changes until the transaction ends.
pub(super) async fn lock(tx: &Tx, hospital: HospitalId, id: TaskLogId) -> Result<Option<TaskLogRow>, DbErr> {
    Entity::find_by_id((hospital.0, id.0)).lock_exclusive().one(tx).await
}

pub(super) async fn insert(tx: &Tx, row: TaskLogRow) -> Result<TaskLogRow, DbErr> {
    let row = TaskLogChange {
        hospital_id: Set(row.hospital_id),
        id: Set(row.id),
        patient_id: Set(row.patient_id),
        clinician_id: Set(row.clinician_id),
        task_type: Set(row.task_type),
        description: Set(row.description),
        notes: Set(row.notes),
        completed_at: Set(row.completed_at),
        recorded_at: Set(row.recorded_at),
        updated_at: Set(row.updated_at),
        version: Set(row.version),
        changed_by_id: Set(row.changed_by_id),
        change_reason: Set(row.change_reason),
        deleted_at: Set(row.deleted_at),
    };
    Entity::insert(row).exec_with_returning(tx).await
}

/// Writes what `change` sets of the task log that it names. A trigger keeps the version before it.
pub(super) async fn update(tx: &Tx, change: TaskLogChange) -> Result<TaskLogRow, DbErr> {
    Entity::update(change).exec(tx).await
}

/// The same page of the earlier versions of each of these task logs, newest first.
pub(super) async fn revisions_of(tx: &Tx, logs: Vec<Uuid>, page: &PageRequest) -> Result<Vec<RevisionRow>, DbErr> {
    let parent = Alias::new("parent");
    let mut rows = task_log_revision::Entity::find().into_query();
    rows.and_where(
        Expr::col((task_log_revision::Entity, task_log_revision::Column::TaskLogId))
            .equals((parent.clone(), parent.clone())),
    );
    let version = Expr::col((task_log_revision::Entity, task_log_revision::Column::Version));
    page.apply(&mut rows, [version], false);
    let logs = Value::Array(ArrayType::Uuid, Some(Box::new(logs.into_iter().map(Value::from).collect())));
    let mut select = Query::select();
    select
        .column((Alias::new("page"), Asterisk))
        .from_function(Func::cust("unnest").arg(Expr::val(logs)), parent.into_iden())
        .join_lateral(JoinType::InnerJoin, rows, Alias::new("page"), Expr::val(true));
    all(tx, &select).await
}

/// How many earlier versions each of these task logs has. Those without any are left out.
pub(super) async fn count_revisions(tx: &Tx, logs: Vec<Uuid>) -> Result<Vec<(Uuid, i64)>, DbErr> {
    task_log_revision::Entity::find()
        .filter(task_log_revision::Column::TaskLogId.eq_any(logs))
        .select_only()
        .column(task_log_revision::Column::TaskLogId)
        .expr(Func::count(Expr::col(Asterisk)))
        .group_by(task_log_revision::Column::TaskLogId)
        .into_tuple()
        .all(tx)
        .await
}

/// What task logs are grouped by.
#[derive(Clone, Copy, Debug)]
pub(super) enum GroupBy<'a> {
    TaskType,
    Clinician,
    Patient,
    /// The day of completion in this time zone.
    Day(&'a str),
}

/// Which groups come first.
#[derive(Clone, Copy, Debug)]
pub(super) enum GroupOrder {
    Largest,
    Latest,
}

/// The first groups as rows of `key` and `count`, each also with the `total` of all rows and the `group_count`: the
/// windows run over all groups, the limit cuts after them.
pub(super) async fn groups(
    tx: &Tx,
    criteria: &Criteria,
    by: GroupBy<'_>,
    order: GroupOrder,
    limit: u64,
) -> Result<Vec<QueryResult>, DbErr> {
    let column = |column: Column| Expr::col((Entity, column));
    let group = match by {
        GroupBy::TaskType => column(Column::TaskType),
        GroupBy::Clinician => column(Column::ClinicianId),
        GroupBy::Patient => column(Column::PatientId),
        GroupBy::Day(zone) => {
            Expr::cust_with_exprs("($1 AT TIME ZONE $2)::date", [column(Column::CompletedAt), Expr::val(zone)])
        }
    };
    let [key, count] = ["key", "count"].map(Alias::new);
    let mut select = matching(criteria).select_only().into_query();
    select
        .expr_as(group, key.clone())
        .expr_as(Expr::cust("count(*)"), count.clone())
        .expr_as(Expr::cust("(sum(count(*)) OVER ())::bigint"), Alias::new("total"))
        .expr_as(Expr::cust("count(*) OVER ()"), Alias::new("group_count"))
        .add_group_by([Expr::cust("1")])
        .limit(limit);
    match order {
        GroupOrder::Largest => select.order_by(count, Order::Desc).order_by(key, Order::Asc),
        GroupOrder::Latest => select.order_by(key, Order::Desc),
    };
    tx.query_all_raw(statement(&select)).await
}

async fn all<R: FromQueryResult>(tx: &Tx, select: &SelectStatement) -> Result<Vec<R>, DbErr> {
    tx.query_all_raw(statement(select)).await?.iter().map(|row| R::from_query_result(row, "")).collect()
}

fn statement(select: &SelectStatement) -> Statement {
    let (sql, values) = select.build(PostgresQueryBuilder);
    Statement { sql, values: Some(values), db_backend: DbBackend::Postgres }
}
