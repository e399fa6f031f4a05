//! Patients: who is cared for.
//!
//! A patient belongs to one hospital and is found there by MRN. Administrators create, change and archive; nobody erases.
//! An archived patient keeps the history, leaves the lists, and takes no new task logs.

mod input;
mod loader;
mod mutation;
mod object;
mod query;
mod repo;
mod service;

use async_graphql::Context;

pub use loader::loaders;
pub use mutation::Mutation;
pub use object::{Patient, PatientConnection, PatientEdge};
pub use query::Query;
pub(super) use repo::lock_for_task;

use crate::error::AppError;
use crate::graphql::{loader as request_loader, scope};
use crate::kernel::PatientId;

/// The patient with this id, archived or not.
pub(super) async fn by_id(ctx: &Context<'_>, id: PatientId) -> Result<Option<Patient>, AppError> {
    request_loader::<loader::PatientLoader>(ctx)?.load_one(scope(ctx)?.key(id)).await
}

/// Reads these patients at once, for resolvers that will ask for them one by one.
pub(super) async fn prime(ctx: &Context<'_>, ids: Vec<PatientId>) -> Result<(), AppError> {
    let scope = scope(ctx)?;
    let patients = service::by_ids(scope, ids).await?;
    let keyed = patients.into_iter().map(|patient| (scope.key(patient.patient_id()), patient));
    request_loader::<loader::PatientLoader>(ctx)?.feed_many(keyed).await;
    Ok(())
}
