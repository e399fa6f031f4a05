use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use futures_util::future::try_join_all;

use super::loader::ShapeLoader;
use super::repo::{EventRow, ShapeRow};
use crate::audit::{ActorKind, AuditAction, AuditOutcome, Event};
use crate::domains::partner_keys::{self, PartnerKeyObject};
use crate::domains::patients::{self, Patient};
use crate::domains::staff::{self, Staff};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{DateTime, connection, loader, scope};
use crate::kernel::{AuditEventId, HospitalId, PartnerKeyId, PatientId, Permission, Role, SessionId, StaffId};
use crate::tenancy::{KeyPart, SortKey};

/// Something that happened, as the audit trail keeps it.
#[derive(Clone, Debug)]
pub struct AuditEvent(Arc<EventRow>);

connection!(AuditEventConnection, AuditEventEdge, AuditEvent, ReadAudit, "events of the audit trail");

/// Something that you did.
#[derive(Clone, Debug)]
pub struct Activity(Arc<EventRow>);

connection!(ActivityConnection, ActivityEdge, Activity, SignedIn, "what you did");

impl EventRow {
    /// The event in its types.
    pub(super) fn event(&self) -> Result<Event, AppError> {
        Ok(Event {
            hospital_id: HospitalId(self.hospital_id),
            at: self.at,
            id: self.id,
            request_id: self.request_id,
            actor_kind: self.actor_kind()?,
            actor_id: self.actor_id,
            session_id: self.session_id,
            role: self.role()?,
            address: self.address.clone(),
            action: self.action()?,
            outcome: self.outcome()?,
            operation: self.operation.clone(),
            shape_id: self.shape_id,
            subject_id: self.subject_id,
            row_count: self.row_count,
            patients: self.patients.clone(),
            reason: self.reason.clone(),
        })
    }

    fn actor_kind(&self) -> Result<ActorKind, AppError> {
        ActorKind::of(&self.actor_kind).ok_or_else(unknown)
    }

    fn role(&self) -> Result<Role, AppError> {
        Role::of(&self.role).ok_or_else(unknown)
    }

    fn action(&self) -> Result<AuditAction, AppError> {
        AuditAction::of(&self.action).ok_or_else(unknown)
    }

    fn outcome(&self) -> Result<AuditOutcome, AppError> {
        AuditOutcome::of(&self.outcome).ok_or_else(unknown)
    }

    fn sort_key(&self) -> SortKey {
        SortKey(vec![KeyPart::Time(self.at), KeyPart::Id(self.id)])
    }
}

fn unknown() -> AppError {
    AppError::internal("an event has a name that this server does not know")
}

impl AuditEvent {
    pub(super) fn new(row: EventRow) -> Self {
        Self(Arc::new(row))
    }

    pub(super) fn sort_key(&self) -> SortKey {
        self.0.sort_key()
    }

    async fn shape(&self, ctx: &Context<'_>) -> Result<Option<Arc<ShapeRow>>, AppError> {
        match self.0.shape_id {
            Some(id) => loader::<ShapeLoader>(ctx)?.load_one(scope(ctx)?.key(id)).await,
            None => Ok(None),
        }
    }
}

/// Something that happened, as the audit trail keeps it: names and ids, never a value of a patient's record.
#[Object(directive = access::apply(Permission::ReadAudit))]
impl AuditEvent {
    /// Identifies the event in the whole API.
    async fn id(&self) -> ID {
        AuditEventId(self.0.id).to_string().into()
    }

    /// When.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// What was done. `fields` say it exactly.
    async fn action(&self) -> Result<AuditAction> {
        Ok(self.0.action()?)
    }

    /// What came of it.
    async fn outcome(&self) -> Result<AuditOutcome> {
        Ok(self.0.outcome()?)
    }

    /// The name of the operation in the document; null when it has none.
    async fn operation_name(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// Whether somebody or a partner's system did it.
    async fn actor_kind(&self) -> Result<ActorKind> {
        Ok(self.0.actor_kind()?)
    }

    /// Who did it; null when a partner's system did.
    #[graphql(directive = access::apply(Permission::ReadStaff))]
    async fn staff(&self, ctx: &Context<'_>) -> Result<Option<Staff>> {
        match self.0.actor_kind()? {
            ActorKind::Staff => Ok(staff::by_id(ctx, StaffId(self.0.actor_id)).await?),
            ActorKind::PartnerKey => Ok(None),
        }
    }

    /// The key with which a partner's system did it; null when somebody of your hospital did.
    #[graphql(directive = access::apply(Permission::ManagePartnerKeys))]
    async fn partner_key(&self, ctx: &Context<'_>) -> Result<Option<PartnerKeyObject>> {
        match self.0.actor_kind()? {
            ActorKind::Staff => Ok(None),
            ActorKind::PartnerKey => Ok(partner_keys::by_id(ctx, PartnerKeyId(self.0.actor_id)).await?),
        }
    }

    /// The role in which it was done.
    async fn role(&self) -> Result<Role> {
        Ok(self.0.role()?)
    }

    /// The session in which somebody did it; null for a partner's system, and outside of a session.
    async fn session_id(&self) -> Option<ID> {
        self.0.session_id.map(|id| SessionId(id).to_string().into())
    }

    /// The network address from which it came; null when it is not known.
    async fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// The request, as in its `x-request-id` and in the log. An answer with more than 50 patients leaves several events with the
    /// same request.
    async fn request_id(&self) -> String {
        self.0.request_id.to_string()
    }

    /// The patients whose records were seen or changed, in the order of their ids. There are at most 50.
    #[graphql(directive = access::apply(Permission::ReadPatients), directive = semantic_non_null::apply())]
    async fn patients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take this many, 1 to 50.", default = 50)] first: i32,
    ) -> Result<Option<Vec<Patient>>> {
        let first = usize::try_from(first).ok().filter(|first| (1..=50).contains(first));
        let first = first.ok_or_else(|| AppError::bad_input("first must be from 1 to 50."))?;
        let ids = self.0.patients.iter().take(first);
        let found = try_join_all(ids.map(|id| patients::by_id(ctx, PatientId(*id)))).await?;
        Ok(Some(found.into_iter().flatten().collect()))
    }

    /// How many records of patients were seen or changed: the patients themselves, their task logs, and earlier versions.
    async fn row_count(&self) -> i32 {
        self.0.row_count
    }

    /// The fields that were given, such as `Patient.lastName`, in the order of their names.
    async fn fields(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(self.shape(ctx).await?.map(|shape| shape.fields.clone()).unwrap_or_default())
    }

    /// The fields and inputs that were refused, in the order of their names.
    async fn refused_fields(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(self.shape(ctx).await?.map(|shape| shape.refused.clone()).unwrap_or_default())
    }

    /// The one thing that was changed or named, beside patients: the digits of its id, without the kind and `_` in front of
    /// them. Null when there is none.
    async fn subject_digits(&self) -> Option<String> {
        self.0.subject_id.map(|id| id.simple().to_string())
    }

    /// The purpose or reason that was given; null when none was.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Whether it is sealed into the chain of your hospital, which takes seconds. `auditProof` proves it then.
    async fn sealed(&self) -> bool {
        self.0.sealed
    }
}

impl Activity {
    pub(super) fn new(row: EventRow) -> Self {
        Self(Arc::new(row))
    }

    /// What it sorts by.
    pub fn sort_key(&self) -> SortKey {
        self.0.sort_key()
    }
}

/// Something that you did here. If you do not know of it, end its session with `revokeSession` and tell your administrator.
#[Object(directive = access::apply(Permission::SignedIn))]
impl Activity {
    /// When.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// What was done.
    async fn action(&self) -> Result<AuditAction> {
        Ok(self.0.action()?)
    }

    /// What came of it.
    async fn outcome(&self) -> Result<AuditOutcome> {
        Ok(self.0.outcome()?)
    }

    /// The name of the operation in the document; null when it has none.
    async fn operation_name(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The session in which it was done; null outside of a session.
    async fn session_id(&self) -> Option<ID> {
        self.0.session_id.map(|id| SessionId(id).to_string().into())
    }

    /// The network address from which it came; null when it is not known.
    async fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// Whose records were seen or changed: how many patients.
    async fn patient_count(&self) -> usize {
        self.0.patients.len()
    }
}
