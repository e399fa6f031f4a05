//! A patient of one hospital.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One patient.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "patients")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// Identifies the patient within the hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Medical record number, unique in the hospital.
    pub mrn: String,
    /// Given name, in NFC.
    pub first_name: String,
    /// Family name, in NFC.
    pub last_name: String,
    /// Date of birth.
    pub date_of_birth: Date,
    /// Room, when there is one.
    pub room: Option<String>,
    /// Whether the patient is in the hospital.
    pub status: Status,
    /// Telephone number of the patient or the family.
    pub contact_phone: Option<String>,
    /// E-mail address of the patient or the family.
    pub contact_email: Option<String>,
    /// When the record was archived.
    pub archived_at: Option<DateTime<Utc>>,
    /// Counts changes, from 1.
    pub version: i32,
    /// When the record was made.
    pub created_at: DateTime<Utc>,
    /// When the record last changed.
    pub updated_at: DateTime<Utc>,
}

/// Whether a patient is in the hospital.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// In the hospital.
    Admitted,
    /// Gone home.
    Discharged,
}

impl ActiveModelBehavior for ActiveModel {}
