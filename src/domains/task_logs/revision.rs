use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::input::TaskType;
use super::object::member;
use super::repo::RevisionRow;
use crate::domains::staff::Staff;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{DateTime, connection};
use crate::kernel::{PatientId, Permission, StaffId};
use crate::tenancy::{HospitalScope, KeyPart, SortKey};

/// The name of this list, for its cursors.
pub(super) const REVISIONS: &str = "revisions, newest first";

/// An earlier version of a task log.
#[derive(Clone, Debug)]
pub struct TaskLogRevision(Arc<RevisionRow>);

connection!(
    TaskLogRevisionConnection,
    TaskLogRevisionEdge,
    TaskLogRevision,
    ReadTaskLogRevisions,
    "earlier versions of a task log"
);

impl TaskLogRevision {
    /// A version of a task log of this patient that the request sees.
    pub(super) fn seen(scope: &HospitalScope, patient: PatientId, row: RevisionRow) -> Self {
        scope.witness().saw(patient, row.task_log_id, row.version);
        Self(Arc::new(row))
    }

    pub(super) fn sort_key(&self) -> SortKey {
        SortKey(vec![KeyPart::Number(self.0.version)])
    }
}

/// An earlier version of a task log, as it stood.
#[Object(directive = access::apply(Permission::ReadTaskLogRevisions))]
impl TaskLogRevision {
    /// Which version this was, from 1.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// The kind of task, then.
    async fn task_type(&self) -> TaskType {
        self.0.task_type.into()
    }

    /// What was said to have been done, then.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The notes, then; null when there were none.
    async fn notes(&self) -> Option<&str> {
        self.0.notes.as_deref()
    }

    /// When it was said to have been done, then.
    async fn completed_at(&self) -> DateTime {
        self.0.completed_at.into()
    }

    /// When this version was written.
    async fn changed_at(&self) -> DateTime {
        self.0.changed_at.into()
    }

    /// Who wrote it.
    #[graphql(directive = semantic_non_null::apply(), directive = access::apply(Permission::ReadTaskLogRevisions))]
    async fn changed_by(&self, ctx: &Context<'_>) -> Result<Option<Staff>> {
        Ok(Some(member(ctx, StaffId(self.0.changed_by_id)).await?))
    }

    /// Why it was written; null when no reason was given.
    async fn change_reason(&self) -> Option<&str> {
        self.0.change_reason.as_deref()
    }
}
