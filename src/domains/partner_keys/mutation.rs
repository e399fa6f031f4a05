use async_graphql::{Context, Object, Result, SimpleObject};

use super::input::{CreatePartnerKeyInput, RevokePartnerKeyInput};
use super::object::PartnerKeyObject;
use super::service;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{UserError, scope, settle};
use crate::kernel::Permission;

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// What became of `createPartnerKey`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManagePartnerKeys))]
pub struct CreatePartnerKeyPayload {
    /// The new key; null when there are user errors.
    partner_key: Option<PartnerKeyObject>,
    /// The key itself, for `Authorization: Bearer <key>`. It is shown here and never again: hand it to the partner now.
    key: Option<String>,
    /// Why no key was made; empty when one was.
    user_errors: Vec<UserError>,
}

/// What became of `revokePartnerKey`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManagePartnerKeys))]
pub struct RevokePartnerKeyPayload {
    /// The key as it is now; null when there are user errors.
    partner_key: Option<PartnerKeyObject>,
    /// Why nothing was revoked; empty when it was.
    user_errors: Vec<UserError>,
}

#[Object(name = "PartnerKeyMutations")]
impl Mutation {
    /// Makes a key with which a partner's system can read from your hospital.
    #[graphql(directive = access::apply(Permission::ManagePartnerKeys), directive = semantic_non_null::apply())]
    async fn create_partner_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key.")] input: CreatePartnerKeyInput,
    ) -> Result<Option<CreatePartnerKeyPayload>> {
        let (made, user_errors) = settle(ctx, service::create(scope(ctx)?, input).await)?;
        let (partner_key, key) = made.unzip();
        Ok(Some(CreatePartnerKeyPayload { partner_key, key, user_errors }))
    }

    /// Ends a key. It stops within two seconds.
    #[graphql(directive = access::apply(Permission::ManagePartnerKeys), directive = semantic_non_null::apply())]
    async fn revoke_partner_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key.")] input: RevokePartnerKeyInput,
    ) -> Result<Option<RevokePartnerKeyPayload>> {
        let (partner_key, user_errors) = settle(ctx, service::revoke(scope(ctx)?, input).await)?;
        Ok(Some(RevokePartnerKeyPayload { partner_key, user_errors }))
    }
}
