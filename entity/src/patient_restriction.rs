//! A patient whose record is closed to most.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// The restriction of one patient.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "patient_restrictions")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// The patient.
    #[sea_orm(primary_key, auto_increment = false)]
    pub patient_id: Uuid,
    /// Why.
    pub reason: String,
    /// Since when.
    pub restricted_at: DateTime<Utc>,
    /// Who restricted it.
    pub restricted_by_id: Uuid,
    /// When it was lifted.
    pub lifted_at: Option<DateTime<Utc>>,
}

impl ActiveModelBehavior for ActiveModel {}
