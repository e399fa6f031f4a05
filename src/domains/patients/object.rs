use std::sync::Arc;

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};

use super::input::{PatientOrderField, PatientSort, PatientStatus};
use super::repo::PatientRow;
use super::service;
use crate::domains::audit::{self, AuditEventConnection};
use crate::domains::task_logs::{self, Parent, TaskLogConnection, TaskLogFilter, TaskLogOrder};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{CannotReason, Date, DateTime, PageArgs, connection, scope};
use crate::kernel::{PatientId, Permission};
use crate::tenancy::{HospitalScope, KeyPart, SortKey};

/// A patient of your hospital.
#[derive(Clone, Debug)]
pub struct Patient(Arc<PatientRow>);

connection!(PatientConnection, PatientEdge, Patient, ReadPatients, "patients");

impl Patient {
    /// A patient whom the request sees.
    pub(super) fn seen(scope: &HospitalScope, row: PatientRow) -> Self {
        scope.witness().saw(PatientId(row.id), row.id, row.version);
        Self(Arc::new(row))
    }

    /// The id.
    pub fn patient_id(&self) -> PatientId {
        PatientId(self.0.id)
    }
}

impl Patient {
    fn cannot_change(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>, AppError> {
        Ok(service::cannot_change(&scope(ctx)?.viewer, &self.0))
    }
}

impl PatientSort {
    /// What a patient sorts by in this order.
    pub(super) fn key(self) -> fn(&Patient) -> SortKey {
        match self.field {
            PatientOrderField::Name => |Patient(row)| {
                SortKey(vec![
                    KeyPart::Text(row.last_name.clone()),
                    KeyPart::Text(row.first_name.clone()),
                    KeyPart::Id(row.id),
                ])
            },
            PatientOrderField::Mrn => |Patient(row)| SortKey(vec![KeyPart::Text(row.mrn.clone()), KeyPart::Id(row.id)]),
            PatientOrderField::CreatedAt => {
                |Patient(row)| SortKey(vec![KeyPart::Time(row.created_at), KeyPart::Id(row.id)])
            }
        }
    }
}

/// A patient of your hospital.
#[Object(directive = access::apply(Permission::ReadPatients))]
impl Patient {
    /// Identifies the patient in the whole API.
    pub async fn id(&self) -> ID {
        self.patient_id().to_string().into()
    }

    /// Medical record number, unique in the hospital.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity), directive = semantic_non_null::apply())]
    async fn mrn(&self) -> Option<&str> {
        Some(&self.0.mrn)
    }

    /// First name.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity), directive = semantic_non_null::apply())]
    async fn first_name(&self) -> Option<&str> {
        Some(&self.0.first_name)
    }

    /// Last name.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity), directive = semantic_non_null::apply())]
    async fn last_name(&self) -> Option<&str> {
        Some(&self.0.last_name)
    }

    /// Date of birth.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity), directive = semantic_non_null::apply())]
    async fn date_of_birth(&self) -> Option<Date> {
        Some(Date(self.0.date_of_birth))
    }

    /// Room; null when there is none.
    async fn room(&self) -> Option<&str> {
        self.0.room.as_deref()
    }

    /// Whether the patient is in the hospital.
    async fn status(&self) -> PatientStatus {
        self.0.status.into()
    }

    /// Telephone number of the patient or the family; null when none is known.
    #[graphql(directive = access::apply(Permission::ReadPatientContact))]
    async fn contact_phone(&self) -> Option<&str> {
        self.0.contact_phone.as_deref()
    }

    /// E-mail address of the patient or the family; null when none is known.
    #[graphql(directive = access::apply(Permission::ReadPatientContact))]
    async fn contact_email(&self) -> Option<&str> {
        self.0.contact_email.as_deref()
    }

    /// When the record was archived; null while it is in use.
    async fn archived_at(&self) -> Option<DateTime> {
        self.0.archived_at.map(DateTime)
    }

    /// When the record was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When the record last changed.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Counts changes, from 1. Send it as `expectedVersion` with a change.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Whether you can change this patient now. Draw the button from this.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.cannot_change(ctx)?.is_empty())
    }

    /// Why you cannot change this patient; empty when you can.
    async fn viewer_cannot_update_reasons(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>> {
        Ok(self.cannot_change(ctx)?)
    }

    /// Whether you can archive this patient now.
    async fn viewer_can_delete(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.cannot_change(ctx)?.is_empty())
    }

    /// Why you cannot archive this patient; empty when you can.
    async fn viewer_cannot_delete_reasons(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>> {
        Ok(self.cannot_change(ctx)?)
    }

    /// What was done for the patient, most recently completed first unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    #[graphql(directive = access::apply(Permission::ReadTaskLogs), directive = semantic_non_null::apply())]
    async fn task_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of the patient's task logs; all when left out.")] filter: MaybeUndefined<TaskLogFilter>,
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
        let page = PageArgs { first, after, last, before };
        Ok(Some(task_logs::of(ctx, Parent::Patient(self.patient_id()), filter, order_by, page).await?))
    }

    /// Who saw or changed what about the patient, newest first. Reading this leaves an event too.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    #[graphql(directive = access::apply(Permission::ReadAudit), directive = semantic_non_null::apply())]
    async fn access_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Events from this time on.")] from: Option<DateTime>,
        #[graphql(desc = "Events until just before this time.")] to: Option<DateTime>,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<AuditEventConnection>> {
        let page = PageArgs { first, after, last, before };
        Ok(Some(audit::history(ctx, self.patient_id(), from, to, page).await?))
    }
}
