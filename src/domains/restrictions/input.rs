use async_graphql::{ID, InputObject, MaybeUndefined};

use super::repo::Criteria;
use crate::error::AppError;
use crate::graphql::label::access;
use crate::graphql::unless_null;
use crate::kernel::{PatientId, Permission, StaffId};

/// A patient whose record is to be restricted.
#[derive(Debug, InputObject)]
pub struct RestrictPatientInput {
    /// The patient.
    pub(super) id: ID,
    /// Why, 1 to 500 characters. It takes the place of the reason there was.
    pub(super) reason: String,
}

/// A patient whose record is not to be restricted any more.
#[derive(Debug, InputObject)]
pub struct LiftRestrictionInput {
    /// The patient.
    pub(super) id: ID,
}

/// A restricted record to open in an emergency.
#[derive(Debug, InputObject)]
pub struct BreakGlassInput {
    /// The patient.
    pub(super) patient_id: ID,
    /// Why, 10 to 500 characters. Administrators read it.
    pub(super) reason: String,
}

/// Which openings a list holds. Conditions are joined by "and"; a condition that is left out does not count.
#[derive(Debug, Default, InputObject)]
pub struct BreakGlassFilter {
    /// Openings of this patient's record.
    #[graphql(directive = access::apply(Permission::ReadPatients))]
    patient_id: MaybeUndefined<ID>,
    /// Openings by this member of staff.
    #[graphql(directive = access::apply(Permission::ReadStaff))]
    staff_id: MaybeUndefined<ID>,
}

impl BreakGlassFilter {
    pub(super) fn criteria(self) -> Result<Criteria, AppError> {
        let patient = unless_null("filter.patientId", self.patient_id)?;
        let staff = unless_null("filter.staffId", self.staff_id)?;
        Ok(Criteria {
            patient: patient.map(|id| PatientId::parse(&id)).transpose()?,
            staff: staff.map(|id| StaffId::parse(&id)).transpose()?,
        })
    }
}
