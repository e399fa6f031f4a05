//! A key with which a partner's system reads from one hospital.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One key.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "partner_keys")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// Identifies the key within the hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Display name: which partner, which system.
    pub name: String,
    /// SHA-256 of the secret half of the key.
    pub secret_hash: Vec<u8>,
    /// Names of permissions beyond what every partner may.
    pub permissions: Vec<String>,
    /// Networks from which it may be used; any when empty.
    pub allowed_networks: Vec<String>,
    /// The administrator who made it.
    pub created_by_id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl ActiveModelBehavior for ActiveModel {}
