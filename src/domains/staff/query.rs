use std::sync::Arc;

use async_graphql::{Context, MaybeUndefined, Object, Result};

use super::input::{ClinicianFilter, StaffFilter};
use super::repo::Criteria;
use super::{Staff, StaffConnection, service};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{PageArgs, TotalCount, scope, unless_null};
use crate::kernel::Permission;

/// The queries of this domain.
#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "StaffQueries")]
impl Query {
    /// The clinicians of your hospital, by name, also those who have left: for choosing whose task logs to see.
    #[graphql(directive = access::apply(Permission::ReadStaff), directive = semantic_non_null::apply())]
    async fn clinicians(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which clinicians; all when left out.")] filter: MaybeUndefined<ClinicianFilter>,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<StaffConnection>> {
        let criteria = unless_null("filter", filter)?.unwrap_or_default().criteria()?;
        Ok(Some(list(ctx, criteria, "clinicians", PageArgs { first, after, last, before }).await?))
    }

    /// Everybody who works in your hospital, or did, by name.
    #[graphql(directive = access::apply(Permission::ReadStaff), directive = semantic_non_null::apply())]
    async fn staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which members of staff; all when left out.")] filter: MaybeUndefined<StaffFilter>,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<StaffConnection>> {
        let criteria = unless_null("filter", filter)?.unwrap_or_default().criteria()?;
        Ok(Some(list(ctx, criteria, "staff", PageArgs { first, after, last, before }).await?))
    }
}

async fn list(
    ctx: &Context<'_>,
    criteria: Criteria,
    list: &'static str,
    page: PageArgs,
) -> Result<StaffConnection, AppError> {
    let scope = scope(ctx)?;
    let rows = service::list(scope, &criteria, &page.request(ctx, list)?).await?;
    let (scope, criteria) = (scope.clone(), Arc::new(criteria));
    let total = TotalCount::new(move || {
        let (scope, criteria) = (scope.clone(), criteria.clone());
        async move { service::count(&scope, &criteria).await }
    });
    Ok(StaffConnection::new(rows, list, Staff::sort_key, total))
}
