//! Keyset pagination: where a page begins, as a condition that an index can seek to.
//!
//! A row comparison `(a, b) < ($1, $2)` is one index condition. SeaORM's `cursor_by` writes `a < $1 OR (a = $1 AND b < $2)`
//! instead, which PostgreSQL filters row by row: 34,769 rows read and thrown away on a page deep in a million rows.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, SelectStatement};
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
        for column in columns {
            select.order_by_expr(column, if up { Order::Asc } else { Order::Desc });
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

/// A pattern for `ILIKE` that finds `text` anywhere; the wildcards in it stand for themselves.
pub fn containing(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}
