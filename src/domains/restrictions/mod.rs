//! Restricted records: patients whose data is closed to most, such as colleagues and public figures.
//!
//! - Administrators restrict a patient's record and lift that, giving a reason. They read it all the same.
//! - Everybody else sees that there is a restricted record and nothing of what is in it: see `patients`. PostgreSQL's row level
//!   security hides its rows, so no search, count or order tells of them either.
//! - A clinician can break the glass in an emergency (45 CFR 164.312(a)(2)(ii)): the record is open to them for 60 minutes.
//!   Doing it again begins another 60 minutes, with a reason of its own; nothing ends one earlier but lifting the restriction.
//! - What is read then is marked: an event of its own in the audit trail for each such patient, with the reason. A request
//!   opens what its credential check has found open and what it opens itself, so nothing is read that it does not mark.
//! - `breakGlasses` shows administrators each opening, from the moment that its answer leaves.

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
pub use object::{BreakGlass, BreakGlassConnection, BreakGlassEdge};
pub use query::Query;
pub(super) use repo::RestrictionRow;

use crate::error::AppError;
use crate::graphql::{UserError, UserErrorCode, loader as request_loader, scope};
use crate::kernel::PatientId;
use crate::tenancy::Tx;

/// The restriction of this patient; none when there is none or it was lifted.
pub(super) async fn of(ctx: &Context<'_>, patient: PatientId) -> Result<Option<RestrictionRow>, AppError> {
    request_loader::<loader::RestrictionLoader>(ctx)?.load_one(scope(ctx)?.key(patient)).await
}

/// Why a patient whose row is not there cannot be used: the record is closed, or there is no such patient.
pub(super) async fn why_not_there(tx: &Tx, patient: PatientId, field: &str) -> Result<UserError, DbErr> {
    if repo::in_force(tx, vec![patient]).await?.is_empty() {
        return Ok(UserError::not_found(field, "patient"));
    }
    let message = "This record is restricted. In an emergency, open it with breakGlass first.";
    Ok(UserError::new(UserErrorCode::Restricted, &[field], message))
}
