//! Patients: who is cared for.
//!
//! A patient belongs to one hospital and is found there by MRN. Administrators create, change and archive; nobody erases.
//! An archived patient keeps the history, leaves the lists, and takes no new task logs.
//!
//! A record may be restricted (see `restrictions`). To whom it is closed it is a stub: an id, and when it was made and archived.
//! Row level security hides the row, so a stub comes through a door of its own, and only where it tells nothing of what is in
//! it: by id, in lists by creation without a condition on the content, and, for those who may break the glass, by MRN.

mod input;
mod loader;
mod mutation;
mod object;
mod query;
mod repo;
mod service;

use async_graphql::Context;
use sea_orm::DbErr;

pub use loader::loaders;
pub use mutation::Mutation;
pub use object::{Patient, PatientConnection, PatientEdge};
pub use query::Query;
pub(super) use repo::lock_for_task;

use crate::error::AppError;
use crate::graphql::{loader as request_loader, scope};
use crate::kernel::PatientId;
use crate::tenancy::{HospitalScope, Tx};

/// The patient with this id, archived or not.
pub(super) async fn by_id(ctx: &Context<'_>, id: PatientId) -> Result<Option<Patient>, AppError> {
    request_loader::<loader::PatientLoader>(ctx)?.load_one(scope(ctx)?.key(id)).await
}

/// The patient, held against other changes until the transaction ends; none when the record is closed to the viewer.
pub(super) async fn lock_in_tx(scope: &HospitalScope, tx: &Tx, id: PatientId) -> Result<Option<Patient>, DbErr> {
    let row = repo::lock(tx, scope.hospital_id(), id).await?;
    Ok(row.map(|row| Patient::seen(scope, row)))
}

/// Reads these patients at once, for resolvers that will ask for them one by one.
pub(super) async fn prime(ctx: &Context<'_>, ids: Vec<PatientId>) -> Result<(), AppError> {
    let scope = scope(ctx)?;
    let patients = service::by_ids(scope, ids).await?;
    let keyed = patients.into_iter().map(|patient| (scope.key(patient.patient_id()), patient));
    request_loader::<loader::PatientLoader>(ctx)?.feed_many(keyed).await;
    Ok(())
}
