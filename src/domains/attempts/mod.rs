//! Attempts: how often a secret may be guessed.
//!
//! # The rules
//! - **By account**, whoever it is that guesses: five wrong guesses are free. After the sixth the next one has to wait 1
//!   second, then 2, 4, 8 … and at most 60. Fifteen minutes without a wrong guess, and it begins again. What comes too early is
//!   refused before anything is hashed, with the time to wait, and does not prolong it. An account is never locked.
//! - **By place.** Where an account gave the right answer in the last 30 days has a count of its own; everywhere else shares
//!   one.
//! - **By client address**, whatever the account: thirty guesses at once and one more every two seconds; right ones are not
//!   counted. So a ward that shares one address can change shifts, and somebody who tries one password with many accounts is
//!   slow.
//!
//! (OWASP Authentication Cheat Sheet, "Login Throttling"; NIST SP 800-63B, 5.2.2; OWASP ASVS 5.0, 6.1.1 and 6.3.1.)
//!
//! # What holds against whom
//! Who guesses all the time, from however many addresses, gets 1,440 guesses a day at one account. Its owner signs in as ever
//! where they did before, and goes on in every open session. Two are not protected from delay: an owner at a new place meets
//! the count that strangers share, and may have to try a few times until the minute is theirs; and one at a place whose
//! address a stranger shares meets what the stranger did there.
//!
//! An address that belongs to nobody is counted as one that does, by the same statements, so neither the answer nor its time
//! tells which it was.
//!
//! # Where the counts are
//! By account in PostgreSQL: all servers see them, and flushing Redis gives no guesses. They are counted before the guess
//! is looked at and taken back when it was right, so guesses at the same moment count each other. The names in them are keyed
//! hashes. By client address in a bucket of `limits`.
//!
//! # To limit another kind of guess
//! Give it a variant of [`Guess`], call [`Attempts::begin`] before looking at the guess, and end the [`Attempt`].

mod repo;

use std::fmt;
use std::time::Duration;

use crate::error::{AppError, ErrorCode, seconds};
use crate::kernel::{Client, Clock};
use crate::keys::Pseudonyms;
use crate::limits::{Buckets, Taken};
use crate::tenancy::Database;

/// How many seconds must lie between a wrong guess and the next one: after the first, the second, …; the last is for all others.
const PAUSES: [f64; 12] = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0];
/// How long wrong guesses are remembered after the last one.
const MEMORY: chrono::Duration = chrono::Duration::minutes(15);
/// How long a place is known after a right guess.
const KNOWN: chrono::Duration = chrono::Duration::days(30);
/// Guesses from one client address at once, and how many come back each second.
const FROM_ADDRESS: (f64, f64) = (30.0, 0.5);

/// What is guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domains) enum Guess {
    /// The password of an account, by its e-mail address.
    Password,
}

/// Counts guesses.
#[derive(Clone, Debug)]
pub struct Attempts {
    database: Database,
    buckets: Buckets,
    names: Pseudonyms,
    clock: Clock,
}

/// A guess that may be looked at. It is counted as wrong until it is ended otherwise.
#[must_use = "a guess that was right has to be told, or it counts as a wrong one"]
pub(in crate::domains) struct Attempt<'a> {
    attempts: &'a Attempts,
    subject: [u8; 32],
    here: [u8; 32],
    counted_at: Vec<u8>,
    from_address: Taken,
}

impl Attempts {
    /// Counts in this database, and guesses by address in these buckets.
    pub fn new(database: Database, buckets: Buckets, names: Pseudonyms, clock: Clock) -> Self {
        Self { database, buckets, names, clock }
    }

    /// Asks whether a guess at the secret of `account`, as it was typed or by its id, may be looked at now.
    ///
    /// # Errors
    /// `RATE_LIMITED` with the time to wait; or when the database cannot be asked.
    pub(in crate::domains) async fn begin(
        &self,
        guess: Guess,
        account: &str,
        client: &Client,
    ) -> Result<Attempt<'_>, AppError> {
        let network = client.network();
        let (capacity, rate) = FROM_ADDRESS;
        let bucket = self.buckets.bucket(&["guesses", &network], capacity, rate);
        let taken = self.buckets.take(vec![bucket], 1.0).await;
        let from_address = taken.map_err(|short| too_many(short.wait))?;
        let subject = self.names.name(&[guess.name(), account]);
        let here = self.names.name(&[guess.name(), account, &network]);
        let counted = repo::begin(&self.database, &subject, &here, self.clock.now(), MEMORY, &PAUSES).await?;
        match counted.wait_seconds {
            Some(wait) => Err(too_many(Duration::try_from_secs_f64(wait).unwrap_or_default())),
            None => Ok(Attempt { attempts: self, subject, here, counted_at: counted.counted_at, from_address }),
        }
    }
}

impl Attempt<'_> {
    /// The guess was right: it does not count, and this place is known.
    ///
    /// # Errors
    /// When the database cannot be told.
    pub(in crate::domains) async fn succeeded(self) -> Result<(), AppError> {
        self.take_back(true).await
    }

    /// The guess was not looked at: it does not count.
    ///
    /// # Errors
    /// When the database cannot be told.
    pub(in crate::domains) async fn withdrawn(self) -> Result<(), AppError> {
        self.take_back(false).await
    }

    /// The guess was wrong: it counts, as it did from the beginning.
    pub(in crate::domains) fn failed(self) {}

    async fn take_back(self, was_right: bool) -> Result<(), AppError> {
        let Attempts { database, buckets, clock, .. } = self.attempts;
        buckets.give_back(&self.from_address, 1.0);
        Ok(repo::end(database, &self.subject, &self.counted_at, &self.here, was_right, clock.now(), KNOWN).await?)
    }
}

impl Guess {
    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
        }
    }
}

fn too_many(wait: Duration) -> AppError {
    let message = format!("Too many attempts. Try again in {} s.", seconds(wait));
    AppError::public(ErrorCode::RateLimited, message).retry_after(wait)
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt")
    }
}
