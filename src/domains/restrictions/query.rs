use async_graphql::{Context, MaybeUndefined, Object, Result};

use super::input::BreakGlassFilter;
use super::object::{BreakGlass, BreakGlassConnection};
use super::service;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{PageArgs, TotalCount, scope, unless_null, wants_page};
use crate::kernel::Permission;
use crate::tenancy::Page;

/// The name of this list, for its cursors.
const BREAK_GLASSES: &str = "openings of restricted records by time, descending";

/// The queries of this domain.
#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "RestrictionQueries")]
impl Query {
    /// Who opened restricted records in an emergency, and why, newest first. What they read then is in `auditEvents` with the
    /// action BREAK_GLASS_READ.
    #[graphql(directive = access::apply(Permission::ReadAudit), directive = semantic_non_null::apply())]
    async fn break_glasses(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which openings; all when left out.")] filter: MaybeUndefined<BreakGlassFilter>,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<BreakGlassConnection>> {
        let scope = scope(ctx)?;
        let criteria = unless_null("filter", filter)?.unwrap_or_default().criteria()?;
        let page = PageArgs { first, after, last, before }.request(ctx, BREAK_GLASSES)?;
        let page = match wants_page(ctx.look_ahead()) {
            true => service::list(scope, criteria, &page).await?,
            false => Page::unread(),
        };
        let scope = scope.clone();
        let total = TotalCount::new(move || {
            let scope = scope.clone();
            async move { service::count(&scope, criteria).await }
        });
        Ok(Some(BreakGlassConnection::new(page, BREAK_GLASSES, BreakGlass::sort_key, total)))
    }
}
