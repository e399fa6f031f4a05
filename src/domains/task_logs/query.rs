use async_graphql::{Context, ID, MaybeUndefined, Object, Result};

use super::input::{TaskLogFilter, TaskLogOrder};
use super::stats::{TaskLogGroupBy, TaskLogStats};
use super::{TaskLog, TaskLogConnection, list, service};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{PageArgs, scope, unless_null};
use crate::kernel::{Permission, TaskLogId};

/// The queries of this domain.
#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "TaskLogQueries")]
impl Query {
    /// A task log by id. Null when your hospital has none with this id. A deleted one is found by those who may read revisions.
    #[graphql(directive = access::apply(Permission::ReadTaskLogs))]
    async fn task_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the task log.")] id: ID,
    ) -> Result<Option<TaskLog>> {
        let id = TaskLogId::parse(&id).map_err(AppError::from)?;
        Ok(scope(ctx)?.witness().named(id.0, super::by_id(ctx, id).await?))
    }

    /// The task logs of your hospital, most recently completed first unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    #[graphql(directive = access::apply(Permission::ReadTaskLogs), directive = semantic_non_null::apply())]
    async fn task_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task logs; all that are not deleted when left out.")] filter: MaybeUndefined<
            TaskLogFilter,
        >,
        #[graphql(desc = "In which order; most recently completed first when left out.")] order_by: Option<
            TaskLogOrder,
        >,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<TaskLogConnection>> {
        Ok(Some(list::all(ctx, filter, order_by, PageArgs { first, after, last, before }).await?))
    }

    /// Counts task logs in groups: for dashboards. Counted are 366 days at most, or, with `text`, 31; but all task logs of the
    /// patients in `patientIds`.
    #[graphql(directive = access::apply(Permission::ReadTaskLogs), directive = semantic_non_null::apply())]
    async fn task_log_stats(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Which task logs. Without `patientIds` and `completedAt.from`, those of the last 30 days, or of the 30 days before `completedAt.to`."
        )]
        filter: MaybeUndefined<TaskLogFilter>,
        #[graphql(desc = "What makes a group.")] group_by: TaskLogGroupBy,
    ) -> Result<Option<TaskLogStats>> {
        let criteria = unless_null("filter", filter)?.unwrap_or_default().criteria()?;
        Ok(Some(service::stats(scope(ctx)?, criteria, group_by).await?))
    }
}
