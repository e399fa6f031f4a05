use std::sync::Arc;

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};
use chrono::{DateTime as Time, Utc};
use uuid::Uuid;

use super::input::{PatientOrderField, PatientSort, PatientStatus};
use super::repo::{PatientRow, StubRow};
use super::service;
use crate::domains::audit::{self, AuditEventConnection};
use crate::domains::restrictions::{self, RestrictionRow};
use crate::domains::task_logs::{self, Parent, TaskLogConnection, TaskLogFilter, TaskLogOrder};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{CannotReason, Date, DateTime, PageArgs, connection, scope};
use crate::kernel::{PatientId, Permission};
use crate::tenancy::{HospitalScope, KeyPart, SortKey};

/// A patient of your hospital.
#[derive(Clone, Debug)]
pub struct Patient(Arc<Record>);

/// What the request may see of a patient.
#[derive(Debug)]
pub(super) enum Record {
    /// All of it.
    Open(PatientRow),
    /// That it is there.
    Closed(StubRow),
}

connection!(PatientConnection, PatientEdge, Patient, ReadPatients, "patients");

impl Patient {
    /// A patient whom the request sees.
    pub(super) fn seen(scope: &HospitalScope, row: PatientRow) -> Self {
        Self::of(scope, Record::Open(row))
    }

    /// A patient of whom the request sees this.
    pub(super) fn of(scope: &HospitalScope, record: Record) -> Self {
        match &record {
            Record::Open(row) => scope.witness().saw(PatientId(row.id), row.id, row.version),
            Record::Closed(stub) => scope.witness().asked_about(PatientId(stub.id)),
        }
        Self(Arc::new(record))
    }

    /// The id.
    pub fn patient_id(&self) -> PatientId {
        PatientId(self.0.creation().1)
    }
}

impl Record {
    /// When the record was made, and its id: what it sorts by in the order of creation.
    pub(super) fn creation(&self) -> (Time<Utc>, Uuid) {
        match self {
            Self::Open(row) => (row.created_at, row.id),
            Self::Closed(stub) => (stub.created_at, stub.id),
        }
    }
}

impl Patient {
    /// What is in the record; none when it is closed.
    fn content(&self) -> Option<&PatientRow> {
        match &*self.0 {
            Record::Open(row) => Some(row),
            Record::Closed(_) => None,
        }
    }

    /// Who manages patients reads every record, so a closed one is never theirs to change.
    fn cannot_change(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>, AppError> {
        let viewer = &scope(ctx)?.viewer;
        Ok(self.content().map_or_else(|| vec![CannotReason::NoPermission], |row| service::cannot_change(viewer, row)))
    }

    async fn restriction(&self, ctx: &Context<'_>) -> Result<Option<RestrictionRow>, AppError> {
        restrictions::of(ctx, self.patient_id()).await
    }

    async fn is_restricted(&self, ctx: &Context<'_>) -> Result<bool, AppError> {
        Ok(self.content().is_none() || self.restriction(ctx).await?.is_some())
    }
}

impl PatientSort {
    /// What a patient sorts by in this order.
    pub(super) fn key(self) -> fn(&Patient) -> SortKey {
        fn text(patient: &Patient, of: fn(&PatientRow) -> &str) -> KeyPart {
            // Closed records are in no list that is sorted by what is in them.
            KeyPart::Text(patient.content().map(of).unwrap_or_default().to_owned())
        }
        match self.field {
            PatientOrderField::Name => |patient| {
                let name = [text(patient, |row| &row.last_name), text(patient, |row| &row.first_name)];
                SortKey(name.into_iter().chain([KeyPart::Id(patient.patient_id().0)]).collect())
            },
            PatientOrderField::Mrn => {
                |patient| SortKey(vec![text(patient, |row| &row.mrn), KeyPart::Id(patient.patient_id().0)])
            }
            PatientOrderField::CreatedAt => |patient| {
                let (created_at, id) = patient.0.creation();
                SortKey(vec![KeyPart::Time(created_at), KeyPart::Id(id)])
            },
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

    /// Medical record number, unique in the hospital; null when the record is restricted and not open to you.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity))]
    async fn mrn(&self) -> Option<&str> {
        self.content().map(|row| row.mrn.as_str())
    }

    /// First name; null when the record is restricted and not open to you.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity))]
    async fn first_name(&self) -> Option<&str> {
        self.content().map(|row| row.first_name.as_str())
    }

    /// Last name; null when the record is restricted and not open to you.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity))]
    async fn last_name(&self) -> Option<&str> {
        self.content().map(|row| row.last_name.as_str())
    }

    /// Date of birth; null when the record is restricted and not open to you.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity))]
    async fn date_of_birth(&self) -> Option<Date> {
        self.content().map(|row| Date(row.date_of_birth))
    }

    /// Room; null when there is none, and when the record is restricted and not open to you.
    async fn room(&self) -> Option<&str> {
        self.content()?.room.as_deref()
    }

    /// Whether the patient is in the hospital; null when the record is restricted and not open to you.
    async fn status(&self) -> Option<PatientStatus> {
        self.content().map(|row| row.status.into())
    }

    /// Telephone number of the patient or the family; null when none is known.
    #[graphql(directive = access::apply(Permission::ReadPatientContact))]
    async fn contact_phone(&self) -> Option<&str> {
        self.content()?.contact_phone.as_deref()
    }

    /// E-mail address of the patient or the family; null when none is known.
    #[graphql(directive = access::apply(Permission::ReadPatientContact))]
    async fn contact_email(&self) -> Option<&str> {
        self.content()?.contact_email.as_deref()
    }

    /// Whether the record is restricted. Then everything but its id and the times when it was made and archived is null, unless
    /// you may read every restricted record or have opened this one with `breakGlass`.
    async fn restricted(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.is_restricted(ctx).await?)
    }

    /// Why the record is restricted; null when it is not.
    #[graphql(directive = access::apply(Permission::RestrictPatients))]
    async fn restriction_reason(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(self.restriction(ctx).await?.map(|restriction| restriction.reason))
    }

    /// Until when the record is open to you because you broke the glass; null when you did not, or that time is over.
    async fn glass_open_until(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        // A closed record has no open glass, whatever the request knew when it began.
        let Some(row) = self.content() else { return Ok(None) };
        let glasses = scope(ctx)?.witness().glasses();
        Ok(glasses.iter().rev().find(|glass| glass.patient_id.0 == row.id).map(|glass| glass.expires_at.into()))
    }

    /// Whether you can open the record with `breakGlass`, or begin another 60 minutes. Draw the button from this.
    async fn viewer_can_break_glass(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(scope(ctx)?.viewer.may(Permission::BreakGlass) && self.is_restricted(ctx).await?)
    }

    /// When the record was archived; null while it is in use.
    async fn archived_at(&self) -> Option<DateTime> {
        match &*self.0 {
            Record::Open(row) => row.archived_at,
            Record::Closed(stub) => stub.archived_at,
        }
        .map(DateTime)
    }

    /// When the record was made.
    async fn created_at(&self) -> DateTime {
        self.0.creation().0.into()
    }

    /// When the record last changed; null when it is restricted and not open to you.
    async fn updated_at(&self) -> Option<DateTime> {
        self.content().map(|row| row.updated_at.into())
    }

    /// Counts changes, from 1. Send it as `expectedVersion` with a change. Null when the record is restricted and not open to you.
    async fn version(&self) -> Option<i32> {
        self.content().map(|row| row.version)
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

    /// What was done for the patient, most recently completed first unless `orderBy` says otherwise; null when the record is
    /// restricted and not open to you.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    #[graphql(directive = access::apply(Permission::ReadTaskLogs))]
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
        if self.content().is_none() {
            return Ok(None);
        }
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
