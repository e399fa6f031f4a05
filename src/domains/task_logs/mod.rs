//! Task logs: what was done for whom, by whom, when.
//!
//! - A clinician records as the one who did the task, and may change or delete it later; an administrator may correct
//!   anybody's, and says why.
//! - A change or a deletion keeps every earlier version (a trigger sees to it); a deleted log leaves the lists.
//! - The hospital of a task log is that of its patient (another trigger sees to that).

mod bounds;
mod input;
mod list;
mod loader;
mod mutation;
mod object;
mod query;
mod repo;
mod revision;
mod service;
mod stats;

use async_graphql::Context;

pub use input::{TaskLogFilter, TaskLogOrder};
pub(super) use list::{Parent, of};
pub use loader::loaders;
pub use mutation::Mutation;
pub use object::{TaskLog, TaskLogConnection, TaskLogEdge};
pub use query::Query;

use crate::error::AppError;
use crate::graphql::{loader as request_loader, scope};
use crate::kernel::TaskLogId;

/// The task log with this id. Deleted ones are found by those who may read revisions.
pub(super) async fn by_id(ctx: &Context<'_>, id: TaskLogId) -> Result<Option<TaskLog>, AppError> {
    request_loader::<loader::TaskLogLoader>(ctx)?.load_one(scope(ctx)?.key(id)).await
}
