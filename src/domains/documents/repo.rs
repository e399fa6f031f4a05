use std::sync::Arc;

use entity::document;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::DocumentHash;
use crate::tenancy::Tx;

/// The hashes of all documents.
pub(super) async fn hashes(tx: &Tx) -> Result<Vec<DocumentHash>, DbErr> {
    let hashes = document::Entity::find().select_only().column(document::Column::Hash);
    let hashes: Vec<Vec<u8>> = hashes.into_tuple().all(tx).await?;
    Ok(hashes.into_iter().filter_map(hash).collect())
}

/// The texts of these documents.
pub(super) async fn texts(tx: &Tx, wanted: &[DocumentHash]) -> Result<Vec<(DocumentHash, Arc<str>)>, DbErr> {
    let wanted = wanted.iter().map(|hash| hash.0.to_vec());
    let rows = document::Entity::find().filter(document::Column::Hash.is_in(wanted)).all(tx).await?;
    Ok(rows.into_iter().filter_map(|row| Some((hash(row.hash)?, row.text.into()))).collect())
}

/// The table's own check says that it has 32 bytes.
fn hash(bytes: Vec<u8>) -> Option<DocumentHash> {
    bytes.try_into().ok().map(DocumentHash)
}
