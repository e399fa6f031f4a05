use async_graphql::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Cursors, scope};
use crate::error::AppError;

/// Page size when neither `first` nor `last` is given.
const DEFAULT_SIZE: i32 = 20;
/// Largest page.
const MAX_SIZE: i32 = 100;

/// The four arguments of a connection.
#[derive(Clone, Debug, Default)]
pub struct PageArgs {
    /// Take this many from the start.
    pub first: Option<i32>,
    /// Start behind this cursor.
    pub after: Option<String>,
    /// Take this many from the end.
    pub last: Option<i32>,
    /// End in front of this cursor.
    pub before: Option<String>,
}

/// Which page to read: at most `size` rows behind `key`, from the front or, `backward`, from the back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest<K> {
    /// Most rows, 1 to 100.
    pub size: u64,
    /// From the end of the list.
    pub backward: bool,
    /// The sort key of the row in front of the page.
    pub key: Option<K>,
}

impl PageArgs {
    /// Checks the arguments. `list` names the list and its order, for the cursors.
    ///
    /// # Errors
    /// When they contradict each other, ask for too much, or a cursor is not of this list.
    pub fn request<K: DeserializeOwned>(self, ctx: &Context<'_>, list: &str) -> Result<PageRequest<K>, AppError> {
        let (size, backward, cursor) = match self {
            Self { first: Some(_), last: Some(_), .. } => {
                return Err(AppError::bad_input("Give first or last, not both."));
            }
            Self { last: Some(_), after: Some(_), .. } => {
                return Err(AppError::bad_input("after goes with first; use before with last."));
            }
            Self { last: None, before: Some(_), .. } => {
                return Err(AppError::bad_input("before goes with last; use after with first."));
            }
            Self { last: Some(last), before, .. } => (last, true, before),
            Self { first, after, .. } => (first.unwrap_or(DEFAULT_SIZE), false, after),
        };
        if !(1..=MAX_SIZE).contains(&size) {
            let name = if backward { "last" } else { "first" };
            return Err(AppError::bad_input(format!("{name} must be from 1 to {MAX_SIZE}; it is {size}.")));
        }
        let key = match cursor {
            Some(cursor) => {
                let cursors = ctx.data_opt::<Cursors>().ok_or_else(|| AppError::internal("no Cursors in the schema"))?;
                Some(cursors.open(scope(ctx)?.hospital_id(), list, &cursor)?)
            }
            None => None,
        };
        Ok(PageRequest { size: size.unsigned_abs().into(), backward, key })
    }
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

impl<K: Serialize + DeserializeOwned> PageRequest<K> {
    /// How many rows to read: one more than shown, to know whether the list goes on.
    pub fn limit(&self) -> u64 {
        self.size + 1
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
    /// The same page with each row turned into something else.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { rows: self.rows.into_iter().map(turn).collect(), has_next: self.has_next, has_previous: self.has_previous }
    }
}
