use async_graphql::{Context, ID, MaybeUndefined, Object, Result};

use super::input::AuditFilter;
use super::proof::AuditProof;
use super::{AuditEvent, AuditEventConnection, service};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{PageArgs, TotalCount, scope, unless_null};
use crate::kernel::{AuditEventId, Permission};

/// The name of these lists, for their cursors.
pub(super) const AUDIT_EVENTS: &str = "events of the audit trail by time, descending";

/// The queries of this domain.
#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "AuditQueries")]
impl Query {
    /// What happened in your hospital, newest first: who saw, changed and was refused what. An event is there before its
    /// answer leaves. Reading this leaves an event too.
    #[graphql(directive = access::apply(Permission::ReadAudit), directive = semantic_non_null::apply())]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events; all when left out.")] filter: MaybeUndefined<AuditFilter>,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<AuditEventConnection>> {
        let scope = scope(ctx)?;
        let wanted = unless_null("filter", filter)?.unwrap_or_default().wanted(scope.clock.now())?;
        let page = PageArgs { first, after, last, before }.request(ctx, AUDIT_EVENTS)?;
        let page = service::list(scope, &wanted, &page).await?;
        let scope = scope.clone();
        let total = TotalCount::new(move || {
            let (scope, mentioned, criteria) = (scope.clone(), wanted.mentioned, wanted.criteria.clone());
            async move { service::count(&scope, mentioned, &criteria).await }
        });
        Ok(Some(AuditEventConnection::new(page, AUDIT_EVENTS, AuditEvent::sort_key, total)))
    }

    /// Proves that an event is in the chain of your hospital, to somebody who has only a head of it. Null when there is no such
    /// event, and while it is not sealed, which takes seconds.
    #[graphql(directive = access::apply(Permission::ReadAudit))]
    async fn audit_proof(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the event.")] id: ID,
    ) -> Result<Option<AuditProof>> {
        Ok(service::proof(scope(ctx)?, AuditEventId::parse(&id).map_err(AppError::from)?).await?)
    }
}
