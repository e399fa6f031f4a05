//! The audit trail, as the API shows it: who saw and changed what, to whom it concerns, with proofs. What an event says and
//! how the trail is kept is in [`crate::audit`].
//!
//! - Administrators read the trail of their hospital; everybody reads what they did themselves.
//! - Reading it leaves an event too, with the action READ_AUDIT.
//! - What mentions a patient or an actor is found through `audit_mentions`, which a background job fills, and through the
//!   newest events, which it has not come to yet. Both are read in one snapshot, so nothing is missing or twice at any time.

mod input;
mod loader;
mod object;
mod proof;
mod query;
mod repo;
mod service;

use async_graphql::Context;

pub(super) use super::Nothing as Mutation;
pub use input::AuditFilter;
pub use loader::loaders;
pub use object::{Activity, ActivityConnection, ActivityEdge, AuditEvent, AuditEventConnection, AuditEventEdge};
pub use query::Query;

use crate::error::AppError;
use crate::graphql::{DateTime, PageArgs, TotalCount, loader as request_loader, scope};
use crate::kernel::PatientId;

/// What the viewer did, newest first.
pub(super) async fn recent_activity(ctx: &Context<'_>, page: PageArgs) -> Result<ActivityConnection, AppError> {
    const LIST: &str = "what the viewer did, by time, descending";
    let scope = scope(ctx)?;
    let page = service::recent_activity(scope, &page.request(ctx, LIST)?).await?;
    let scope = scope.clone();
    let total = TotalCount::new(move || {
        let scope = scope.clone();
        async move { service::count_activity(&scope).await }
    });
    Ok(ActivityConnection::new(page, LIST, Activity::sort_key, total))
}

/// The events about a patient, newest first; those of all patients of a page are read together.
pub(super) async fn history(
    ctx: &Context<'_>,
    patient: PatientId,
    from: Option<DateTime>,
    to: Option<DateTime>,
    page: PageArgs,
) -> Result<AuditEventConnection, AppError> {
    let scope = scope(ctx)?;
    let criteria = service::history(scope, patient, from, to)?;
    let page = page.request(ctx, query::AUDIT_EVENTS)?;
    let key = loader::HistoryOf { patient, criteria: criteria.clone(), page };
    let page = request_loader::<loader::HistoryLoader>(ctx)?.load_one(scope.key(key)).await?;
    let page = page.ok_or_else(|| AppError::internal("a loader left out a page"))?;
    let scope = scope.clone();
    let total = TotalCount::new(move || {
        let (scope, criteria) = (scope.clone(), criteria.clone());
        async move { service::count(&scope, Some(patient.0), &criteria).await }
    });
    Ok(AuditEventConnection::new(page, query::AUDIT_EVENTS, AuditEvent::sort_key, total))
}
