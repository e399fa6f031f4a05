use async_graphql::{Context, Object, Result};

use super::object::{InvitationConnection, InvitationObject};
use super::service;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{PageArgs, TotalCount, scope};
use crate::kernel::Permission;

/// The name of this list, for its cursors.
const INVITATIONS: &str = "invitations by creation, descending";

/// The queries of this domain.
#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "InvitationQueries")]
impl Query {
    /// Who was invited to join your hospital, newest first, also those who have joined and those whose invitation has ended.
    #[graphql(directive = access::apply(Permission::ManageStaff), directive = semantic_non_null::apply())]
    async fn staff_invitations(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<InvitationConnection>> {
        let scope = scope(ctx)?;
        let page = PageArgs { first, after, last, before }.request(ctx, INVITATIONS)?;
        let page = service::list(scope, &page).await?;
        let scope = scope.clone();
        let total = TotalCount::new(move || {
            let scope = scope.clone();
            async move { service::count(&scope).await }
        });
        Ok(Some(InvitationConnection::new(page, INVITATIONS, InvitationObject::sort_key, total)))
    }
}
