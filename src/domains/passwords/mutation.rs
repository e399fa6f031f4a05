use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::change;
use super::reset::PasswordResets;
use crate::domains::accounts::{Credentials, request};
use crate::domains::staff::Staff;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{UserError, scope, settle, settle_outside};
use crate::kernel::Permission;

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// A password and the one to come.
#[derive(Debug, InputObject)]
pub struct ChangePasswordInput {
    /// The password that you sign in with now.
    #[graphql(secret)]
    current_password: String,
    /// The password to come: 15 to 128 characters, or 8 to 128 when your account has a second factor. Any characters, but none
    /// that is easy to guess.
    #[graphql(secret)]
    new_password: String,
}

/// Who cannot sign in.
#[derive(Debug, InputObject)]
pub struct RequestPasswordResetInput {
    /// The e-mail address of the account.
    email: String,
}

/// A token and the password to come.
#[derive(Debug, InputObject)]
pub struct ResetPasswordInput {
    /// The token from the letter, which begins with `plp_`.
    #[graphql(secret)]
    token: String,
    /// The password to come: 15 to 128 characters, or 8 to 128 when your account has a second factor. Any characters, but none
    /// that is easy to guess.
    #[graphql(secret)]
    new_password: String,
}

/// Who is to choose a new password.
#[derive(Debug, InputObject)]
pub struct StartPasswordResetInput {
    /// The member of staff.
    staff_id: ID,
}

/// What became of `changePassword`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct ChangePasswordPayload {
    /// How many other sessions have ended; null when there are user errors.
    ended_sessions: Option<u64>,
    /// Why the password was not changed; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `requestPasswordReset`: it does not tell.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct RequestPasswordResetPayload {
    /// Always empty, whether or not the address has an account.
    user_errors: Vec<UserError>,
}

/// What became of `resetPassword`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct ResetPasswordPayload {
    /// How many sessions have ended; null when there are user errors.
    ended_sessions: Option<u64>,
    /// Why the password was not changed; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `startPasswordReset`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManageStaff))]
pub struct StartPasswordResetPayload {
    /// The member of staff, who gets a letter; null when there are user errors.
    staff: Option<Staff>,
    /// Why nothing was started; empty when it was.
    user_errors: Vec<UserError>,
}

#[Object(name = "PasswordMutations")]
impl Mutation {
    /// Changes your password. Your other sessions end, in every hospital; this one goes on.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password and the one to come.")] input: ChangePasswordInput,
    ) -> Result<Option<ChangePasswordPayload>> {
        let ChangePasswordInput { current_password, new_password } = input;
        let (credentials, request) = (ctx.data::<Credentials>()?, request(ctx));
        let changed = change::change(credentials, scope(ctx)?, &request, &current_password, &new_password).await;
        let (ended_sessions, user_errors) = settle(ctx, changed)?;
        Ok(Some(ChangePasswordPayload { ended_sessions, user_errors }))
    }

    /// Sends a letter with a token for `resetPassword` to the address, if it has an account: at most one in five minutes. The token works
    /// once and for 15 minutes, and stops the one of the letter before. The answer is the same for every address.
    #[graphql(directive = access::apply(Permission::Public), directive = semantic_non_null::apply())]
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: RequestPasswordResetInput,
    ) -> Result<Option<RequestPasswordResetPayload>> {
        ctx.data::<PasswordResets>()?.request(&input.email)?;
        Ok(Some(RequestPasswordResetPayload { user_errors: Vec::new() }))
    }

    /// Chooses a new password with the token from a letter. All sessions of the account end, in every hospital. It does not
    /// sign in, and a second factor stays as it is; unless an administrator had chosen the password until now: then what was set
    /// up with that ends too.
    #[graphql(directive = access::apply(Permission::Public), directive = semantic_non_null::apply())]
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token and the password to come.")] input: ResetPasswordInput,
    ) -> Result<Option<ResetPasswordPayload>> {
        let done = ctx.data::<PasswordResets>()?.reset(&input.token, &input.new_password, &request(ctx)).await;
        let (ended_sessions, user_errors) = settle_outside(done)?;
        Ok(Some(ResetPasswordPayload { ended_sessions, user_errors }))
    }

    /// Sends the letter of `requestPasswordReset` to a member of staff of your hospital. Only the person can choose the password, and
    /// the present one works until then. Within five minutes of the last letter none is sent.
    #[graphql(directive = access::apply(Permission::ManageStaff), directive = semantic_non_null::apply())]
    async fn start_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: StartPasswordResetInput,
    ) -> Result<Option<StartPasswordResetPayload>> {
        let started = ctx.data::<PasswordResets>()?.start(scope(ctx)?, &input.staff_id).await;
        let (staff, user_errors) = settle(ctx, started)?;
        Ok(Some(StartPasswordResetPayload { staff, user_errors }))
    }
}
