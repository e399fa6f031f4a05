//! A login. The server may read `id` and `email` only; the rest is behind the sign-in door.

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
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl ActiveModelBehavior for ActiveModel {}
