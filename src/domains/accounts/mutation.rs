use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::ViewerObject;
use super::service::{Entry, Place, SignIn};
use crate::audit::RequestContext;
use crate::domains::sessions::{Opened, Sessions};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{DateTime, UserError, scope, settle, settle_outside};
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

/// What became of `signIn`: a token, a choice, or user errors.
#[derive(Debug, Default, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct SignInPayload {
    /// Send it with each request as `Authorization: Bearer <accessToken>`. Null when there are choices or user errors.
    access_token: Option<String>,
    /// When the access token stops working.
    expires_at: Option<DateTime>,
    /// Send it to `refreshSession` before the access token stops working. It works once. Keep it where only you can read it:
    /// who has it is you. Null when there are choices or user errors.
    refresh_token: Option<String>,
    /// When the session ends unless it is refreshed before.
    refresh_expires_at: Option<DateTime>,
    /// Who you are now.
    viewer: Option<ViewerObject>,
    /// The hospitals to choose from, when the account works in several and none was named. Sign in again with one of them.
    choices: Vec<SignInChoice>,
    /// Why you are not signed in; empty when you are, or when you have to choose.
    user_errors: Vec<UserError>,
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

macro_rules! tokens_payload {
    ($name:ident, $mutation:literal, $needs:ident) => {
        #[doc = concat!("What became of `", $mutation, "`: tokens, or user errors.")]
        #[derive(Debug, Default, SimpleObject)]
        #[graphql(directive = access::apply(Permission::$needs))]
        pub struct $name {
            /// Send it with each request as `Authorization: Bearer <accessToken>`. Null when there are user errors.
            access_token: Option<String>,
            /// When the access token stops working.
            expires_at: Option<DateTime>,
            /// Send it to `refreshSession` before the access token stops working. It works once. Keep it where only you can
            /// read it: who has it is you. Null when there are user errors.
            refresh_token: Option<String>,
            /// When the session ends unless it is refreshed before.
            refresh_expires_at: Option<DateTime>,
            /// Who you are with these tokens.
            viewer: Option<ViewerObject>,
            /// Why there are no tokens; empty when there are.
            user_errors: Vec<UserError>,
        }

        impl $name {
            fn of((opened, user_errors): (Option<Opened>, Vec<UserError>)) -> Result<Self> {
                let Some(opened) = opened else { return Ok(Self { user_errors, ..Self::default() }) };
                Ok(Self {
                    access_token: Some(opened.access.token),
                    expires_at: Some(opened.access.expires_at.into()),
                    refresh_token: Some(opened.refresh.reveal()),
                    refresh_expires_at: Some(opened.refresh_expires_at.into()),
                    viewer: Some(ViewerObject::new(opened.scope)),
                    user_errors,
                })
            }
        }
    };
}

tokens_payload!(RefreshSessionPayload, "refreshSession", Public);
tokens_payload!(SwitchContextPayload, "switchContext", SignedIn);

#[Object(name = "AccountMutations")]
impl Mutation {
    /// Signs in with e-mail address and password. Wrong address and wrong password are one answer.
    #[graphql(directive = access::apply(Permission::Public), directive = semantic_non_null::apply())]
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and where.")] input: SignInInput,
    ) -> Result<Option<SignInPayload>> {
        let entered = ctx
            .data::<SignIn>()?
            .sign_in(&input.email, &input.password, input.hospital.as_deref(), &request(ctx))
            .await;
        Ok(Some(match settle_outside(entered)? {
            (Some(Entry::In(opened)), _) => SignInPayload {
                access_token: Some(opened.access.token),
                expires_at: Some(opened.access.expires_at.into()),
                refresh_token: Some(opened.refresh.reveal()),
                refresh_expires_at: Some(opened.refresh_expires_at.into()),
                viewer: Some(ViewerObject::new(opened.scope)),
                ..SignInPayload::default()
            },
            (Some(Entry::Choose(places)), _) => SignInPayload {
                choices: places.into_iter().map(SignInChoice::from).collect(),
                ..SignInPayload::default()
            },
            (None, user_errors) => SignInPayload { user_errors, ..SignInPayload::default() },
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
        Ok(Some(RefreshSessionPayload::of(settle_outside(refreshed)?)?))
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
        Ok(Some(SwitchContextPayload::of(settle(ctx, switched)?)?))
    }
}

/// Which request it is, and from where.
fn request(ctx: &Context<'_>) -> RequestContext {
    ctx.data_opt::<RequestContext>().cloned().unwrap_or_default()
}

impl From<Place> for SignInChoice {
    fn from(place: Place) -> Self {
        Self { slug: place.slug, name: place.name, role: place.role }
    }
}
