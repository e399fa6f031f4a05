//! Somebody opened a restricted record in an emergency.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One opening.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "break_glass_grants")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// Identifies the opening within the hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose record.
    pub patient_id: Uuid,
    /// Who opened it.
    pub staff_id: Uuid,
    /// Why.
    pub reason: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it closes by itself.
    pub expires_at: DateTime<Utc>,
}

impl ActiveModelBehavior for ActiveModel {}
