//! A login. The server may read `id`, `email` and `factor_since`; the rest is behind the sign-in door.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One login.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    /// Identifies the account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Lower-case address, unique in the installation.
    pub email: String,
    /// argon2id hash as a PHC string.
    pub password_hash: String,
    /// The hospital whose administrator chose the password, until its owner does.
    pub password_chosen_by: Option<Uuid>,
    /// Counts changes of the credentials, from 1.
    pub credentials_version: i32,
    /// Counts passwords, from 1.
    pub password_version: i32,
    /// The secret of the second factor, sealed.
    pub factor_secret: Option<Vec<u8>>,
    /// Since when the second factor is needed.
    pub factor_since: Option<DateTime<Utc>>,
    /// The time step of the last code that was accepted.
    pub factor_step: Option<i64>,
    /// SHA-256 of the recovery codes that are left.
    pub recovery_hashes: Vec<Vec<u8>>,
    /// SHA-256 of the token with which a new password can be chosen.
    pub reset_hash: Option<Vec<u8>>,
    /// When that was last asked for.
    pub reset_requested_at: Option<DateTime<Utc>>,
    /// When that token ends.
    pub reset_expires_at: Option<DateTime<Utc>>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl ActiveModelBehavior for ActiveModel {}
