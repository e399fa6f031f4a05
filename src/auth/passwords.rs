use std::fmt;
use std::sync::Arc;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use unicode_normalization::UnicodeNormalization;

use super::workers::{Memory, Place, Workers};
use crate::error::AppError;

/// Fewest characters of a password that is all there is (NIST SP 800-63B-4, 3.1.1.2).
const MIN_LENGTH: usize = 15;
/// Fewest characters of a password beside a second factor (the same; OWASP ASVS 5.0, 6.2.1).
const MIN_LENGTH_BESIDE_FACTOR: usize = 8;
/// Most characters of a password (OWASP ASVS 5.0, 6.2.9).
const MAX_LENGTH: usize = 128;

/// Shortest word of somebody's own that counts as one.
const OWN_WORD: usize = 3;
/// Fewest letters and digits that a password has beside such words. A year of birth is not enough.
const OF_ITS_OWN: usize = 5;
/// Most of these words: somebody may work in many hospitals.
const MOST_WORDS: usize = 50;

/// Hashes and verifies passwords with argon2id.
#[derive(Clone, Debug)]
pub struct Passwords {
    workers: Workers,
    /// A hash that no password has, verified for unknown accounts so that they take as long as known ones.
    decoy: Arc<str>,
}

/// What a password is chosen for.
#[derive(Clone, Debug, Default)]
pub struct PasswordRule {
    /// Whether a second factor is asked for as well.
    pub beside_factor: bool,
    /// What somebody who knows its owner would try: name, address, hospital.
    pub words: Vec<String>,
}

/// The right to have one password verified; see [`Passwords::turn`].
pub struct Turn {
    place: Place,
    decoy: Arc<str>,
}

/// Why a password cannot be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordProblem {
    /// Fewer characters than this.
    TooShort(usize),
    /// More than 128 characters.
    TooLong,
    /// A control character.
    Forbidden,
    /// Among the first that somebody who guesses would try.
    Guessable,
}

impl PasswordRule {
    fn min_length(&self) -> usize {
        if self.beside_factor { MIN_LENGTH_BESIDE_FACTOR } else { MIN_LENGTH }
    }

    /// The words in lower case, whole and taken apart, the longest first.
    fn guesses(&self) -> Vec<String> {
        let parts = self.words.iter().flat_map(|word| word.split(|c: char| !c.is_alphanumeric()));
        let words = self.words.iter().map(String::as_str).chain(parts).map(str::to_lowercase);
        let mut words: Vec<String> = words.filter(|word| word.chars().count() >= OWN_WORD).take(MOST_WORDS).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words
    }
}

impl PasswordProblem {
    /// What is wrong with `name`, and what to do.
    pub fn message(self, name: &str) -> String {
        match self {
            Self::TooShort(length) => format!("{name} must have at least {length} characters."),
            Self::TooLong => format!("{name} may have at most {MAX_LENGTH} characters."),
            Self::Forbidden => format!("{name} has control characters."),
            Self::Guessable => format!(
                "{name} is easy to guess: it is a common one, repeats itself, or is made of the person's name, address or \
                 hospital. Take several words that have nothing to do with each other."
            ),
        }
    }
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

    /// Whether a password may be chosen. Any characters, no rules of composition, but none that is easy to guess (NIST SP
    /// 800-63B-4, 3.1.1.2; OWASP ASVS 5.0, 6.2). The inner result says what is wrong with it.
    ///
    /// # Errors
    /// When the server is too busy.
    pub async fn check(&self, password: &str, rule: PasswordRule) -> Result<Result<(), PasswordProblem>, AppError> {
        if password.chars().any(char::is_control) {
            return Ok(Err(PasswordProblem::Forbidden));
        }
        let password: String = password.nfc().take(MAX_LENGTH + 1).collect();
        let length = password.chars().count();
        if length < rule.min_length() {
            return Ok(Err(PasswordProblem::TooShort(rule.min_length())));
        }
        if length > MAX_LENGTH {
            return Ok(Err(PasswordProblem::TooLong));
        }
        // The estimate takes milliseconds, so it has its turn where the hashes have theirs.
        let guessable = self.workers.run(move |_| is_guessable(&password, &rule)).await?;
        Ok(if guessable { Err(PasswordProblem::Guessable) } else { Ok(()) })
    }

    /// Whether a right password should be hashed again, because this hash is weaker than a new one would be.
    pub fn is_outdated(hash: &str) -> bool {
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        let params = PasswordHash::new(hash).ok().and_then(|hash| Params::try_from(&hash).ok());
        params.is_none_or(|params| cost(&params) != cost(hasher().params()))
    }

    /// The hash to store, as a PHC string.
    ///
    /// # Errors
    /// When the server is too busy.
    pub async fn hash(&self, password: &str) -> Result<String, AppError> {
        let password = normal(password);
        self.workers.run(move |_| hash_now(&password)).await?.map_err(|error| AppError::internal(error.to_string()))
    }

    /// A turn to verify a password, to be asked for before anything that costs: who is refused has cost nothing.
    ///
    /// # Errors
    /// At once, when the server is too busy.
    pub fn turn(&self) -> Result<Turn, AppError> {
        Ok(Turn { place: self.workers.place()?, decoy: self.decoy.clone() })
    }
}

impl Turn {
    /// Whether `password` is the one behind `hash`. Without a hash it takes as long and says no.
    ///
    /// # Errors
    /// When the work fails.
    pub async fn verify(self, password: &str, hash: Option<&str>) -> Result<bool, AppError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.decoy).to_owned();
        // A longer text cannot be anybody's password; what is left of it takes as long as any other. It is cut where
        // `check` counts: after composing, or accents typed apart would cost a password its end.
        let password: String = password.nfc().take(MAX_LENGTH + 1).collect();
        let verify = move |memory: &mut Memory| is_behind(password.as_bytes(), &hash, memory).unwrap_or(false);
        Ok(self.place.run(verify).await? && known)
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

/// Whether a password is the one behind a PHC string: as the library's own `verify_password`, which brings no memory along.
fn is_behind(password: &[u8], hash: &str, memory: &mut Memory) -> argon2::password_hash::Result<bool> {
    let hash = PasswordHash::new(hash)?;
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Ok(false) };
    let version = hash.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let argon2 = Argon2::new(Algorithm::try_from(hash.algorithm.as_str())?, version, Params::try_from(&hash)?);
    memory.resize(argon2.params().block_count(), Block::new());
    let mut output = [0; Output::MAX_LENGTH];
    let output = &mut output[..expected.len()];
    argon2.hash_password_into_with_memory(password, salt, output, memory)?;
    // Compared in constant time.
    Ok(Output::new(output)? == *expected)
}

/// Fewer than 10^8 guesses as `zxcvbn` counts, beside a second factor 10^6; or hardly more than words that belong to its
/// owner.
fn is_guessable(password: &str, rule: &PasswordRule) -> bool {
    // Eight characters at random are 10^8 by that count.
    let enough = if rule.beside_factor { zxcvbn::Score::Two } else { zxcvbn::Score::Three };
    let words = rule.guesses();
    let rest = words.iter().fold(password.to_lowercase(), |rest, word| rest.replace(word, ""));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    rest.chars().filter(|c| c.is_alphanumeric()).count() < OF_ITS_OWN
        || zxcvbn::zxcvbn(password, &words).score() < enough
}

/// The same password typed on another keyboard is the same password (NIST SP 800-63B asks for NFKC or NFKD; NFC keeps
/// what a person sees).
fn normal(password: &str) -> String {
    password.nfc().collect()
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    #[test]
    fn a_password_is_verified_as_the_library_does_in_memory_that_was_used_before() {
        let mut memory = Memory::new();
        let weaker = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 3, 2, Some(16)).unwrap());
        let hashes = [hash_now("right").unwrap(), weaker.hash_password(b"right").unwrap().to_string()];
        for hash in [&hashes[0], &hashes[1], &hashes[0]] {
            for password in ["right", "wrong", ""] {
                let library = hasher().verify_password(password.as_bytes(), hash.as_str()).is_ok();
                assert_eq!(is_behind(password.as_bytes(), hash, &mut memory).unwrap(), library, "{password} {hash}");
            }
        }
        assert!(is_behind(b"right", "no hash", &mut memory).is_err());
    }

    #[test]
    fn what_is_easy_to_guess_is_known() {
        let rule = PasswordRule {
            beside_factor: false,
            words: vec!["Nora Nurse".into(), "nora@nurses.example".into(), "Riverside General Hospital".into()],
        };
        for (password, expected) in [
            ("passwordpassword", true),
            ("123456789012345", true),
            ("qwertyuiopasdfghjkl", true),
            ("aaaaaaaaaaaaaaaaaaaa", true),
            ("iloveyouiloveyou", true),
            ("Riverside General Hospital", true),
            ("riversidegeneralhospital", true),
            ("Riverside General Hospital 1", true),
            ("nora@nurses.example", true),
            ("NoraNurse NoraNurse", true),
            ("correct horse battery", false),
            ("a password for tests", false),
            ("the kettle sings at dawn", false),
            ("Nora hums in the laundry", false),
            ("мой дядя самых честных правил", false),
        ] {
            assert_eq!(is_guessable(password, &rule), expected, "{password}");
        }
    }
}
