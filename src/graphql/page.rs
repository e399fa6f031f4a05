use async_graphql::Context;

use super::{Cursors, scope};
use crate::error::AppError;
use crate::tenancy::PageRequest;

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

impl PageArgs {
    /// Checks the arguments. `list` names the list and its order, for the cursors.
    ///
    /// # Errors
    /// When they contradict each other, ask for too much, or a cursor is not of this list.
    pub fn request(self, ctx: &Context<'_>, list: &str) -> Result<PageRequest, AppError> {
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
                let cursors =
                    ctx.data_opt::<Cursors>().ok_or_else(|| AppError::internal("no Cursors in the schema"))?;
                Some(cursors.open(scope(ctx)?.hospital_id(), list, &cursor)?)
            }
            None => None,
        };
        Ok(PageRequest { size: size.unsigned_abs().into(), backward, key })
    }
}
