use async_graphql::{Context, ID, InputType, Object, Result, SimpleObject};

use super::input::{CreateTaskLogInput, DeleteTaskLogInput, UpdateTaskLogInput};
use super::{TaskLog, service};
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{UserError, scope, settle};
use crate::kernel::Permission;

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// What became of `createTaskLog`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::RecordTaskLogs))]
pub struct CreateTaskLogPayload {
    /// The new task log; null when there are user errors.
    task_log: Option<TaskLog>,
    /// Why nothing was recorded; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `updateTaskLog`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ChangeTaskLogs))]
pub struct UpdateTaskLogPayload {
    /// The task log as it is now; null when there are user errors.
    task_log: Option<TaskLog>,
    /// Why nothing was changed; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `deleteTaskLog`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ChangeTaskLogs))]
pub struct DeleteTaskLogPayload {
    /// The id of the task log that is deleted; null when there are user errors.
    deleted_task_log_id: Option<ID>,
    /// Why nothing was deleted; empty when it was.
    user_errors: Vec<UserError>,
}

#[Object(name = "TaskLogMutations")]
impl Mutation {
    /// Records a task that you did for a patient.
    #[graphql(directive = access::apply(Permission::RecordTaskLogs), directive = semantic_non_null::apply())]
    async fn create_task_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task.")] input: CreateTaskLogInput,
    ) -> Result<Option<CreateTaskLogPayload>> {
        let fingerprint = input.to_value().to_string();
        let (task_log, user_errors) = settle(ctx, service::create(scope(ctx)?, input, &fingerprint).await)?;
        Ok(Some(CreateTaskLogPayload { task_log, user_errors }))
    }

    /// Changes a task log: your own, or, with CORRECT_TASK_LOGS and a reason, anybody's. What the input leaves out stays
    /// as it is. The version before the change is kept.
    #[graphql(directive = access::apply(Permission::ChangeTaskLogs), directive = semantic_non_null::apply())]
    async fn update_task_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task log and what changes.")] input: UpdateTaskLogInput,
    ) -> Result<Option<UpdateTaskLogPayload>> {
        let (task_log, user_errors) = settle(ctx, service::update(scope(ctx)?, input).await)?;
        Ok(Some(UpdateTaskLogPayload { task_log, user_errors }))
    }

    /// Deletes a task log: your own, or, with CORRECT_TASK_LOGS and a reason, anybody's. It leaves the lists; those who may
    /// read revisions still find it.
    #[graphql(directive = access::apply(Permission::ChangeTaskLogs), directive = semantic_non_null::apply())]
    async fn delete_task_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task log.")] input: DeleteTaskLogInput,
    ) -> Result<Option<DeleteTaskLogPayload>> {
        let (id, user_errors) = settle(ctx, service::delete(scope(ctx)?, input).await)?;
        Ok(Some(DeleteTaskLogPayload { deleted_task_log_id: id.map(|id| id.to_string().into()), user_errors }))
    }
}
