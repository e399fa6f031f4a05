//! A hospital: the wall around everything else.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One hospital.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hospitals")]
pub struct Model {
    /// Identifies the hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Short name for sign-in, unique in the installation.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// IANA time zone, such as `Europe/London`.
    pub time_zone: String,
    /// Whether its staff need a second factor for anything but setting one up.
    pub second_factor_required: bool,
    /// When the hospital was onboarded.
    pub created_at: DateTime<Utc>,
}

impl ActiveModelBehavior for ActiveModel {}
