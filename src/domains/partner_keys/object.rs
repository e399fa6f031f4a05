use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

use super::repo::PartnerKeyRow;
use super::service;
use crate::domains::staff::{self, Staff};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{DateTime, connection, scope};
use crate::kernel::{PartnerKeyId, Permission, PermissionSet, StaffId};
use crate::tenancy::{KeyPart, SortKey};

/// A key with which a partner's system reads.
#[derive(Clone, Debug)]
pub struct PartnerKeyObject(Arc<PartnerKeyRow>);

connection!(PartnerKeyConnection, PartnerKeyEdge, PartnerKeyObject, ManagePartnerKeys, "partner keys");

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PartnerKeyStatus {
    /// It works.
    Active,
    /// Its time has ended.
    Expired,
    /// It was revoked.
    Revoked,
}

impl PartnerKeyObject {
    pub(super) fn new(row: PartnerKeyRow) -> Self {
        Self(Arc::new(row))
    }

    /// The id.
    pub fn key_id(&self) -> PartnerKeyId {
        PartnerKeyId(self.0.id)
    }

    /// The display name.
    pub fn display_name(&self) -> &str {
        &self.0.name
    }

    /// Everything that a viewer with this key may do.
    pub fn permission_set(&self) -> PermissionSet {
        service::permission_set(&self.0)
    }

    /// Whether it is neither revoked nor expired.
    pub fn is_alive(&self, now: chrono::DateTime<chrono::Utc>) -> bool {
        self.0.revoked_at.is_none() && self.0.expires_at > now
    }

    pub(super) fn sort_key(&self) -> SortKey {
        SortKey(vec![KeyPart::Time(self.0.created_at), KeyPart::Id(self.0.id)])
    }
}

/// A key with which a partner's system reads from your hospital. The key itself is shown once, when it is made.
#[Object(name = "PartnerKey", directive = access::apply(Permission::ManagePartnerKeys))]
impl PartnerKeyObject {
    /// Identifies the key in the whole API.
    async fn id(&self) -> ID {
        PartnerKeyId(self.0.id).to_string().into()
    }

    /// Which partner and which system.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Everything that the key may do.
    async fn permissions(&self) -> Vec<Permission> {
        self.permission_set().iter().collect()
    }

    /// Networks from which it may be used; from anywhere when empty.
    async fn allowed_networks(&self) -> &[String] {
        &self.0.allowed_networks
    }

    /// Whether it works.
    async fn status(&self, ctx: &Context<'_>) -> Result<PartnerKeyStatus> {
        Ok(match self.0.revoked_at {
            Some(_) => PartnerKeyStatus::Revoked,
            None if self.0.expires_at <= scope(ctx)?.clock.now() => PartnerKeyStatus::Expired,
            None => PartnerKeyStatus::Active,
        })
    }

    /// The administrator who made it.
    #[graphql(directive = access::apply(Permission::ManagePartnerKeys), directive = semantic_non_null::apply())]
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<Staff>> {
        let maker = staff::by_id(ctx, StaffId(self.0.created_by_id)).await?;
        Ok(Some(maker.ok_or_else(|| AppError::internal("a partner key without its maker"))?))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it ends by itself.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }

    /// When it was revoked; null when it was not.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(DateTime)
    }

    /// When it was last used, to the minute; null when it never was.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }
}
