//! An account as it is read at a moment, and what it can be changed to.

use chrono::{DateTime, Utc};

use super::repo::DoorRow;
use super::service::Place;
use crate::audit::Who;
use crate::auth::PasswordRule;
use crate::kernel::{AccountId, HospitalId};

/// An account, what opens it, and where it works. Without `Debug`: it has hashes and secrets.
#[derive(Clone)]
pub(in crate::domains) struct Account {
    pub(in crate::domains) id: AccountId,
    pub(in crate::domains) email: String,
    pub(super) version: i32,
    pub(super) password_version: i32,
    /// The hospital whose administrator chose the password, until its owner does.
    pub(in crate::domains) password_chosen_by: Option<HospitalId>,
    pub(in crate::domains) opens: Opens,
    /// Where it works, as far as its password opens that.
    pub(in crate::domains) places: Vec<Place>,
}

/// What opens an account.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::domains) struct Opens {
    pub(in crate::domains) password_hash: String,
    pub(in crate::domains) factor: Option<Factor>,
}

/// A second factor.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::domains) struct Factor {
    pub(in crate::domains) sealed: Vec<u8>,
    /// Since when it is asked for; not before its owner has confirmed it.
    pub(in crate::domains) since: Option<DateTime<Utc>>,
    /// The time step of the last code.
    pub(in crate::domains) step: Option<i64>,
    pub(in crate::domains) recovery_hashes: Vec<Vec<u8>>,
}

/// Whose a password is that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domains) enum Password {
    /// The one that was there, though perhaps with another hash.
    Same,
    /// A new one, of somebody who knew the one before or takes it away.
    New,
    /// A new one, of somebody who has shown a letter to the address: the owner.
    Owners,
}

impl Account {
    pub(super) fn read(email: &str, rows: Vec<DoorRow>) -> Option<Self> {
        let first = rows.first()?.clone();
        let factor = first.factor_secret.map(|sealed| Factor {
            sealed,
            since: first.factor_since,
            step: first.factor_step,
            recovery_hashes: first.recovery_hashes,
        });
        Some(Self {
            id: AccountId(first.account_id),
            email: email.to_owned(),
            version: first.credentials_version,
            password_version: first.password_version,
            password_chosen_by: first.password_chosen_by.map(HospitalId),
            opens: Opens { password_hash: first.password_hash, factor },
            places: rows.into_iter().filter_map(Place::of).collect(),
        })
    }

    /// An account that was made a moment ago, in this transaction.
    pub(in crate::domains) fn fresh(id: AccountId, email: &str, password_hash: &str) -> Self {
        Self {
            id,
            email: email.to_owned(),
            version: 1,
            password_version: 1,
            password_chosen_by: None,
            opens: Opens { password_hash: password_hash.to_owned(), factor: None },
            places: Vec::new(),
        }
    }

    /// The second factor that is asked for.
    pub(in crate::domains) fn factor(&self) -> Option<&Factor> {
        self.opens.factor.as_ref().filter(|factor| factor.since.is_some())
    }

    /// What a new password has to withstand, beside this second factor.
    pub(in crate::domains) fn password_rule(&self, factor: Option<&Factor>) -> PasswordRule {
        // What somebody who knows the owner would try first.
        let places = self.places.iter().flat_map(|place| [place.staff_name.clone(), place.name.clone()]);
        PasswordRule { beside_factor: factor.is_some(), words: places.chain([self.email.clone()]).collect() }
    }

    /// Where it works, for ending what it has open there.
    pub(in crate::domains) fn staff(&self) -> Vec<Who> {
        self.places.iter().map(Place::who).collect()
    }
}
