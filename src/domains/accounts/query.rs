use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::ViewerObject;
use crate::graphql::label::access;
use crate::kernel::Permission;
use crate::tenancy::HospitalScope;

/// The queries of this domain.
#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "AccountQueries")]
impl Query {
    /// You: who you are, where, and what you may do. Null when you are not signed in.
    #[graphql(directive = access::apply(Permission::Public))]
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Option<ViewerObject>> {
        Ok(ctx.data_opt::<Arc<HospitalScope>>().map(|scope| ViewerObject::new(scope.clone())))
    }
}
