//! An account at work in one hospital, in one role.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One member of staff.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "staff")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// Identifies the member of staff within the hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The login.
    pub account_id: Uuid,
    /// Display name.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Whether the person may sign in here.
    pub status: Status,
    /// Counts changes, from 1.
    pub version: i32,
    /// When the person joined.
    pub created_at: DateTime<Utc>,
    /// When the record last changed.
    pub updated_at: DateTime<Utc>,
}

/// The role of a member of staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Manages patients and staff.
    Admin,
    /// Records what is done for patients.
    Clinician,
}

/// Whether a member of staff may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// May sign in.
    Active,
    /// May not sign in any more; what the person recorded stays.
    Deactivated,
}

impl ActiveModelBehavior for ActiveModel {}
