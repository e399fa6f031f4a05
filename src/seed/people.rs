//! A hospital, who works in it and who is cared for.

use chrono::{DateTime, Duration, NaiveDate, SubsecRound, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::clinical::Profile;
use super::rng::Rng;
use super::words::Name;
use crate::kernel::Role;

/// What a hospital is to be filled with.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    pub(super) staff: u32,
    pub(super) patients: u32,
    pub(super) task_logs: u32,
    /// How many of twenty patients have gone home.
    pub(super) discharged_of_twenty: u32,
}

/// A login.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: Uuid,
    pub(super) email: String,
    pub(super) created_at: DateTime<Utc>,
}

/// A member of staff.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: Uuid,
    pub(super) account_id: Uuid,
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) joined_at: DateTime<Utc>,
    pub(super) left_at: Option<DateTime<Utc>>,
}

/// A patient.
#[derive(Clone, Debug)]
pub(super) struct Patient {
    pub(super) id: Uuid,
    pub(super) mrn: String,
    pub(super) name: Name,
    pub(super) date_of_birth: NaiveDate,
    pub(super) room: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) email: Option<String>,
    pub(super) admitted_at: DateTime<Utc>,
    pub(super) discharged_at: Option<DateTime<Utc>>,
    pub(super) archived_at: Option<DateTime<Utc>>,
    pub(super) profile: Profile,
}

/// A hospital with its people.
#[derive(Clone, Debug)]
pub(super) struct House {
    pub(super) id: Uuid,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) time_zone: Tz,
    pub(super) opened_at: DateTime<Utc>,
    pub(super) accounts: Vec<Account>,
    pub(super) staff: Vec<Member>,
    pub(super) patients: Vec<Patient>,
    pub(super) task_logs: u32,
    /// Where its random numbers go on.
    pub(super) rng: Rng,
}

impl House {
    /// Makes one up. The first two members of staff are `admin@<slug>.example` and `clinician@<slug>.example`.
    pub(super) fn new(slug: &str, name: &str, time_zone: Tz, scale: &Scale, seed: u64, now: DateTime<Utc>) -> Self {
        let mut rng = Rng::new(seed, slug);
        // About ten tasks a day and patient: so a longer history needs a longer stay.
        let mean_stay = (f64::from(scale.task_logs) / f64::from(scale.patients.max(1)) / 10.0).clamp(1.5, 90.0);
        let horizon = (mean_stay * 4.0).max(180.0);
        let opened_at = now - days(horizon + mean_stay * 6.0 + 60.0);
        let mut house = Self {
            id: rng.id(opened_at),
            slug: slug.to_owned(),
            name: name.to_owned(),
            time_zone,
            opened_at,
            accounts: Vec::new(),
            staff: Vec::new(),
            patients: Vec::new(),
            task_logs: scale.task_logs,
            rng,
        };
        for number in 0..scale.staff {
            house.hire(number, now);
        }
        house.admit(scale, mean_stay, horizon, now);
        house
    }

    fn hire(&mut self, number: u32, now: DateTime<Utc>) {
        let name = Name::any(&mut self.rng);
        let joined_at = self.opened_at + Duration::minutes(self.rng.between(60, 60 * 24 * 20));
        let (role, who) = match number {
            0 => (Role::Admin, "admin".to_owned()),
            1 => (Role::Clinician, "clinician".to_owned()),
            _ if number % 15 == 14 => (Role::Admin, format!("office-{number}")),
            _ => (Role::Clinician, format!("ward-{number}")),
        };
        let account = Account {
            id: self.rng.id(joined_at),
            email: format!("{who}@{}.example", self.slug),
            created_at: joined_at,
        };
        // The first two stay, so that there is somebody to sign in as.
        let left_at = (number % 12 == 11).then(|| now - Duration::hours(self.rng.between(10 * 24, 50 * 24)));
        self.staff.push(Member {
            id: self.rng.id(joined_at),
            account_id: account.id,
            name: name.full(),
            role,
            joined_at,
            left_at,
        });
        self.accounts.push(account);
    }

    fn admit(&mut self, scale: &Scale, mean_stay: f64, horizon: f64, now: DateTime<Utc>) {
        let rng = &mut self.rng;
        let mut stays: Vec<_> = (0..scale.patients)
            .map(|number| {
                let place = number % 20;
                let discharged_at = (place >= 20 - scale.discharged_of_twenty).then(|| {
                    // The square makes recent weeks denser.
                    let ago = rng.unit();
                    now - days(horizon * ago * ago + 0.2)
                });
                let archived_at = discharged_at.filter(|_| place == 19).map(|at| at + (now - at) / 2);
                let length = 0.3 + rng.exponential(mean_stay).min(mean_stay * 6.0);
                (discharged_at.unwrap_or(now) - days(length), discharged_at, archived_at)
            })
            .collect();
        stays.sort_unstable();
        let prefix: String = self.slug.chars().filter(char::is_ascii_alphabetic).take(3).collect();
        let prefix = prefix.to_ascii_uppercase();
        let mut number = 4000;
        self.patients = stays
            .into_iter()
            .map(|(admitted_at, discharged_at, archived_at)| {
                // Records are made to the millisecond, so that the id and the time agree.
                let admitted_at = admitted_at.trunc_subsecs(3);
                number += rng.between(1, 7);
                let contact = Contact::any(rng, number);
                Patient {
                    id: rng.id(admitted_at),
                    mrn: format!("{prefix}-{number:06}"),
                    name: Name::any(rng),
                    date_of_birth: (now - days(365.25 * (18.0 + rng.unit().sqrt() * 80.0))).date_naive(),
                    room: discharged_at.is_none().then(|| room(rng)),
                    phone: contact.phone,
                    email: contact.email,
                    admitted_at,
                    discharged_at,
                    archived_at,
                    profile: Profile::any(rng),
                }
            })
            .collect();
    }
}

struct Contact {
    phone: Option<String>,
    email: Option<String>,
}

impl Contact {
    /// Telephone numbers are from the ranges kept for fiction: Ofcom's for drama, and 555-01xx in North America.
    fn any(rng: &mut Rng, number: i64) -> Self {
        let phone = match rng.below(10) {
            0 => None,
            1..4 => Some(format!("+44 20 7946 0{:03}", rng.below(1000))),
            4..6 => Some(format!("+44 7700 900{:03}", rng.below(1000))),
            _ => Some(format!("+1 {} 555 01{:02}", rng.pick(&[212, 303, 312, 415, 617, 713]), rng.below(100))),
        };
        let email = (!rng.one_in(3))
            .then(|| format!("{}.{number}@mail.example", rng.pick(&["family", "contact", "home", "next-of-kin"])));
        Self { phone, email }
    }
}

/// Such as `3B-12`: floor, ward, room.
fn room(rng: &mut Rng) -> String {
    format!("{}{}-{:02}", rng.between(1, 7), rng.pick(&['A', 'B', 'C', 'D']), rng.between(1, 30))
}

/// A length of time from a number of days.
pub(super) fn days(days: f64) -> Duration {
    Duration::milliseconds((days * 86_400_000.0) as i64)
}
