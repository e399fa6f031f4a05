//! Hospitals: the walls. A viewer sees one, the own.
//!
//! Hospitals are onboarded by `patient-logger hospital create`, not through the API: who could ask for it belongs to none.

mod object;
mod query;
mod repo;

use async_graphql::Context;

pub(super) use super::Nothing as Mutation;
pub(super) use super::no_loaders as loaders;
pub use object::Hospital;
pub use query::Query;

use crate::error::AppError;
use crate::graphql::scope;
use crate::kernel::HospitalId;
use crate::tenancy::{HospitalScope, Tx};

/// The viewer's hospital.
///
/// # Errors
/// When it cannot be read.
pub async fn current(scope: &HospitalScope) -> Result<Hospital, AppError> {
    let row = repo::current(&*scope.read().await?, scope.hospital_id()).await?;
    row.map(Hospital::new).ok_or_else(AppError::unauthenticated)
}

/// The hospital with this id, if it is the viewer's.
pub(super) async fn by_id(ctx: &Context<'_>, id: HospitalId) -> Result<Option<Hospital>, AppError> {
    let scope = scope(ctx)?;
    if id == scope.hospital_id() { current(scope).await.map(Some) } else { Ok(None) }
}

/// The name of a hospital, for somebody who is about to join it.
pub(super) async fn name_in_tx(tx: &Tx, id: HospitalId) -> Result<String, AppError> {
    let row = repo::current(tx, id).await?;
    row.map(|row| row.name).ok_or_else(|| AppError::internal("a hospital that is not there"))
}

/// Decides whether staff of the viewer's hospital need a second factor.
pub(super) async fn require_second_factor(scope: &HospitalScope, required: bool) -> Result<Hospital, AppError> {
    let tx = scope.write().await?;
    let row = repo::require_second_factor(&tx, scope.hospital_id(), required).await?;
    tx.commit().await?;
    Ok(Hospital::new(row))
}
