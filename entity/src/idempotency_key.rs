//! What a creation that may be retried has made.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One key and what was made with it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// Who sent the key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub staff_id: Uuid,
    /// The key, as the caller chose it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// The mutation it was sent with.
    pub mutation: String,
    /// SHA-256 of the input it was sent with.
    pub input_hash: Vec<u8>,
    /// What was made.
    pub created_id: Uuid,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl ActiveModelBehavior for ActiveModel {}
