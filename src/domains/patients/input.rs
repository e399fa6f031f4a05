use async_graphql::{Enum, ID, InputObject, MaybeUndefined};

use super::repo::{Criteria, PatientStatusRow};
use crate::error::AppError;
use crate::graphql::label::access;
use crate::graphql::{Date, OrderDirection, search_words, unless_null};
use crate::kernel::Permission;

/// Whether a patient is in the hospital.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "super::repo::PatientStatusRow")]
pub enum PatientStatus {
    /// In the hospital.
    Admitted,
    /// Gone home.
    Discharged,
}

/// Which patients a list holds. Conditions are joined by "and"; a condition that is left out does not count.
#[derive(Debug, Default, InputObject)]
pub struct PatientFilter {
    /// Words of which each begins a word of the first name, the last name or the MRN, upper or lower case. Hyphens and other
    /// punctuation end a word.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity))]
    text: MaybeUndefined<String>,
    /// Patients in one of these rooms, 100 at most.
    rooms: MaybeUndefined<Vec<String>>,
    /// Patients with one of these statuses.
    statuses: MaybeUndefined<Vec<PatientStatus>>,
    /// True for archived patients only; otherwise the list holds those who are not archived.
    archived: MaybeUndefined<bool>,
}

/// Most rooms in one filter.
const MAX_ROOMS: usize = 100;

/// The words of a `filter.text`, which end where those of patients do: see `search_text` in the migrations.
fn words(text: Option<String>) -> Result<Vec<String>, AppError> {
    let is_given = text.is_some();
    let words: Vec<String> = search_words(text)?
        .iter()
        .flat_map(|word| word.split(|c: char| c.is_ascii_punctuation()))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if is_given && words.is_empty() {
        return Err(AppError::bad_input("filter.text must have a letter or a digit."));
    }
    Ok(words)
}

impl PatientFilter {
    pub(super) fn criteria(self) -> Result<Criteria, AppError> {
        let statuses = unless_null("filter.statuses", self.statuses)?;
        let rooms = unless_null("filter.rooms", self.rooms)?;
        if rooms.as_ref().is_some_and(|rooms| rooms.len() > MAX_ROOMS) {
            return Err(AppError::bad_input(format!("filter.rooms may hold at most {MAX_ROOMS} rooms.")));
        }
        Ok(Criteria {
            words: words(unless_null("filter.text", self.text)?)?,
            rooms,
            statuses: statuses.map(|statuses| statuses.into_iter().map(PatientStatusRow::from).collect()),
            archived: unless_null("filter.archived", self.archived)?.unwrap_or(false),
        })
    }
}

/// The order of a list of patients.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct PatientOrder {
    /// What to sort by.
    pub(super) field: PatientOrderField,
    /// Which way.
    pub(super) direction: OrderDirection,
}

/// What patients can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PatientOrderField {
    /// Last name, then first name.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity))]
    Name,
    /// Medical record number.
    #[graphql(directive = access::apply(Permission::ReadPatientIdentity))]
    Mrn,
    /// When the record was made.
    CreatedAt,
}

/// An order that has been decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct PatientSort {
    pub(super) field: PatientOrderField,
    pub(super) ascending: bool,
}

impl PatientSort {
    /// Without a wish: newest first, an order that needs no permission.
    pub(super) fn new(order: Option<PatientOrder>) -> Self {
        let newest = PatientOrder { field: PatientOrderField::CreatedAt, direction: OrderDirection::Desc };
        let PatientOrder { field, direction } = order.unwrap_or(newest);
        Self { field, ascending: direction == OrderDirection::Asc }
    }

    /// Names the list, so that a cursor fits the order it was made in.
    pub(super) const fn list(self) -> &'static str {
        match (self.field, self.ascending) {
            (PatientOrderField::Name, true) => "patients by name",
            (PatientOrderField::Name, false) => "patients by name, descending",
            (PatientOrderField::Mrn, true) => "patients by MRN",
            (PatientOrderField::Mrn, false) => "patients by MRN, descending",
            (PatientOrderField::CreatedAt, true) => "patients by creation",
            (PatientOrderField::CreatedAt, false) => "patients by creation, descending",
        }
    }
}

/// A new patient.
#[derive(Debug, InputObject)]
pub struct CreatePatientInput {
    /// Medical record number: letters, digits and hyphens, at most 32, unique in the hospital.
    pub(super) mrn: String,
    /// First name, 1 to 100 characters.
    pub(super) first_name: String,
    /// Last name, 1 to 100 characters.
    pub(super) last_name: String,
    /// Date of birth, not in the future.
    pub(super) date_of_birth: Date,
    /// Room, at most 10 characters.
    pub(super) room: Option<String>,
    /// Whether the patient is in the hospital. ADMITTED when left out.
    pub(super) status: Option<PatientStatus>,
    /// Telephone number, at most 32 characters.
    pub(super) contact_phone: Option<String>,
    /// E-mail address.
    pub(super) contact_email: Option<String>,
    /// Makes a retry safe: the same key with the same input finds the patient that the first call made.
    pub(super) idempotency_key: Option<String>,
}

/// A change of a patient. A field that is left out stays as it is.
#[derive(Debug, InputObject)]
pub struct UpdatePatientInput {
    /// The patient.
    pub(super) id: ID,
    /// The version that you read. When it is no longer the present one, nothing changes.
    pub(super) expected_version: Option<i32>,
    /// Medical record number.
    pub(super) mrn: MaybeUndefined<String>,
    /// First name.
    pub(super) first_name: MaybeUndefined<String>,
    /// Last name.
    pub(super) last_name: MaybeUndefined<String>,
    /// Date of birth.
    pub(super) date_of_birth: MaybeUndefined<Date>,
    /// Room; null for none.
    pub(super) room: MaybeUndefined<String>,
    /// Whether the patient is in the hospital.
    pub(super) status: MaybeUndefined<PatientStatus>,
    /// Telephone number; null for none.
    pub(super) contact_phone: MaybeUndefined<String>,
    /// E-mail address; null for none.
    pub(super) contact_email: MaybeUndefined<String>,
}

/// A patient to archive.
#[derive(Debug, InputObject)]
pub struct ArchivePatientInput {
    /// The patient.
    pub(super) id: ID,
    /// The version that you read. When it is no longer the present one, nothing changes.
    pub(super) expected_version: Option<i32>,
}
