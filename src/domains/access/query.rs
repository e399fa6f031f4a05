use std::sync::Arc;

use async_graphql::{Context, MaybeUndefined, Object, Result};

use super::input::ExplainAccessAs;
use super::object::{AccessExplanation, RoleDescription};
use super::service;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{Explainer, scope, unless_null};
use crate::kernel::{Permission, Role};

/// The queries of this domain.
#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "AccessQueries")]
impl Query {
    /// The roles, and what each may do. It is the same for every hospital and every viewer, signed in or not.
    #[graphql(directive = access::apply(Permission::Public))]
    async fn roles(&self) -> Vec<RoleDescription> {
        Role::ALL.into_iter().map(service::describe).collect()
    }

    /// What would become of a document if it were sent: for each field what it needs and whether the answer would have it,
    /// and what it all costs. Nothing of the document is run and no patient is read. Rules about single rows, such as whose
    /// task log may be changed, are not part of it: the payload of the mutation tells.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn explain_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The document: one or more operations and their fragments.")] document: String,
        #[graphql(desc = "Which operation of the document. Needed when it has several.")] operation_name: Option<
            String,
        >,
        #[graphql(
            desc = "The variables, as the text of a JSON object. Give those that `@skip`, `@include`, page sizes and filters use; the answer may depend on them."
        )]
        variables: Option<String>,
        #[graphql(
            name = "as",
            directive = access::apply(Permission::ExplainAccessOfOthers),
            desc = "For whom; for you when left out."
        )]
        subject: MaybeUndefined<ExplainAccessAs>,
    ) -> Result<Option<AccessExplanation>> {
        let explainer = ctx.data::<Arc<Explainer>>()?;
        let asked = service::Asked { document, operation_name, variables, subject: unless_null("as", subject)? };
        let explanation = service::explain(scope(ctx)?, explainer, asked).await?;
        Ok(Some(AccessExplanation::new(explainer, explanation)))
    }
}
