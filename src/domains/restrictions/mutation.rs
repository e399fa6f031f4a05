use async_graphql::{Context, Object, Result, SimpleObject};

use super::input::{BreakGlassInput, LiftRestrictionInput, RestrictPatientInput};
use super::service;
use crate::domains::patients::{self, Patient};
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{UserError, scope, settle, wants};
use crate::kernel::Permission;

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// What became of `restrictPatient`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::RestrictPatients))]
pub struct RestrictPatientPayload {
    /// The patient; null when there are user errors.
    patient: Option<Patient>,
    /// Why nothing was restricted; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `liftRestriction`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::RestrictPatients))]
pub struct LiftRestrictionPayload {
    /// The patient; null when there are user errors.
    patient: Option<Patient>,
    /// Why nothing was lifted; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `breakGlass`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::BreakGlass))]
pub struct BreakGlassPayload {
    /// The patient, with everything that you may read of patients; null when there are user errors.
    patient: Option<Patient>,
    /// Why nothing was opened; empty when it was.
    user_errors: Vec<UserError>,
}

#[Object(name = "RestrictionMutations")]
impl Mutation {
    /// Restricts a patient's record: administrators read it, and others see that it is there and nothing of what is in it.
    #[graphql(directive = access::apply(Permission::RestrictPatients), directive = semantic_non_null::apply())]
    async fn restrict_patient(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient.")] input: RestrictPatientInput,
    ) -> Result<Option<RestrictPatientPayload>> {
        let (patient, user_errors) = settle(ctx, service::restrict(scope(ctx)?, input).await)?;
        Ok(Some(RestrictPatientPayload { patient, user_errors }))
    }

    /// Opens a restricted record to everybody again who may read patients. Lifting it again changes nothing.
    #[graphql(directive = access::apply(Permission::RestrictPatients), directive = semantic_non_null::apply())]
    async fn lift_restriction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient.")] input: LiftRestrictionInput,
    ) -> Result<Option<LiftRestrictionPayload>> {
        let (patient, user_errors) = settle(ctx, service::lift(scope(ctx)?, input).await)?;
        Ok(Some(LiftRestrictionPayload { patient, user_errors }))
    }

    /// Opens a restricted record to you for 60 minutes, in an emergency. Administrators see that you did and why, and everything
    /// that you read of it is marked in the audit trail. Doing it again begins another 60 minutes.
    #[graphql(directive = access::apply(Permission::BreakGlass), directive = semantic_non_null::apply())]
    async fn break_glass(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The record, and why.")] input: BreakGlassInput,
    ) -> Result<Option<BreakGlassPayload>> {
        let (opened, user_errors) = settle(ctx, service::break_glass(scope(ctx)?, input).await)?;
        // Read only when it is asked for: reading it is marked.
        let patient = match opened.filter(|_| wants(ctx.look_ahead(), "patient")) {
            Some(id) => patients::by_id(ctx, id).await?,
            None => None,
        };
        Ok(Some(BreakGlassPayload { patient, user_errors }))
    }
}
