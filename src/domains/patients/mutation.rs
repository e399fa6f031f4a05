use async_graphql::{Context, InputType, Object, Result, SimpleObject};

use super::input::{ArchivePatientInput, CreatePatientInput, UpdatePatientInput};
use super::{Patient, service};
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{UserError, scope, settle};
use crate::kernel::Permission;

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// What became of `createPatient`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManagePatients))]
pub struct CreatePatientPayload {
    /// The new patient; null when there are user errors.
    patient: Option<Patient>,
    /// Why nothing was created; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `updatePatient`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManagePatients))]
pub struct UpdatePatientPayload {
    /// The patient as it is now; null when there are user errors.
    patient: Option<Patient>,
    /// Why nothing was changed; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `archivePatient`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManagePatients))]
pub struct ArchivePatientPayload {
    /// The patient as it is now; null when there are user errors.
    patient: Option<Patient>,
    /// Why nothing was archived; empty when it was.
    user_errors: Vec<UserError>,
}

#[Object(name = "PatientMutations")]
impl Mutation {
    /// Adds a patient to your hospital.
    #[graphql(directive = access::apply(Permission::ManagePatients), directive = semantic_non_null::apply())]
    async fn create_patient(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient.")] input: CreatePatientInput,
    ) -> Result<Option<CreatePatientPayload>> {
        let fingerprint = input.to_value().to_string();
        let (patient, user_errors) = settle(ctx, service::create(scope(ctx)?, input, &fingerprint).await)?;
        Ok(Some(CreatePatientPayload { patient, user_errors }))
    }

    /// Changes a patient. What the input leaves out stays as it is.
    #[graphql(directive = access::apply(Permission::ManagePatients), directive = semantic_non_null::apply())]
    async fn update_patient(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient and what changes.")] input: UpdatePatientInput,
    ) -> Result<Option<UpdatePatientPayload>> {
        let (patient, user_errors) = settle(ctx, service::update(scope(ctx)?, input).await)?;
        Ok(Some(UpdatePatientPayload { patient, user_errors }))
    }

    /// Archives a patient: the record and its task logs stay readable, the patient leaves the lists and takes no new task logs.
    #[graphql(directive = access::apply(Permission::ManagePatients), directive = semantic_non_null::apply())]
    async fn archive_patient(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient.")] input: ArchivePatientInput,
    ) -> Result<Option<ArchivePatientPayload>> {
        let (patient, user_errors) = settle(ctx, service::archive(scope(ctx)?, input).await)?;
        Ok(Some(ArchivePatientPayload { patient, user_errors }))
    }
}
