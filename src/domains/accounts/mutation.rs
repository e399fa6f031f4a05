use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::payload::tokens_payload;
use super::service::{Entry, Place, SignIn};
use crate::audit::RequestContext;
use crate::domains::sessions::Sessions;
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{scope, settle, settle_outside};
use crate::kernel::{Permission, Role, StaffId};

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// Who wants to sign in, and where.
#[derive(Debug, InputObject)]
pub struct SignInInput {
    /// E-mail address of the account.
    email: String,
    /// Password of the account.
    #[graphql(secret)]
    password: String,
    /// The six digits that the authenticator app shows, or a recovery code. Needed when the account has a second factor; the
    /// answer without one says `secondFactorRequired`. Each works once.
    #[graphql(secret)]
    code: Option<String>,
    /// The hospital, by its `slug`. Needed when the account works in several; the answer then holds them as `choices`.
    hospital: Option<String>,
}

/// A hospital in which the account works.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct SignInChoice {
    /// What to send as `hospital`.
    slug: String,
    /// The name of the hospital.
    name: String,
    /// The role of the account there.
    role: Role,
}

/// A session to prolong.
#[derive(Debug, InputObject)]
pub struct RefreshSessionInput {
    /// The newest refresh token of the session, which begins with `plr_`.
    #[graphql(secret)]
    refresh_token: String,
}

/// Where to open a session.
#[derive(Debug, InputObject)]
pub struct SwitchContextInput {
    /// The staff record to be: a `staffId` of `viewer.contexts`.
    staff_id: ID,
}

tokens_payload!(
    /// What became of `signIn`: tokens, a question, or user errors.
    SignInPayload, Public {
        /// Whether the password is right and the account has a second factor: sign in again with a `code`.
        second_factor_required: bool,
        /// The hospitals to choose from, when the account works in several and none was named. Sign in again with one of them,
        /// and with the same `code` if one was needed.
        choices: Vec<SignInChoice>,
    }
);
tokens_payload!(
    /// What became of `refreshSession`: tokens, or user errors.
    RefreshSessionPayload, Public {}
);
tokens_payload!(
    /// What became of `switchContext`: tokens, or user errors.
    SwitchContextPayload, SignedIn {}
);

#[Object(name = "AccountMutations")]
impl Mutation {
    /// Signs in with e-mail address, password and, if the account has a second factor, a code. Which of them is wrong, the
    /// answer does not tell.
    #[graphql(directive = access::apply(Permission::Public), directive = semantic_non_null::apply())]
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and where.")] input: SignInInput,
    ) -> Result<Option<SignInPayload>> {
        let SignInInput { email, password, code, hospital } = input;
        let sign_in = ctx.data::<SignIn>()?;
        let entered = sign_in.sign_in(&email, &password, code.as_deref(), hospital.as_deref(), &request(ctx)).await;
        Ok(Some(match settle_outside(entered)? {
            (Some(Entry::In(opened)), _) => SignInPayload::opened(*opened),
            (Some(Entry::Choose(places)), _) => SignInPayload {
                choices: places.into_iter().map(SignInChoice::from).collect(),
                ..SignInPayload::default()
            },
            (Some(Entry::CodeNeeded), _) => SignInPayload { second_factor_required: true, ..SignInPayload::default() },
            (None, user_errors) => SignInPayload::refused(user_errors),
        }))
    }

    /// Gives new tokens for a refresh token. Send it without `Authorization`: an access token that has ended is refused
    /// before anything else. A refresh token works once. For ten seconds the one who sent it gets the same successor again, in case the answer was
    /// lost or two tabs refresh at once, until that successor is used. A token that is used again after that ends its session:
    /// somebody has a copy.
    #[graphql(directive = access::apply(Permission::Public), directive = semantic_non_null::apply())]
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token.")] input: RefreshSessionInput,
    ) -> Result<Option<RefreshSessionPayload>> {
        let refreshed = ctx.data::<Sessions>()?.refresh(&input.refresh_token, &request(ctx)).await;
        Ok(Some(match settle_outside(refreshed)? {
            (Some(opened), _) => RefreshSessionPayload::opened(opened),
            (None, user_errors) => RefreshSessionPayload::refused(user_errors),
        }))
    }

    /// Opens a session in another hospital where your account works, without a password. The session of this request goes on
    /// beside it, and the new one ends no later than that.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn switch_context(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where to.")] input: SwitchContextInput,
    ) -> Result<Option<SwitchContextPayload>> {
        let staff_id = StaffId::parse(&input.staff_id).map_err(AppError::from)?;
        let switched = ctx.data::<Sessions>()?.switch(scope(ctx)?, staff_id, &request(ctx)).await;
        Ok(Some(match settle(ctx, switched)? {
            (Some(opened), _) => SwitchContextPayload::opened(opened),
            (None, user_errors) => SwitchContextPayload::refused(user_errors),
        }))
    }
}

/// Which request it is, and from where.
pub(in crate::domains) fn request(ctx: &Context<'_>) -> RequestContext {
    ctx.data_opt::<RequestContext>().cloned().unwrap_or_default()
}

impl From<Place> for SignInChoice {
    fn from(place: Place) -> Self {
        Self { slug: place.slug, name: place.name, role: place.role }
    }
}
