use async_graphql::{Context, Object, Result};

use super::Hospital;
use crate::graphql::label::access;
use crate::graphql::scope;
use crate::kernel::Permission;

/// The queries of this domain.
#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "HospitalQueries")]
impl Query {
    /// The hospital that you are signed in to.
    #[graphql(directive = access::apply(Permission::SignedIn))]
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(Some(super::current(scope(ctx)?).await?))
    }
}
