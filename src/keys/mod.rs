//! The secrets of an installation: what signs access tokens, and what seals values that clients or tables keep for it.
//!
//! # What it owns
//! One file, a JSON Web Key Set (RFC 7517) with the private keys, the same for every server: Ed25519 keys with
//! `"use": "sig"` and 256-bit keys with `"use": "enc"`. The order is meaning: the first key of a use signs or seals, all
//! of them verify or open. `ring` reads and changes a set, `jwk` is its form, `file` writes it without ever losing a
//! key and notices when somebody else has, `sealer` seals.
//!
//! # How keys are changed without an outage
//! `add` (every server accepts the key, none uses it), `promote` (it becomes the first), and when nothing of the old
//! key is left, `retire`. The servers need no restart: each looks at the file every two seconds ([`KeyFile::watch`]).
//!
//! # One more use for a sealing key
//! [`Keys::sealer`] with a purpose of its own. What is sealed for one purpose does not open for another.

mod file;
mod jwk;
mod pseudonyms;
mod ring;
mod sealer;
mod signed;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use file::{KeyFile, KeyFileError};
pub use pseudonyms::Pseudonyms;
pub use ring::{Key, KeyError, KeyRing, KeyUse, SigningKey};
pub use sealer::Sealer;

/// The keys that a process works with now. Cheap to clone; all clones change together.
#[derive(Clone)]
pub struct Keys(Arc<RwLock<Arc<KeyRing>>>);

impl Keys {
    /// Works with this set until another is given.
    pub fn new(ring: KeyRing) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(ring))))
    }

    /// Keys that live as long as the process.
    pub fn random() -> Self {
        Self::new(KeyRing::random(None))
    }

    /// The set as it is now. Ask once for one piece of work, so that it sees one set.
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes on with another set.
    pub fn replace(&self, ring: KeyRing) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// Seals for one purpose.
    pub fn sealer(&self, purpose: &'static str) -> Sealer {
        Sealer::new(self.clone(), purpose)
    }

    /// Names for what is counted for one purpose.
    pub fn pseudonyms(&self, purpose: &'static str) -> Pseudonyms {
        Pseudonyms::new(self.sealer(purpose))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// 256 bits that nobody can guess.
pub fn random_secret() -> [u8; 32] {
    // Three random UUIDs hold 366 random bits from the system's generator.
    let bits = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    Sha256::digest(bits.map(Uuid::into_bytes).concat()).into()
}
