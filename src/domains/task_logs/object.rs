use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::input::{TaskLogOrderField, TaskLogSort, TaskType};
use super::loader::{RevisionCountLoader, RevisionLoader, RevisionsOf};
use super::repo::TaskLogRow;
use super::revision::{REVISIONS, TaskLogRevision, TaskLogRevisionConnection};
use super::service;
use crate::domains::patients::{self, Patient};
use crate::domains::staff::{self, Staff};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{CannotReason, DateTime, PageArgs, TotalCount, connection, loader, scope};
use crate::kernel::{PatientId, Permission, StaffId, TaskLogId};
use crate::tenancy::{HospitalScope, KeyPart, SortKey};

/// One thing done for one patient.
#[derive(Clone, Debug)]
pub struct TaskLog(Arc<TaskLogRow>);

connection!(TaskLogConnection, TaskLogEdge, TaskLog, ReadTaskLogs, "task logs");

impl TaskLog {
    /// A task log that the request sees, and so something of its patient.
    pub(super) fn seen(scope: &HospitalScope, row: TaskLogRow) -> Self {
        scope.witness().saw(PatientId(row.patient_id), row.id, row.version);
        Self(Arc::new(row))
    }

    /// The id.
    pub fn task_log_id(&self) -> TaskLogId {
        TaskLogId(self.0.id)
    }

    /// For whom.
    pub fn patient_id(&self) -> PatientId {
        PatientId(self.0.patient_id)
    }

    /// By whom.
    pub fn clinician_id(&self) -> StaffId {
        StaffId(self.0.clinician_id)
    }
}

impl TaskLog {
    fn cannot_change(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>, AppError> {
        Ok(service::cannot_change(&scope(ctx)?.viewer, &self.0))
    }
}

impl TaskLogSort {
    /// What a task log sorts by in this order.
    pub(super) fn key(self) -> fn(&TaskLog) -> SortKey {
        match self.field {
            TaskLogOrderField::CompletedAt => {
                |TaskLog(row)| SortKey(vec![KeyPart::Time(row.completed_at), KeyPart::Id(row.id)])
            }
            TaskLogOrderField::UpdatedAt => {
                |TaskLog(row)| SortKey(vec![KeyPart::Time(row.updated_at), KeyPart::Id(row.id)])
            }
        }
    }
}

/// One thing done for one patient: a medicine given, vital signs taken, an observation made.
#[Object(directive = access::apply(Permission::ReadTaskLogs))]
impl TaskLog {
    /// Identifies the task log in the whole API.
    pub async fn id(&self) -> ID {
        self.task_log_id().to_string().into()
    }

    /// What kind of task.
    async fn task_type(&self) -> TaskType {
        self.0.task_type.into()
    }

    /// What was done.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Anything else worth knowing; null when there is nothing.
    #[graphql(directive = access::apply(Permission::ReadTaskNotes))]
    async fn notes(&self) -> Option<&str> {
        self.0.notes.as_deref()
    }

    /// When it was done.
    async fn completed_at(&self) -> DateTime {
        self.0.completed_at.into()
    }

    /// When it was first written down.
    async fn recorded_at(&self) -> DateTime {
        self.0.recorded_at.into()
    }

    /// When this version was written.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Counts changes, from 1. Send it as `expectedVersion` with a change.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Whether you can change this task log now. Draw the button from this.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.cannot_change(ctx)?.is_empty())
    }

    /// Why you cannot change this task log; empty when you can.
    async fn viewer_cannot_update_reasons(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>> {
        Ok(self.cannot_change(ctx)?)
    }

    /// Whether you can delete this task log now.
    async fn viewer_can_delete(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.cannot_change(ctx)?.is_empty())
    }

    /// Why you cannot delete this task log; empty when you can.
    async fn viewer_cannot_delete_reasons(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>> {
        Ok(self.cannot_change(ctx)?)
    }

    /// For whom it was done.
    #[graphql(directive = access::apply(Permission::ReadPatients), directive = semantic_non_null::apply())]
    async fn patient(&self, ctx: &Context<'_>) -> Result<Option<Patient>> {
        let patient = patients::by_id(ctx, self.patient_id()).await?;
        Ok(Some(patient.ok_or_else(|| AppError::internal("a task log without its patient"))?))
    }

    /// Who did it.
    #[graphql(directive = access::apply(Permission::ReadStaff), directive = semantic_non_null::apply())]
    async fn clinician(&self, ctx: &Context<'_>) -> Result<Option<Staff>> {
        Ok(Some(member(ctx, self.clinician_id()).await?))
    }

    /// When it was deleted; null when it was not.
    #[graphql(directive = access::apply(Permission::ReadTaskLogRevisions))]
    async fn deleted_at(&self) -> Option<DateTime> {
        self.0.deleted_at.map(DateTime)
    }

    /// Who wrote this version.
    #[graphql(directive = access::apply(Permission::ReadTaskLogRevisions), directive = semantic_non_null::apply())]
    async fn changed_by(&self, ctx: &Context<'_>) -> Result<Option<Staff>> {
        Ok(Some(member(ctx, StaffId(self.0.changed_by_id)).await?))
    }

    /// Why this version was written; null when no reason was given.
    #[graphql(directive = access::apply(Permission::ReadTaskLogRevisions))]
    async fn change_reason(&self) -> Option<&str> {
        self.0.change_reason.as_deref()
    }

    /// The versions before this one, newest first.
    #[graphql(directive = access::apply(Permission::ReadTaskLogRevisions), directive = semantic_non_null::apply())]
    async fn revisions(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<TaskLogRevisionConnection>> {
        let scope = scope(ctx)?;
        let page = PageArgs { first, after, last, before }.request(ctx, REVISIONS)?;
        let key = scope.key(RevisionsOf { log: self.task_log_id(), patient: self.patient_id(), page });
        let page = loader::<RevisionLoader>(ctx)?.load_one(key).await?;
        let page = page.ok_or_else(|| AppError::internal("a loader left out a page"))?;
        let counts = loader::<RevisionCountLoader>(ctx)?.clone();
        let key = scope.key(self.task_log_id());
        let total = TotalCount::new(move || {
            let counts = counts.clone();
            async move { Ok(counts.load_one(key).await?.unwrap_or(0)) }
        });
        Ok(Some(TaskLogRevisionConnection::new(page, REVISIONS, TaskLogRevision::sort_key, total)))
    }
}

/// A member of staff that a foreign key promises.
pub(super) async fn member(ctx: &Context<'_>, id: StaffId) -> Result<Staff, AppError> {
    staff::by_id(ctx, id).await?.ok_or_else(|| AppError::internal("a task log without its member of staff"))
}
