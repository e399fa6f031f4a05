//! A sign-in of a member of staff: what access and refresh tokens belong to.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One session.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// Identifies the session; the `sid` of its access tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The sign-in that it comes from: its own id, or that of the first session in a line of changed contexts.
    pub sign_in_id: Uuid,
    /// Whose it is.
    pub staff_id: Uuid,
    /// What the client called itself when it was last refreshed.
    pub device: Option<String>,
    /// From where it was last refreshed.
    pub address: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: DateTime<Utc>,
    /// When it ends unless it is refreshed before.
    pub expires_at: DateTime<Utc>,
    /// When it ends in any case.
    pub absolute_expires_at: DateTime<Utc>,
    /// When it was ended.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl ActiveModelBehavior for ActiveModel {}
