//! The kit that every domain's GraphQL is made of: labels, connections, cursors, scalars, errors, documents.
//!
//! It knows nothing of patients or task logs, and nothing of SQL. A domain brings types labelled with
//! [`access`](label::access); [`Documents`] checks each document against those labels before anything runs.

mod connection;
mod cursor;
mod documents;
mod explainer;
mod input;
pub mod label;
mod page;
mod rights;
mod scalars;
mod scan;
mod user_error;

pub(crate) use connection::connection;
pub use connection::{PageInfo, TotalCount};
pub use cursor::Cursors;
pub use documents::{Decided, Documents, Introspection};
pub use explainer::{DryRun, Explainer, Explanation, Question};
pub use input::{OrderDirection, ids, search_words, unless_null, wants, wants_in_nodes, wants_page};
pub use page::PageArgs;
pub use rights::CannotReason;
pub use scalars::{Date, DateTime};
pub use scan::{ScanError, ScanLimits, scan};
pub use user_error::{Check, Fail, UserError, UserErrorCode, settle, settle_outside};

use std::any::Any;
use std::sync::Arc;

use async_graphql::Context;

use crate::error::AppError;
use crate::tenancy::HospitalScope;

/// The scope of the request.
///
/// # Errors
/// When nobody is signed in. The labels refuse such requests earlier; this is the second answer to the same question.
pub fn scope<'a>(ctx: &Context<'a>) -> Result<&'a Arc<HospitalScope>, AppError> {
    ctx.data_opt::<Arc<HospitalScope>>().ok_or_else(AppError::unauthenticated)
}

/// A loader of the request.
///
/// # Errors
/// When nobody is signed in: loaders come with a scope.
pub fn loader<'a, L: Any + Send + Sync>(ctx: &Context<'a>) -> Result<&'a L, AppError> {
    ctx.data_opt::<L>().ok_or_else(AppError::unauthenticated)
}
