//! Partner keys: how another system reads from one hospital.
//!
//! - A key only reads. It may do what every partner may, and what an administrator granted to it.
//! - It is shown once, when it is made; the database has a hash of its secret.
//! - Two keys of one name may be alive, so that a partner can change to the new one before the old one ends.
//! - A revoked key stops within two seconds, in every process.

mod authenticate;
mod input;
mod loader;
mod mutation;
mod object;
mod query;
mod repo;
mod service;

pub use authenticate::PartnerKeys;
pub use loader::loaders;
pub use mutation::Mutation;
pub use object::{PartnerKeyConnection, PartnerKeyEdge, PartnerKeyObject};
pub use query::Query;
pub(super) use service::{find, granted};

use async_graphql::Context;

use crate::error::AppError;
use crate::graphql::{loader as request_loader, scope};
use crate::kernel::PartnerKeyId;

/// The key with this id, working or not.
pub(super) async fn by_id(ctx: &Context<'_>, id: PartnerKeyId) -> Result<Option<PartnerKeyObject>, AppError> {
    request_loader::<loader::PartnerKeyLoader>(ctx)?.load_one(scope(ctx)?.key(id)).await
}
