use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::service;
use crate::auth::RecoveryCode;
use crate::domains::accounts::{Credentials, request};
use crate::domains::hospitals::Hospital;
use crate::domains::passwords::PasswordResets;
use crate::domains::staff::Staff;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{Fail, UserError, scope, settle};
use crate::kernel::Permission;
use crate::mail::Mailer;

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// Who sets up a second factor.
#[derive(Debug, InputObject)]
pub struct StartSecondFactorInput {
    /// The password of your account.
    #[graphql(secret)]
    password: String,
}

/// The first code.
#[derive(Debug, InputObject)]
pub struct ConfirmSecondFactorInput {
    /// The six digits that the authenticator app shows now.
    #[graphql(secret)]
    code: String,
}

/// Who removes a second factor.
#[derive(Debug, InputObject)]
pub struct RemoveSecondFactorInput {
    /// The password of your account.
    #[graphql(secret)]
    password: String,
    /// The six digits that the authenticator app shows now, or a recovery code.
    #[graphql(secret)]
    code: String,
}

/// Who wants new recovery codes.
#[derive(Debug, InputObject)]
pub struct RenewRecoveryCodesInput {
    /// The password of your account.
    #[graphql(secret)]
    password: String,
    /// The six digits that the authenticator app shows now, or one of the old recovery codes.
    #[graphql(secret)]
    code: String,
}

/// Whether a second factor is needed.
#[derive(Debug, InputObject)]
pub struct RequireSecondFactorInput {
    /// Whether staff of your hospital need one.
    required: bool,
}

/// Who has lost a second factor.
#[derive(Debug, InputObject)]
pub struct ResetSecondFactorInput {
    /// The member of staff.
    staff_id: ID,
}

/// What became of `startSecondFactor`.
#[derive(Debug, Default, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct StartSecondFactorPayload {
    /// The secret for typing into an authenticator app, in Base 32. It is shown here and never again. Null when there are user
    /// errors.
    secret: Option<String>,
    /// The same as an `otpauth` URI: draw it as a QR code for the app to read. Null when there are user errors.
    uri: Option<String>,
    /// Why nothing was started; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `confirmSecondFactor`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct ConfirmSecondFactorPayload {
    /// Ten codes, each of which takes the place of a code from the app once. They are shown here and never again: print them. Null
    /// when there are user errors.
    recovery_codes: Option<Vec<String>>,
    /// Why the second factor does not count yet; empty when it does.
    user_errors: Vec<UserError>,
}

/// What became of `removeSecondFactor`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct RemoveSecondFactorPayload {
    /// Why the second factor was not removed; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `renewRecoveryCodes`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct RenewRecoveryCodesPayload {
    /// Ten new codes, shown here and never again; the old ones stop. Null when there are user errors.
    recovery_codes: Option<Vec<String>>,
    /// Why there are no new ones; empty when there are.
    user_errors: Vec<UserError>,
}

/// What became of `requireSecondFactor`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManageStaff))]
pub struct RequireSecondFactorPayload {
    /// Your hospital as it is now; null when there are user errors.
    hospital: Option<Hospital>,
    /// Why nothing was changed; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `resetSecondFactor`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManageStaff))]
pub struct ResetSecondFactorPayload {
    /// The member of staff, who gets a letter; null when there are user errors.
    staff: Option<Staff>,
    /// Why nothing was done; empty when it was.
    user_errors: Vec<UserError>,
}

#[Object(name = "SecondFactorMutations")]
impl Mutation {
    /// Makes a secret for an authenticator app. It counts from `confirmSecondFactor` on; starting again makes another.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn start_second_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: StartSecondFactorInput,
    ) -> Result<Option<StartSecondFactorPayload>> {
        let started = service::start(ctx.data::<Credentials>()?, scope(ctx)?, &request(ctx), &input.password).await;
        Ok(Some(match settle(ctx, started)? {
            (Some((secret, account)), user_errors) => StartSecondFactorPayload {
                secret: Some(secret.typed()),
                uri: Some(secret.uri(&account.email)),
                user_errors,
            },
            (None, user_errors) => StartSecondFactorPayload { user_errors, ..StartSecondFactorPayload::default() },
        }))
    }

    /// Shows that the app has the secret. From then on `signIn` asks your account for a code, in every hospital.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn confirm_second_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first code.")] input: ConfirmSecondFactorInput,
    ) -> Result<Option<ConfirmSecondFactorPayload>> {
        let codes = service::confirm(ctx.data::<Credentials>()?, scope(ctx)?, &input.code).await;
        let (recovery_codes, user_errors) = settle(ctx, revealed(codes))?;
        Ok(Some(ConfirmSecondFactorPayload { recovery_codes, user_errors }))
    }

    /// Removes your second factor and its recovery codes. Your password must be good enough to be all there is.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn remove_second_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: RemoveSecondFactorInput,
    ) -> Result<Option<RemoveSecondFactorPayload>> {
        let RemoveSecondFactorInput { password, code } = input;
        let removed = service::remove(ctx.data::<Credentials>()?, scope(ctx)?, &request(ctx), &password, &code).await;
        let (_, user_errors) = settle(ctx, removed)?;
        Ok(Some(RemoveSecondFactorPayload { user_errors }))
    }

    /// Gives new recovery codes; the old ones stop.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn renew_recovery_codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: RenewRecoveryCodesInput,
    ) -> Result<Option<RenewRecoveryCodesPayload>> {
        let RenewRecoveryCodesInput { password, code } = input;
        let codes = service::renew(ctx.data::<Credentials>()?, scope(ctx)?, &request(ctx), &password, &code).await;
        let (recovery_codes, user_errors) = settle(ctx, revealed(codes))?;
        Ok(Some(RenewRecoveryCodesPayload { recovery_codes, user_errors }))
    }

    /// Decides whether staff of your hospital need a second factor. Who has none then may only set one up, from the next request
    /// on. You need one yourself before you can require it.
    #[graphql(directive = access::apply(Permission::ManageStaff), directive = semantic_non_null::apply())]
    async fn require_second_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision.")] input: RequireSecondFactorInput,
    ) -> Result<Option<RequireSecondFactorPayload>> {
        let (hospital, user_errors) = settle(ctx, service::require(scope(ctx)?, input.required).await)?;
        Ok(Some(RequireSecondFactorPayload { hospital, user_errors }))
    }

    /// Helps a member of staff who has lost the second factor and the recovery codes: removes it, and sends a letter with which the
    /// person chooses a new password; the old one stops. If the account works in another hospital too, nothing is removed and the
    /// letter says so; you are not told.
    #[graphql(directive = access::apply(Permission::ManageStaff), directive = semantic_non_null::apply())]
    async fn reset_second_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: ResetSecondFactorInput,
    ) -> Result<Option<ResetSecondFactorPayload>> {
        let (credentials, resets) = (ctx.data::<Credentials>()?, ctx.data::<PasswordResets>()?);
        let mailer = ctx.data::<Mailer>()?;
        let reset = service::reset(credentials, resets, mailer, scope(ctx)?, &input.staff_id).await;
        let (staff, user_errors) = settle(ctx, reset)?;
        Ok(Some(ResetSecondFactorPayload { staff, user_errors }))
    }
}

fn revealed(codes: std::result::Result<Vec<RecoveryCode>, Fail>) -> std::result::Result<Vec<String>, Fail> {
    codes.map(|codes| codes.iter().map(RecoveryCode::reveal).collect())
}
