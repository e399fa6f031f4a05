use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::{task_log, task_log_revision};
use sea_orm::sea_query::extension::postgres::PgExpr;
use sea_orm::sea_query::{Alias, ArrayType, Asterisk, Expr, ExprTrait, Func, Order, Query, SelectStatement};
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryResult,
    QuerySelect, QueryTrait, Select, Set, Value,
};
use task_log::{Column, Entity};
use uuid::Uuid;

use super::input::{TaskLogOrderField, TaskLogSort};
use crate::kernel::{HospitalId, PatientId, StaffId, TaskLogId};
use crate::tenancy::{MAX_COUNT, PageRequest, Tx, column_of_rows, containing, each, fenced, for_each};

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

/// The condition of which each value leads to its task logs in the order of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    Patient,
    Clinician,
    TaskType,
}

impl Lead {
    /// The most selective of the conditions that some index has in front of the time by which the list is sorted.
    pub(super) fn of(criteria: &Criteria, field: TaskLogOrderField) -> Option<Self> {
        if field == TaskLogOrderField::UpdatedAt {
            return None;
        }
        let given = [
            (Self::Patient, criteria.patients.is_some()),
            (Self::Clinician, criteria.clinicians.is_some()),
            (Self::TaskType, criteria.types.is_some()),
        ];
        given.into_iter().find_map(|(lead, given)| given.then_some(lead))
    }

    const fn column(self) -> Column {
        match self {
            Self::Patient => Column::PatientId,
            Self::Clinician => Column::ClinicianId,
            Self::TaskType => Column::TaskType,
        }
    }

    /// The values of the condition, each once: a task log is listed once.
    fn values(self, criteria: &Criteria) -> Value {
        fn once<T: Ord + Clone>(list: Option<&Vec<T>>) -> BTreeSet<T> {
            list.into_iter().flatten().cloned().collect()
        }
        match self {
            Self::Patient => uuids(once(criteria.patients.as_ref()).into_iter().map(|id| id.0)),
            Self::Clinician => uuids(once(criteria.clinicians.as_ref()).into_iter().map(|id| id.0)),
            Self::TaskType => {
                let types = criteria.types.iter().flatten().map(|task_type| task_type.to_value());
                let types = types.collect::<BTreeSet<_>>().into_iter().map(Value::from).collect();
                Value::Array(ArrayType::String, Some(Box::new(types)))
            }
        }
    }
}

fn uuids(ids: impl IntoIterator<Item = Uuid>) -> Value {
    Value::Array(ArrayType::Uuid, Some(Box::new(ids.into_iter().map(Value::from).collect())))
}

/// The task logs that fit, but for the condition that leads to them.
fn matching(criteria: &Criteria, lead: Option<Lead>) -> Select<Entity> {
    let deleted = if criteria.deleted { Column::DeletedAt.is_not_null() } else { Column::DeletedAt.is_null() };
    let mut select = Entity::find().filter(deleted);
    if let Some(patients) = &criteria.patients
        && lead != Some(Lead::Patient)
    {
        select = select.filter(Column::PatientId.eq_any(patients.iter().map(|id| id.0)));
    }
    if let Some(clinicians) = &criteria.clinicians
        && lead != Some(Lead::Clinician)
    {
        select = select.filter(Column::ClinicianId.eq_any(clinicians.iter().map(|id| id.0)));
    }
    if let Some(types) = &criteria.types
        && lead != Some(Lead::TaskType)
    {
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

/// The list in which [`for_each`] finds the values of the condition that leads.
const LEAD: &str = "lead";

fn led(criteria: &Criteria, lead: Lead) -> SelectStatement {
    let mut rows = matching(criteria, Some(lead)).into_query();
    rows.and_where(Expr::col((Entity, lead.column())).eq(each(LEAD)));
    rows
}

const fn sort_columns(field: TaskLogOrderField) -> [Column; 2] {
    match field {
        TaskLogOrderField::CompletedAt => [Column::CompletedAt, Column::Id],
        TaskLogOrderField::UpdatedAt => [Column::UpdatedAt, Column::Id],
    }
}

fn of_logs(columns: [Column; 2]) -> [Expr; 2] {
    columns.map(|column| Expr::col((Entity, column)))
}

pub(super) async fn list(
    tx: &Tx,
    criteria: &Criteria,
    sort: TaskLogSort,
    page: &PageRequest,
) -> Result<Vec<TaskLogRow>, DbErr> {
    let columns = sort_columns(sort.field);
    if let Some(lead) = Lead::of(criteria, sort.field) {
        let mut rows = led(criteria, lead);
        page.apply(&mut rows, of_logs(columns), sort.ascending);
        let mut select = for_each(rows, [(LEAD, lead.values(criteria))]);
        page.sort(&mut select, columns.map(column_of_rows), sort.ascending);
        return tx.rows(&select).await;
    }
    let mut select = matching(criteria, None).into_query();
    if criteria.patients.is_some() {
        select = fenced(select);
        page.apply(&mut select, columns.map(column_of_rows), sort.ascending);
    } else {
        page.apply(&mut select, of_logs(columns), sort.ascending);
    }
    tx.rows(&select).await
}

/// How many task logs fit, of a list sorted by `field`: the conditions may be such that only its index leads to them.
pub(super) async fn count(tx: &Tx, criteria: &Criteria, field: TaskLogOrderField) -> Result<u64, DbErr> {
    // The order of a patient's task logs is all the same to their number.
    let field = if criteria.patients.is_some() { TaskLogOrderField::CompletedAt } else { field };
    let page = PageRequest { size: MAX_COUNT, backward: false, key: None };
    let lead = Lead::of(criteria, field);
    let mut rows = match lead {
        Some(lead) => led(criteria, lead),
        None => matching(criteria, None).into_query(),
    };
    page.apply(&mut rows, of_logs(sort_columns(field)), true);
    let rows = match lead {
        Some(lead) => for_each(rows, [(LEAD, lead.values(criteria))]),
        None => rows,
    };
    tx.count(rows).await
}

/// The column by which a list of task logs hangs on its parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    Patient,
    Clinician,
}

/// The list of the parents.
const PARENT: &str = "parent";

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

    /// The task logs that fit of the parent that [`for_each`] is at.
    fn matching(self, criteria: &Criteria) -> SelectStatement {
        let mut rows = matching(criteria, None).into_query();
        rows.and_where(Expr::col((Entity, self.column())).eq(each(PARENT)));
        rows
    }
}

/// The same page of each of these parents, in one statement.
pub(super) async fn lists_by(
    tx: &Tx,
    by: By,
    parents: Vec<Uuid>,
    criteria: &Criteria,
    sort: TaskLogSort,
    page: &PageRequest,
) -> Result<Vec<TaskLogRow>, DbErr> {
    let columns = sort_columns(sort.field);
    let mut rows = by.matching(criteria);
    match sort.field {
        TaskLogOrderField::CompletedAt => page.apply(&mut rows, of_logs(columns), sort.ascending),
        // No index has them in this order: they are sorted, parent by parent.
        TaskLogOrderField::UpdatedAt => {
            rows = fenced(rows);
            page.apply(&mut rows, columns.map(column_of_rows), sort.ascending);
        }
    }
    tx.rows(&for_each(rows, [(PARENT, uuids(parents))])).await
}

/// How many of the task logs that fit each of these parents has.
pub(super) async fn counts_by(
    tx: &Tx,
    by: By,
    parents: Vec<Uuid>,
    criteria: &Criteria,
) -> Result<Vec<(Uuid, i64)>, DbErr> {
    let page = PageRequest { size: MAX_COUNT, backward: false, key: None };
    let mut rows = by.matching(criteria);
    page.apply(&mut rows, of_logs(sort_columns(TaskLogOrderField::CompletedAt)), true);
    let mut count = Query::select();
    count
        .expr_as(each(PARENT), "parent")
        .expr_as(Func::count(Expr::col(Asterisk)), "count")
        .from_subquery(rows, "counted");
    let counts: Vec<ParentCount> = tx.rows(&for_each(count, [(PARENT, uuids(parents))])).await?;
    Ok(counts.into_iter().map(|ParentCount { parent, count }| (parent, count)).collect())
}

#[derive(FromQueryResult)]
struct ParentCount {
    parent: Uuid,
    count: i64,
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
    use task_log_revision::Column;
    let column = |column: Column| Expr::col((task_log_revision::Entity, column));
    let mut rows = task_log_revision::Entity::find().into_query();
    rows.and_where(column(Column::TaskLogId).eq(each(PARENT)));
    page.apply(&mut rows, [column(Column::Version)], false);
    tx.rows(&for_each(rows, [(PARENT, uuids(logs))])).await
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
    let mut select = matching(criteria, None).select_only().into_query();
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
    tx.query_all_raw(DbBackend::Postgres.build(&select)).await
}
