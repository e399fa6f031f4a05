//! Documents that clients send by hash: those that were sent before, and those that are registered.
//!
//! A document's hash is the SHA-256 of its exact text, so whoever knows the hash of a document knows the document: giving it
//! back tells nobody anything. What can be learned is whether somebody has sent it. That must say nothing of a patient, so a
//! document that holds any text of its own (a string or a comment) is served and not remembered, neither here nor in Redis.
//!
//! Registered documents belong to programs, not to hospitals, so every hospital has the same ones. `patient-logger documents`
//! writes them as the owner of the database; the servers read them here, and look for changes every few seconds.

mod persisted;
mod repo;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;

use crate::tenancy::Database;
pub use persisted::{DocumentHash, DocumentMode, FoundDocument, PersistedDocuments};

/// How often a server looks for documents that were registered or removed.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Brings what is registered up to date with the table.
///
/// # Errors
/// When the database cannot be asked.
pub async fn refresh(database: &Database, documents: &PersistedDocuments) -> Result<(), DbErr> {
    let tx = database.begin_outside_hospitals().await?;
    let known = documents.registered();
    let hashes: HashSet<DocumentHash> = repo::hashes(&tx).await?.into_iter().collect();
    let missing: Vec<DocumentHash> = hashes.iter().filter(|hash| !known.contains_key(hash)).copied().collect();
    let has_gone = known.keys().any(|hash| !hashes.contains(hash));
    if missing.is_empty() && !has_gone {
        return Ok(());
    }
    let mut registered: HashMap<DocumentHash, Arc<str>> = HashMap::clone(&known);
    registered.retain(|hash, _| hashes.contains(hash));
    registered.extend(repo::texts(&tx, &missing).await?);
    tracing::info!(documents = registered.len(), "the registered documents have changed");
    documents.set_registered(registered);
    Ok(())
}

/// [`refresh`] as long as the process runs. While the database cannot be asked, what is known stays.
pub async fn follow(database: Database, documents: Arc<PersistedDocuments>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = refresh(&database, &documents).await {
            tracing::warn!(%error, "the registered documents cannot be looked up");
        }
    }
}
