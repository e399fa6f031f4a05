use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::sqlx::{self, Connection, Row};

use super::{SeedError, writer};

/// A GraphQL document that clients may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDocument {
    /// SHA-256 of the text.
    pub hash: [u8; 32],
    /// The exact text.
    pub text: String,
    /// The names of its operations, for people.
    pub operations: String,
}

/// A document that is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredDocument {
    /// SHA-256 of its text, in hexadecimal digits.
    pub hash: String,
    /// The names of its operations.
    pub operations: String,
    /// When it was registered.
    pub registered_at: DateTime<Utc>,
}

/// Registers documents, all of them or none, and says how many were not registered before.
///
/// # Errors
/// See [`SeedError`]; each says what to do.
pub async fn register_documents(
    owner_url: &str,
    documents: &[NewDocument],
    now: DateTime<Utc>,
) -> Result<u64, SeedError> {
    let mut connection = writer::connect(owner_url).await?;
    let mut tx = connection.begin().await?;
    let mut new = 0;
    for document in documents {
        let sql = "INSERT INTO documents (hash, text, operations, registered_at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT DO NOTHING";
        let insert = sqlx::query(sql).bind(&document.hash[..]).bind(&document.text).bind(&document.operations);
        new += insert.bind(now.trunc_subsecs(6)).execute(&mut *tx).await?.rows_affected();
    }
    tx.commit().await?;
    connection.close().await?;
    Ok(new)
}

/// The registered documents, by the names of their operations.
///
/// # Errors
/// See [`SeedError`]; each says what to do.
pub async fn registered_documents(owner_url: &str) -> Result<Vec<RegisteredDocument>, SeedError> {
    let mut connection = writer::connect(owner_url).await?;
    let sql = "SELECT encode(hash, 'hex') AS hash, operations, registered_at FROM documents
               ORDER BY operations, registered_at, hash";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await?;
    connection.close().await?;
    let read = |row: sqlx::postgres::PgRow| {
        Ok(RegisteredDocument {
            hash: row.try_get("hash")?,
            operations: row.try_get("operations")?,
            registered_at: row.try_get("registered_at")?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Removes the only document whose hash begins with `start`, and says whether there was exactly one.
///
/// # Errors
/// See [`SeedError`]; each says what to do.
pub async fn remove_document(owner_url: &str, start: &str) -> Result<bool, SeedError> {
    let mut connection = writer::connect(owner_url).await?;
    let sql = "WITH found AS (SELECT hash FROM documents WHERE starts_with(encode(hash, 'hex'), lower($1)))
               DELETE FROM documents WHERE hash IN (SELECT hash FROM found) AND (SELECT count(*) FROM found) = 1";
    let removed = sqlx::query(sql).bind(start).execute(&mut connection).await?.rows_affected();
    connection.close().await?;
    Ok(removed == 1)
}
