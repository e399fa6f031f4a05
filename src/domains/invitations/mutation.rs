use async_graphql::{Context, Object, Result, SimpleObject};

use super::accept::{Joined, Joining};
use super::input::{AcceptInvitationInput, InviteStaffInput, RevokeInvitationInput};
use super::object::InvitationObject;
use super::service;
use crate::domains::accounts::{request, tokens_payload};
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{UserError, scope, settle, settle_outside};
use crate::kernel::Permission;
use crate::mail::Mailer;

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// What became of `inviteStaff`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManageStaff))]
pub struct InviteStaffPayload {
    /// The new invitation; null when there are user errors.
    invitation: Option<InvitationObject>,
    /// Why nobody was invited; empty when somebody was.
    user_errors: Vec<UserError>,
}

/// What became of `revokeInvitation`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManageStaff))]
pub struct RevokeInvitationPayload {
    /// The invitation as it is now; null when there are user errors.
    invitation: Option<InvitationObject>,
    /// Why nothing was revoked; empty when it was.
    user_errors: Vec<UserError>,
}

tokens_payload!(
    /// What became of `acceptInvitation`: tokens, a question, or user errors.
    AcceptInvitationPayload, Public {
        /// Whether the address has an account with a second factor, and its password was right: accept again with a `code`.
        second_factor_required: bool,
    }
);

#[Object(name = "InvitationMutations")]
impl Mutation {
    /// Invites somebody to join your hospital, by a letter with a token for `acceptInvitation` that works once and for 72
    /// hours. Inviting the same address again ends the invitation before. Whether the address has an account in another hospital,
    /// the answer does not tell.
    #[graphql(directive = access::apply(Permission::ManageStaff), directive = semantic_non_null::apply())]
    async fn invite_staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: InviteStaffInput,
    ) -> Result<Option<InviteStaffPayload>> {
        let (invitation, user_errors) = settle(ctx, service::invite(scope(ctx)?, ctx.data::<Mailer>()?, input).await)?;
        Ok(Some(InviteStaffPayload { invitation, user_errors }))
    }

    /// Ends an invitation that was not accepted yet. Ending it again changes nothing.
    #[graphql(directive = access::apply(Permission::ManageStaff), directive = semantic_non_null::apply())]
    async fn revoke_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invitation.")] input: RevokeInvitationInput,
    ) -> Result<Option<RevokeInvitationPayload>> {
        let (invitation, user_errors) = settle(ctx, service::revoke(scope(ctx)?, input).await)?;
        Ok(Some(RevokeInvitationPayload { invitation, user_errors }))
    }

    /// Joins a hospital with the token from a letter, and signs in there. Who has no account chooses a password; who has one, from
    /// another hospital, gives the password of that, which stays as it is. A failed attempt does not use up the token.
    #[graphql(directive = access::apply(Permission::Public), directive = semantic_non_null::apply())]
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token, and who joins.")] input: AcceptInvitationInput,
    ) -> Result<Option<AcceptInvitationPayload>> {
        let joined = ctx.data::<Joining>()?.accept(input, &request(ctx)).await;
        Ok(Some(match settle_outside(joined)? {
            (Some(Joined::In(opened)), _) => AcceptInvitationPayload::opened(*opened),
            (Some(Joined::CodeNeeded), _) => {
                AcceptInvitationPayload { second_factor_required: true, ..AcceptInvitationPayload::default() }
            }
            (None, user_errors) => AcceptInvitationPayload::refused(user_errors),
        }))
    }
}
