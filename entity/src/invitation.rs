//! Somebody who was asked to join a hospital.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::staff::Role;

/// One invitation.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// Identifies the invitation within the hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Lower-case address to which the letter went.
    pub email: String,
    /// Name that the administrator gave.
    pub name: String,
    /// The role to come.
    pub role: Role,
    /// SHA-256 of the secret half of the token.
    pub token_hash: Vec<u8>,
    /// The administrator who invited.
    pub invited_by_id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked or replaced.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was accepted.
    pub accepted_at: Option<DateTime<Utc>>,
    /// Who joined with it.
    pub staff_id: Option<Uuid>,
}

impl ActiveModelBehavior for ActiveModel {}
