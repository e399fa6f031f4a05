//! The GraphQL documents that clients may send.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One document.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "documents")]
pub struct Model {
    /// SHA-256 of the text.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// The text, exactly as clients send or hash it.
    #[sea_orm(column_type = "Text")]
    pub text: String,
    /// The names of its operations.
    #[sea_orm(column_type = "Text")]
    pub operations: String,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
}

impl ActiveModelBehavior for ActiveModel {}
