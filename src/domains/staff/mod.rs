//! Staff: who works here.
//!
//! A member of staff is an account (a login) at work in one hospital, in one role. One account may be staff of several
//! hospitals; none of them can tell. A hospital always keeps an active administrator. People join by an invitation (see
//! `invitations`); `createStaff` is for those whom no letter reaches.

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
pub use object::{Staff, StaffConnection, StaffEdge};
pub use query::Query;
pub(super) use service::{
    NewStaff, active, checked_role, email_of, has_second_factor, is_here_in_tx, join_in_tx, taken,
};

use crate::error::AppError;
use crate::graphql::{loader as request_loader, scope};
use crate::kernel::StaffId;

/// The member of staff with this id, active or not.
pub(super) async fn by_id(ctx: &Context<'_>, id: StaffId) -> Result<Option<Staff>, AppError> {
    request_loader::<loader::StaffLoader>(ctx)?.load_one(scope(ctx)?.key(id)).await
}

/// Reads these members of staff at once, for resolvers that will ask for them one by one.
pub(super) async fn prime(ctx: &Context<'_>, ids: Vec<StaffId>) -> Result<(), AppError> {
    let scope = scope(ctx)?;
    let staff = service::by_ids(scope, ids).await?;
    let keyed = staff.into_iter().map(|member| (scope.key(member.staff_id()), member));
    request_loader::<loader::StaffLoader>(ctx)?.feed_many(keyed).await;
    Ok(())
}

/// The member of staff with this id, for code outside a resolver.
pub(super) async fn find(scope: &crate::tenancy::HospitalScope, id: StaffId) -> Result<Option<Staff>, AppError> {
    Ok(service::by_ids(scope, vec![id]).await?.pop())
}
