use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::patient::{self, Column, Entity};
use sea_orm::sea_query::{Alias, ArrayType, Asterisk, Expr, ExprTrait, Func, JoinType, Order, Query, SelectStatement};
use sea_orm::{
    ActiveEnum, ColumnTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, Iterable, QueryFilter, QuerySelect,
    QueryTrait, Set, Statement, Value,
};
use uuid::Uuid;

use super::input::{PatientOrderField, PatientSort};
use crate::kernel::{HospitalId, PatientId};
use crate::tenancy::{MAX_COUNT, PageRequest, Tx, column_of_rows, each, for_each};

pub(super) use patient::{ActiveModel as PatientChange, Model as PatientRow, Status as PatientStatusRow};

/// Which patients a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Criteria {
    /// Each of these is the beginning of a word of a name or of the MRN.
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

fn matching(criteria: &Criteria) -> SelectStatement {
    let archived = if criteria.archived { Column::ArchivedAt.is_not_null() } else { Column::ArchivedAt.is_null() };
    Entity::find().filter(archived).into_query()
}

/// Each value once: a patient is listed once.
fn texts(values: impl IntoIterator<Item = String>) -> Value {
    let values: BTreeSet<String> = values.into_iter().collect();
    Value::Array(ArrayType::String, Some(Box::new(values.into_iter().map(Value::from).collect())))
}

/// The lists of values that lead to patients in every order: see the indexes in the migrations.
fn leads(criteria: &Criteria) -> Vec<(&'static str, Column, Value)> {
    let statuses = criteria.statuses.clone().unwrap_or_else(|| PatientStatusRow::iter().collect());
    let mut leads = vec![("status", Column::Status, texts(statuses.iter().map(ActiveEnum::to_value)))];
    if let Some(rooms) = &criteria.rooms {
        leads.push(("room", Column::Room, texts(rooms.iter().cloned())));
    }
    leads
}

const fn sort_columns(field: PatientOrderField) -> &'static [Column] {
    match field {
        PatientOrderField::Name => &[Column::LastName, Column::FirstName, Column::Id],
        PatientOrderField::Mrn => &[Column::Mrn, Column::Id],
        PatientOrderField::CreatedAt => &[Column::CreatedAt, Column::Id],
    }
}

/// A word, and how many words of patients begin so, counted to one more than [`MAX_COUNT`].
#[derive(Debug, FromQueryResult)]
pub(super) struct WordCount {
    pub(super) word: String,
    pub(super) count: i64,
}

/// Comes after every character of a word.
const LAST: char = '\u{10FFFF}';

/// These words as patients have them, in lower case, the rarest first.
pub(super) async fn words(tx: &Tx, words: &[String]) -> Result<Vec<WordCount>, DbErr> {
    let mut lower = Query::select();
    // Fenced, so that what is compared with the words of patients is a column: see the indexes in the migrations.
    lower
        .expr_as(Func::lower(each("word")), "word")
        .expr_as(Expr::cust_with_exprs("lower($1) || $2", [each("word"), Expr::val(LAST.to_string())]), "beyond")
        .from_function(Func::cust("unnest").arg(Expr::val(texts(words.iter().cloned()))), "word")
        .offset(0);
    let mut counted = beginning_with(each("word"), Expr::col(("word", "beyond")));
    counted.limit(MAX_COUNT + 1);
    let mut count = Query::select();
    count
        .expr_as(each("word"), "word")
        .expr_as(Func::count(Expr::col(Asterisk)), "count")
        .from_subquery(counted, "counted");
    let mut select = Query::select();
    select
        .column(("page", Asterisk))
        .from_subquery(lower, "word")
        .join_lateral(JoinType::InnerJoin, count, "page", Expr::val(true))
        .order_by("count", Order::Asc);
    tx.rows(&select).await
}

/// The patients who have, or had, a word from this one on and before that one.
fn beginning_with(word: Expr, beyond: Expr) -> SelectStatement {
    let mut select = Query::select();
    select
        .column("patient_id")
        .from("patient_words")
        .and_where(Expr::col("word").gte(word))
        .and_where(Expr::col("word").lt(beyond));
    select
}

/// The patients whom these words find, looked up one by one; the first word leads to them.
fn found(criteria: &Criteria, words: &[String]) -> SelectStatement {
    let mut rows = matching(criteria);
    for word in words {
        rows.and_where(Expr::col("search_text").like(format!("% {word}%")));
    }
    for (_, column, values) in leads(criteria) {
        rows.and_where(Expr::col((Entity, column)).eq(Func::cust("ANY").arg(Expr::val(values))));
    }
    rows.and_where(Expr::col((Entity, Column::Id)).equals(("found", "patient_id"))).offset(0);
    let rarest = words.first().map(String::as_str).unwrap_or_default();
    let mut candidates = beginning_with(Expr::val(rarest), Expr::val(format!("{rarest}{LAST}")));
    candidates.distinct().offset(0);
    let mut select = Query::select();
    select.column(("page", Asterisk)).from_subquery(candidates, "found").join_lateral(
        JoinType::InnerJoin,
        rows,
        "page",
        Expr::val(true),
    );
    select
}

/// The first rows of a page, of each combination of the values that lead there.
fn led(criteria: &Criteria, field: PatientOrderField, ascending: bool, page: &PageRequest) -> SelectStatement {
    let mut rows = matching(criteria);
    let leads = leads(criteria);
    for (list, column, _) in &leads {
        rows.and_where(Expr::col((Entity, *column)).eq(each(list)));
    }
    page.apply(&mut rows, sort_columns(field).iter().map(|&column| Expr::col((Entity, column))), ascending);
    for_each(rows, leads.into_iter().map(|(list, _, values)| (list, values)))
}

/// A page of the patients who fit, and have the words that [`words`] gave.
pub(super) async fn list(
    tx: &Tx,
    criteria: &Criteria,
    words: &[String],
    sort: PatientSort,
    page: &PageRequest,
) -> Result<Vec<PatientRow>, DbErr> {
    let columns = sort_columns(sort.field).iter().map(|&column| column_of_rows(column));
    let mut select;
    if words.is_empty() {
        select = led(criteria, sort.field, sort.ascending, page);
        page.sort(&mut select, columns, sort.ascending);
    } else {
        select = found(criteria, words);
        page.apply(&mut select, columns, sort.ascending);
    }
    tx.rows(&select).await
}

/// How many patients fit, and have the words that [`words`] gave.
pub(super) async fn count(tx: &Tx, criteria: &Criteria, words: &[String]) -> Result<u64, DbErr> {
    if !words.is_empty() {
        return tx.count(found(criteria, words)).await;
    }
    let page = PageRequest { size: MAX_COUNT, backward: false, key: None };
    tx.count(led(criteria, PatientOrderField::CreatedAt, true, &page)).await
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
    tx.count(select.column(Column::Id).take()).await
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
