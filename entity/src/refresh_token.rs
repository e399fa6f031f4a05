//! A token that prolongs a session once.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One refresh token.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// The session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub session_id: Uuid,
    /// SHA-256 of its secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// The token for which it was given; none for the first.
    pub parent_hash: Option<Vec<u8>>,
    /// When it was given out.
    pub issued_at: DateTime<Utc>,
    /// When it ends unused.
    pub expires_at: DateTime<Utc>,
    /// When it was used.
    pub used_at: Option<DateTime<Utc>>,
    /// Its successor, sealed with a key that only the token itself gives.
    pub sealed_child: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
