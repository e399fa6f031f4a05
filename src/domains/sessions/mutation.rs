use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::authenticate::Sessions;
use super::object::Session;
use super::service;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{UserError, scope, settle};
use crate::kernel::Permission;

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// A session to end.
#[derive(Debug, InputObject)]
pub struct RevokeSessionInput {
    /// The session, one of your own in this hospital: see `viewer.sessions`.
    id: ID,
}

/// What became of `revokeSession`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct RevokeSessionPayload {
    /// The session as it is now; null when there are user errors.
    session: Option<Session>,
    /// Why nothing was ended; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `signOut`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct SignOutPayload {
    /// The session that has ended; null when there are user errors.
    session: Option<Session>,
    /// Why you are still signed in; empty when you are not.
    user_errors: Vec<UserError>,
}

/// What became of `signOutEverywhere`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct SignOutEverywherePayload {
    /// How many sessions have ended, this one among them; null when there are user errors.
    ended_sessions: Option<u64>,
    /// Why nothing was ended; empty when it was.
    user_errors: Vec<UserError>,
}

#[Object(name = "SessionMutations")]
impl Mutation {
    /// Ends your session. Its access and refresh tokens stop at the next request; your other sessions go on.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn sign_out(&self, ctx: &Context<'_>) -> Result<Option<SignOutPayload>> {
        let (session, user_errors) = settle(ctx, service::sign_out(scope(ctx)?).await)?;
        Ok(Some(SignOutPayload { session, user_errors }))
    }

    /// Ends all sessions of your account, this one too, in every hospital where it works.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn sign_out_everywhere(&self, ctx: &Context<'_>) -> Result<Option<SignOutEverywherePayload>> {
        let database = &ctx.data::<Sessions>()?.database;
        let (ended_sessions, user_errors) = settle(ctx, service::sign_out_everywhere(scope(ctx)?, database).await)?;
        Ok(Some(SignOutEverywherePayload { ended_sessions, user_errors }))
    }

    /// Ends one of your sessions in this hospital, on this device or another. It stops at the next request. Ending it again
    /// changes nothing.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session.")] input: RevokeSessionInput,
    ) -> Result<Option<RevokeSessionPayload>> {
        let (session, user_errors) = settle(ctx, service::revoke(scope(ctx)?, &input.id).await)?;
        Ok(Some(RevokeSessionPayload { session, user_errors }))
    }
}
