use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

use super::repo::InvitationRow;
use crate::domains::staff::{self, Staff};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{DateTime, connection, scope};
use crate::kernel::{InvitationId, Permission, Role, StaffId};
use crate::tenancy::{KeyPart, SortKey};

/// An invitation to join a hospital.
#[derive(Clone, Debug)]
pub struct InvitationObject(Arc<InvitationRow>);

connection!(InvitationConnection, InvitationEdge, InvitationObject, ManageStaff, "invitations");

/// What has become of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum InvitationStatus {
    /// It can be accepted.
    Pending,
    /// The person has joined.
    Accepted,
    /// Its time has ended.
    Expired,
    /// It was revoked, or replaced by a newer one.
    Revoked,
}

impl InvitationObject {
    pub(super) fn new(row: InvitationRow) -> Self {
        Self(Arc::new(row))
    }

    pub(super) fn sort_key(&self) -> SortKey {
        SortKey(vec![KeyPart::Time(self.0.created_at), KeyPart::Id(self.0.id)])
    }
}

/// An invitation to join your hospital. Its token is in the letter and nowhere else.
#[Object(name = "Invitation", directive = access::apply(Permission::ManageStaff))]
impl InvitationObject {
    /// Identifies the invitation in the whole API.
    async fn id(&self) -> ID {
        InvitationId(self.0.id).to_string().into()
    }

    /// The address to which the letter went.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// The name that the administrator gave.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The role to come.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// What has become of it.
    async fn status(&self, ctx: &Context<'_>) -> Result<InvitationStatus> {
        let now = scope(ctx)?.clock.now();
        Ok(match &*self.0 {
            InvitationRow { accepted_at: Some(_), .. } => InvitationStatus::Accepted,
            InvitationRow { revoked_at: Some(_), .. } => InvitationStatus::Revoked,
            row if row.expires_at <= now => InvitationStatus::Expired,
            _ => InvitationStatus::Pending,
        })
    }

    /// The administrator who invited.
    #[graphql(directive = semantic_non_null::apply())]
    async fn invited_by(&self, ctx: &Context<'_>) -> Result<Option<Staff>> {
        let administrator = staff::by_id(ctx, StaffId(self.0.invited_by_id)).await?;
        Ok(Some(administrator.ok_or_else(|| AppError::internal("an invitation of nobody"))?))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it ends by itself.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }

    /// When it was revoked or replaced; null when it was not.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(DateTime)
    }

    /// When the person joined; null when that has not happened.
    async fn accepted_at(&self) -> Option<DateTime> {
        self.0.accepted_at.map(DateTime)
    }

    /// The member of staff who joined with it; null when nobody did.
    async fn staff(&self, ctx: &Context<'_>) -> Result<Option<Staff>> {
        Ok(match self.0.staff_id {
            Some(id) => staff::by_id(ctx, StaffId(id)).await?,
            None => None,
        })
    }
}
