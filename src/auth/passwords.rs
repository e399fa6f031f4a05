use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization;

use super::workers::Workers;
use crate::error::AppError;

/// Fewest characters of a password (OWASP ASVS 5.0, 6.2.1, for a password without a second factor).
const MIN_LENGTH: usize = 15;
/// Most characters of a password (OWASP ASVS 5.0, 6.2.9).
const MAX_LENGTH: usize = 128;

/// Hashes and verifies passwords with argon2id.
#[derive(Clone, Debug)]
pub struct Passwords {
    workers: Workers,
    /// A hash that no password has, verified for unknown accounts so that they take as long as known ones.
    decoy: Arc<str>,
}

/// Why a password cannot be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordProblem {
    /// Fewer than 15 characters.
    TooShort,
    /// More than 128 characters.
    TooLong,
    /// A control character.
    Forbidden,
}

impl Passwords {
    /// Makes the hasher.
    ///
    /// # Panics
    /// When the system gives no threads.
    pub fn new() -> Self {
        let decoy = hash_now("no account has this password").expect("argon2 takes these constants");
        Self { workers: Workers::start(), decoy: decoy.into() }
    }

    /// Whether a password may be chosen. Any characters, no rules of composition (NIST SP 800-63B, 5.1.1.2).
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(password: &str) -> Result<(), PasswordProblem> {
        if password.chars().any(char::is_control) {
            return Err(PasswordProblem::Forbidden);
        }
        match normal(password).chars().count() {
            ..MIN_LENGTH => Err(PasswordProblem::TooShort),
            MIN_LENGTH..=MAX_LENGTH => Ok(()),
            _ => Err(PasswordProblem::TooLong),
        }
    }

    /// The hash to store, as a PHC string.
    ///
    /// # Errors
    /// When the server is too busy.
    pub async fn hash(&self, password: &str) -> Result<String, AppError> {
        let password = normal(password);
        self.workers.run(move || hash_now(&password)).await?.map_err(|error| AppError::internal(error.to_string()))
    }

    /// Whether `password` is the one behind `hash`. Without a hash it takes as long and says no.
    ///
    /// # Errors
    /// When the server is too busy.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, AppError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.decoy).to_owned();
        // A longer text cannot be anybody's password; what is left of it takes as long as any other. It is cut where
        // `check` counts: after composing, or accents typed apart would cost a password its end.
        let password: String = password.nfc().take(MAX_LENGTH + 1).collect();
        let matches = self
            .workers
            .run(move || {
                PasswordHash::new(&hash).is_ok_and(|hash| hasher().verify_password(password.as_bytes(), &hash).is_ok())
            })
            .await?;
        Ok(matches && known)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

/// OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
fn hasher() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).expect("within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(hasher().hash_password(password.as_bytes())?.to_string())
}

/// The same password typed on another keyboard is the same password (NIST SP 800-63B asks for NFKC or NFKD; NFC keeps
/// what a person sees).
fn normal(password: &str) -> String {
    password.nfc().collect()
}
