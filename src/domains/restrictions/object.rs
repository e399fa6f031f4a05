use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::repo::GrantRow;
use crate::domains::patients::{self, Patient};
use crate::domains::staff::{self, Staff};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{DateTime, connection};
use crate::kernel::{BreakGlassId, PatientId, Permission, StaffId};
use crate::tenancy::{HospitalScope, KeyPart, SortKey};

/// An opening of a restricted record in an emergency.
#[derive(Clone, Debug)]
pub struct BreakGlass(Arc<GrantRow>);

connection!(BreakGlassConnection, BreakGlassEdge, BreakGlass, ReadAudit, "openings of restricted records");

impl BreakGlass {
    /// An opening that the request sees, and so something about its patient.
    pub(super) fn seen(scope: &HospitalScope, row: GrantRow) -> Self {
        scope.witness().asked_about(PatientId(row.patient_id));
        Self(Arc::new(row))
    }

    pub(super) fn sort_key(&self) -> SortKey {
        SortKey(vec![KeyPart::Time(self.0.opened_at), KeyPart::Id(self.0.id)])
    }
}

/// An opening of a restricted record in an emergency.
#[Object(directive = access::apply(Permission::ReadAudit))]
impl BreakGlass {
    /// Identifies the opening in the whole API. The audit trail has its digits as the subject of each read.
    async fn id(&self) -> ID {
        BreakGlassId(self.0.id).to_string().into()
    }

    /// Whose record was opened.
    #[graphql(directive = access::apply(Permission::ReadPatients), directive = semantic_non_null::apply())]
    async fn patient(&self, ctx: &Context<'_>) -> Result<Option<Patient>> {
        let patient = patients::by_id(ctx, PatientId(self.0.patient_id)).await?;
        Ok(Some(patient.ok_or_else(|| AppError::internal("an opened record without its patient"))?))
    }

    /// Who opened it.
    #[graphql(directive = access::apply(Permission::ReadStaff), directive = semantic_non_null::apply())]
    async fn staff(&self, ctx: &Context<'_>) -> Result<Option<Staff>> {
        let member = staff::by_id(ctx, StaffId(self.0.staff_id)).await?;
        Ok(Some(member.ok_or_else(|| AppError::internal("an opened record without who opened it"))?))
    }

    /// Why.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// When it was opened.
    async fn opened_at(&self) -> DateTime {
        self.0.opened_at.into()
    }

    /// When it closes, or closed, by itself.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }
}
