use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use crate::error::{AppError, ErrorCode};
use crate::redis::Redis;

/// Bytes for documents that clients have sent.
const REMEMBERED_BYTES: u64 = 8 * 1024 * 1024;
/// How long the servers together remember one after it was sent.
const SHARED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Unregistered documents of which the log is told in a minute.
const REPORTS_PER_MINUTE: u32 = 60;
/// Unregistered documents of which the log is told once.
const REPORTED: usize = 4_096;

/// SHA-256 of the exact text of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DocumentHash(pub [u8; 32]);

impl DocumentHash {
    /// The hash of this text.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        (digits.len() == 64).then_some(Self(hash))
    }
}

impl fmt::Display for DocumentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Which documents are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocumentMode {
    /// All.
    #[default]
    Any,
    /// All; the log names those that are not registered.
    Report,
    /// Those that are registered.
    Registered,
}

/// A document that may be run.
#[derive(Clone, Debug)]
pub struct FoundDocument {
    /// Its text.
    pub text: Arc<str>,
    /// Its hash, unless nobody asked for it.
    hash: Option<DocumentHash>,
    is_registered: bool,
    /// Whether it came with its hash, so that it will be asked for by that.
    is_new: bool,
}

/// Finds documents by hash.
pub struct PersistedDocuments {
    mode: DocumentMode,
    registered: RwLock<Arc<HashMap<DocumentHash, Arc<str>>>>,
    remembered: Cache<DocumentHash, Arc<str>, Weigh>,
    /// Where other servers find what was sent to this one.
    shared: Option<Redis>,
    reported: Cache<DocumentHash, ()>,
    /// Reports in the current minute.
    reports: Mutex<(i64, u32)>,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<DocumentHash, Arc<str>> for Weigh {
    fn weight(&self, _: &DocumentHash, text: &Arc<str>) -> u64 {
        128 + text.len() as u64
    }
}

impl PersistedDocuments {
    /// An empty store that serves documents in this mode.
    pub fn new(mode: DocumentMode, shared: Option<Redis>) -> Self {
        Self {
            mode,
            registered: RwLock::default(),
            // The number is a hint for the table only; the weight is what bounds it.
            remembered: Cache::with_weighter(8_192, REMEMBERED_BYTES, Weigh),
            shared,
            reported: Cache::new(REPORTED),
            reports: Mutex::new((0, 0)),
        }
    }

    /// The documents that are registered.
    pub fn registered(&self) -> Arc<HashMap<DocumentHash, Arc<str>>> {
        Arc::clone(&self.registered.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says which documents are registered.
    pub fn set_registered(&self, documents: HashMap<DocumentHash, Arc<str>>) {
        *self.registered.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(documents);
    }

    /// The document that a client means by its text, its hash or both.
    ///
    /// # Errors
    /// When the hash is not that of the text, when only registered documents are served and this is none, and, for a hash
    /// alone, when nobody has sent its document: the client then sends both.
    pub async fn find(&self, text: Option<String>, hash: Option<DocumentHash>) -> Result<FoundDocument, AppError> {
        let Some(text) = text else {
            let hash = hash.ok_or_else(nothing)?;
            if let Some(text) = self.registered().get(&hash) {
                return Ok(FoundDocument { text: text.clone(), hash: Some(hash), is_registered: true, is_new: false });
            }
            if self.mode == DocumentMode::Registered {
                return Err(not_registered());
            }
            let text = match self.remembered.get(&hash) {
                Some(text) => text,
                None => self.shared(hash).await.ok_or_else(not_found)?,
            };
            return Ok(FoundDocument { text, hash: Some(hash), is_registered: false, is_new: false });
        };
        if hash.is_none() && self.mode == DocumentMode::Any {
            return Ok(FoundDocument { text: text.into(), hash: None, is_registered: false, is_new: false });
        }
        let own = DocumentHash::of(&text);
        if hash.is_some_and(|hash| hash != own) {
            return Err(AppError::bad_input(
                "The sha256Hash is not the SHA-256 of the query, in hexadecimal digits of its UTF-8 bytes.",
            ));
        }
        let is_registered = self.registered().contains_key(&own);
        if !is_registered && self.mode == DocumentMode::Registered {
            return Err(not_registered());
        }
        let is_new = hash.is_some() && !is_registered;
        Ok(FoundDocument { text: text.into(), hash: Some(own), is_registered, is_new })
    }

    /// Notes that a document has run: it is remembered if it came with its hash, and reported if that is the mode.
    pub fn ran(&self, document: &FoundDocument, operation: Option<&str>, now: DateTime<Utc>) {
        let Some(hash) = document.hash else { return };
        if document.is_new && !holds_text(&document.text) {
            self.remembered.insert(hash, document.text.clone());
            self.share(hash, document.text.clone());
        }
        if self.mode == DocumentMode::Report && !document.is_registered && self.is_news(hash, now) {
            tracing::warn!(%hash, operation, "a document is not registered");
        }
    }

    /// What another server was sent. Whatever else may be in Redis, a text with this hash is this document.
    async fn shared(&self, hash: DocumentHash) -> Option<Arc<str>> {
        let bytes = self.shared.as_ref()?.get(&key(hash)).await?;
        let text: Arc<str> = String::from_utf8(bytes).ok()?.into();
        if DocumentHash::of(&text) != hash {
            return None;
        }
        self.remembered.insert(hash, text.clone());
        Some(text)
    }

    /// Lets other servers know, beside the request.
    fn share(&self, hash: DocumentHash, text: Arc<str>) {
        if let Some(redis) = self.shared.clone() {
            tokio::spawn(async move { redis.set(&key(hash), text.as_bytes(), SHARED_FOR).await });
        }
    }

    /// Whether the log has not been told of this document, and bears another line in this minute.
    fn is_news(&self, hash: DocumentHash, now: DateTime<Utc>) -> bool {
        if self.reported.get(&hash).is_some() {
            return false;
        }
        let minute = now.timestamp() / 60;
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if reports.0 != minute {
            *reports = (minute, 0);
        }
        let is_news = reports.1 < REPORTS_PER_MINUTE;
        if is_news {
            reports.1 += 1;
            self.reported.insert(hash, ());
        }
        is_news
    }
}

impl fmt::Debug for PersistedDocuments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersistedDocuments")
    }
}

/// Whether a document that parses holds a string or a comment: nothing else in it begins with one of these.
fn holds_text(document: &str) -> bool {
    document.contains(['"', '#'])
}

fn key(hash: DocumentHash) -> String {
    format!("document:{hash}")
}

fn nothing() -> AppError {
    AppError::bad_input("The request has no query, and no sha256Hash of one in extensions.persistedQuery.")
}

fn not_found() -> AppError {
    // The words that clients of automatic persisted queries look for.
    AppError::public(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
}

fn not_registered() -> AppError {
    let message = "This server runs registered documents only, and this is none of them. Register it with \
                   `patient-logger documents register`, and send its exact text or the SHA-256 of that.";
    AppError::public(ErrorCode::DocumentNotRegistered, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_of_a_document_once_and_of_sixty_in_a_minute() {
        let documents = PersistedDocuments::new(DocumentMode::Report, None);
        let news = |number: u32, second: i64| {
            let now = DateTime::from_timestamp(1_000_000_020 + second, 0).unwrap();
            documents.is_news(DocumentHash::of(&number.to_string()), now)
        };
        assert_eq!((0..100).filter(|number| news(*number, 0)).count(), 60);
        assert_eq!((0..100).filter(|number| news(*number, 59)).count(), 0);
        assert_eq!((0..100).filter(|number| news(*number, 60)).count(), 40, "those that are still unknown");
    }
}
