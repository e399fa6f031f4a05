use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::ViewerObject;
use super::service::{Entry, Place, SignIn};
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{DateTime, UserError, settle};
use crate::kernel::{Permission, Role};

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
    /// When the token stops working.
    expires_at: Option<DateTime>,
    /// Who you are now.
    viewer: Option<ViewerObject>,
    /// The hospitals to choose from, when the account works in several and none was named. Sign in again with one of them.
    choices: Vec<SignInChoice>,
    /// Why you are not signed in; empty when you are, or when you have to choose.
    user_errors: Vec<UserError>,
}

#[Object(name = "AccountMutations")]
impl Mutation {
    /// Signs in with e-mail address and password. Wrong address and wrong password are one answer.
    #[graphql(directive = access::apply(Permission::Public), directive = semantic_non_null::apply())]
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and where.")] input: SignInInput,
    ) -> Result<Option<SignInPayload>> {
        let entered = ctx.data::<SignIn>()?.sign_in(&input.email, &input.password, input.hospital.as_deref()).await;
        Ok(Some(match settle(entered)? {
            (Some(Entry::In(token, scope)), _) => SignInPayload {
                access_token: Some(token.token),
                expires_at: Some(token.expires_at.into()),
                viewer: Some(ViewerObject::new(scope)),
                ..SignInPayload::default()
            },
            (Some(Entry::Choose(places)), _) => SignInPayload {
                choices: places.into_iter().map(SignInChoice::from).collect(),
                ..SignInPayload::default()
            },
            (None, user_errors) => SignInPayload { user_errors, ..SignInPayload::default() },
        }))
    }
}

impl From<Place> for SignInChoice {
    fn from(place: Place) -> Self {
        Self { slug: place.slug, name: place.name, role: place.role }
    }
}
