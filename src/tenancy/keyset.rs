//! Keyset pagination: where a page begins, as a condition that an index can seek to.
//!
//! A row comparison `(a, b) < ($1, $2)` is one index condition. SeaORM's `cursor_by` writes `a < $1 OR (a = $1 AND b < $2)`
//! instead, which PostgreSQL filters row by row: 34,769 rows read and thrown away on a page deep in a million rows.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Func, IntoIden, JoinType, Query, SelectStatement};
use sea_orm::{Order, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a row sorts by, its id last, so that no two rows are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SortKey(pub Vec<KeyPart>);

/// One column of a [`SortKey`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyPart {
    /// An id.
    Id(Uuid),
    /// A number.
    Number(i32),
    /// A text, in the collation of its column.
    Text(String),
    /// A time.
    Time(DateTime<Utc>),
}

impl From<KeyPart> for Value {
    fn from(part: KeyPart) -> Self {
        match part {
            KeyPart::Id(id) => id.into(),
            KeyPart::Number(number) => number.into(),
            KeyPart::Text(text) => text.into(),
            KeyPart::Time(time) => time.into(),
        }
    }
}

/// Which page to read: at most `size` rows behind `key`, from the front or, `backward`, from the back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// Most rows, 1 to 100.
    pub size: u64,
    /// From the end of the list.
    pub backward: bool,
    /// The sort key of the row in front of the page.
    pub key: Option<SortKey>,
}

/// Rows of one page, in the order of the list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether the list goes on behind the page.
    pub has_next: bool,
    /// Whether the list has rows in front of the page.
    pub has_previous: bool,
}

impl PageRequest {
    /// Makes `select` read this page of the list sorted by `columns`, all in one direction, and one row more, which
    /// tells whether the list goes on.
    pub fn apply(&self, select: &mut SelectStatement, columns: impl IntoIterator<Item = Expr>, ascending: bool) {
        let columns: Vec<Expr> = columns.into_iter().collect();
        let up = ascending != self.backward;
        if let Some(SortKey(parts)) = &self.key {
            let here = Expr::tuple(columns.clone());
            let there = Expr::tuple(parts.iter().cloned().map(|part| Expr::val(Value::from(part))));
            select.and_where(if up { here.gt(there) } else { here.lt(there) });
        }
        self.sort(select, columns, ascending);
    }

    /// Makes `select`, whose rows all lie on this page's side of the key, read the first of them.
    pub fn sort(&self, select: &mut SelectStatement, columns: impl IntoIterator<Item = Expr>, ascending: bool) {
        let order = if ascending != self.backward { Order::Asc } else { Order::Desc };
        for column in columns {
            select.order_by_expr(column, order.clone());
        }
        select.limit(self.size + 1);
    }

    /// Makes the page of the rows that were read, in the order in which they were read.
    pub fn page<T>(&self, mut rows: Vec<T>) -> Page<T> {
        let more = rows.len() as u64 > self.size;
        rows.truncate(usize::try_from(self.size).unwrap_or(usize::MAX));
        let beyond = self.key.is_some();
        if self.backward {
            rows.reverse();
            return Page { rows, has_next: beyond, has_previous: more };
        }
        Page { rows, has_next: more, has_previous: beyond }
    }
}

impl<T> Page<T> {
    /// A page that nobody asked for.
    pub fn unread() -> Self {
        Self { rows: Vec::new(), has_next: false, has_previous: false }
    }

    /// The same page with each row turned into something else.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(turn).collect(),
            has_next: self.has_next,
            has_previous: self.has_previous,
        }
    }
}

/// The table that [`for_each`] and [`fenced`] select from.
const ROWS: &str = "page";

/// A column of the rows that [`for_each`] or [`fenced`] gives.
pub fn column_of_rows(column: impl IntoIden) -> Expr {
    Expr::col((Alias::new(ROWS), column))
}

/// The value of a list that [`for_each`] is at, for a condition in the rows.
pub fn each(list: &'static str) -> Expr {
    Expr::col((Alias::new(list), Alias::new(list)))
}

/// `rows`, which end at a limit, for each combination of the values of these lists: each time PostgreSQL seeks in an index
/// that the values lead. For `column IN (…)` it would sort all that there is of them, or walk through the whole table in the
/// order of the page.
pub fn for_each(rows: SelectStatement, lists: impl IntoIterator<Item = (&'static str, Value)>) -> SelectStatement {
    let mut select = Query::select();
    select.column((Alias::new(ROWS), Asterisk));
    for (list, values) in lists {
        select.from_function(Func::cust("unnest").arg(Expr::val(values)), Alias::new(list));
    }
    select.join_lateral(JoinType::InnerJoin, rows, Alias::new(ROWS), Expr::val(true));
    select
}

/// `rows`, found before anything is said about their order: PostgreSQL will not walk through a longer list that has the order
/// in search of them.
pub fn fenced(mut rows: SelectStatement) -> SelectStatement {
    rows.offset(0);
    let mut select = Query::select();
    select.column((Alias::new(ROWS), Asterisk)).from_subquery(rows, Alias::new(ROWS));
    select
}

/// A pattern for `ILIKE` that finds `text` anywhere; the wildcards in it stand for themselves.
pub fn containing(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}
