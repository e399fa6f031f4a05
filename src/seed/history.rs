//! The task logs of a hospital: what was done, in the order in which it was written down.

use chrono::{DateTime, Duration, DurationRound, NaiveTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::clinical;
use super::people::{House, Patient};
use super::rng::Rng;
use crate::kernel::Role;

/// Task logs as columns, the form in which PostgreSQL takes many rows at once, and changes to some of them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) ids: Vec<Uuid>,
    pub(super) patients: Vec<Uuid>,
    pub(super) clinicians: Vec<Uuid>,
    pub(super) kinds: Vec<&'static str>,
    pub(super) descriptions: Vec<String>,
    pub(super) notes: Vec<Option<String>>,
    pub(super) completed: Vec<DateTime<Utc>>,
    pub(super) recorded: Vec<DateTime<Utc>>,
    pub(super) changes: Changes,
}

/// Later versions of task logs; `None` keeps what was there.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) ids: Vec<Uuid>,
    pub(super) descriptions: Vec<Option<String>>,
    pub(super) completed: Vec<Option<DateTime<Utc>>>,
    pub(super) deleted: Vec<Option<DateTime<Utc>>>,
    pub(super) by: Vec<Uuid>,
    pub(super) at: Vec<DateTime<Utc>>,
    pub(super) reasons: Vec<&'static str>,
}

/// Tells a hospital's history from its beginning to `now`.
#[derive(Debug)]
pub(super) struct History<'a> {
    house: &'a House,
    rng: Rng,
    now: DateTime<Utc>,
    clinicians: Vec<usize>,
    admins: Vec<usize>,
    moments: std::vec::IntoIter<Moment>,
}

#[derive(Debug)]
struct Moment {
    recorded: DateTime<Utc>,
    completed: DateTime<Utc>,
    patient: usize,
}

impl<'a> History<'a> {
    /// The history of a hospital that has a patient and a clinician.
    pub(super) fn new(house: &'a House, now: DateTime<Utc>) -> Self {
        let mut rng = house.rng.clone();
        let of_role = |role| (0..house.staff.len()).filter(|&at| house.staff[at].role == role).collect();
        let mut moments = moments(house, &mut rng, now);
        moments.sort_unstable_by_key(|moment| (moment.recorded, moment.patient));
        Self {
            house,
            rng,
            now,
            clinicians: of_role(Role::Clinician),
            admins: of_role(Role::Admin),
            moments: moments.into_iter(),
        }
    }

    /// The next task logs, none at the end.
    pub(super) fn batch(&mut self, size: usize) -> Option<Batch> {
        let mut batch = Batch::default();
        while batch.ids.len() < size {
            let Some(moment) = self.moments.next() else { break };
            self.write(moment, &mut batch);
        }
        (!batch.ids.is_empty()).then_some(batch)
    }

    fn write(&mut self, Moment { recorded, completed, patient: number }: Moment, batch: &mut Batch) {
        let rng = &mut self.rng;
        let patient = &self.house.patients[number];
        let id = rng.id(recorded);
        // Mostly the four who look after this patient.
        let of_the_team = if rng.one_in(4) { rng.below(self.clinicians.len()) } else { number * 3 + rng.below(4) };
        let clinician = (of_the_team..)
            .map(|at| &self.house.staff[self.clinicians[at % self.clinicians.len()]])
            .find(|member| member.left_at.is_none_or(|left| left > recorded))
            .unwrap_or(&self.house.staff[self.clinicians[0]]);
        let kind = clinical::kind(rng);
        let changed_at = recorded + Duration::seconds(rng.between(120, 30 * 3600));
        let description = patient.profile.describe(kind, rng);
        if rng.one_in(160) && changed_at < self.now {
            let another = |rng: &mut Rng| patient.profile.describe(kind, rng);
            let corrected = clinical::retyped(&description)
                .or_else(|| (0..8).map(|_| another(rng)).find(|text| first_word(text) != first_word(&description)));
            let has_left = clinician.left_at.is_some_and(|left| left <= changed_at);
            let by_admin = has_left || rng.one_in(3);
            let by = if by_admin { &self.house.staff[rng.pick(&self.admins)] } else { clinician };
            let earlier = (completed - Duration::minutes(5)).max(patient.admitted_at);
            batch.changes.add(id, earlier, corrected, by.id, changed_at);
        }
        batch.ids.push(id);
        batch.patients.push(patient.id);
        batch.clinicians.push(clinician.id);
        batch.kinds.push(kind);
        batch.descriptions.push(description);
        batch.notes.push(clinical::notes(kind, rng));
        batch.completed.push(completed);
        batch.recorded.push(recorded);
    }
}

impl Changes {
    /// Another time, another text, or gone.
    fn add(&mut self, id: Uuid, earlier: DateTime<Utc>, corrected: Option<String>, by: Uuid, at: DateTime<Utc>) {
        let (mut description, mut completed, mut deleted) = (None, None, None);
        // The seconds are as good as random here.
        let reason = match (at.timestamp() % 4, corrected) {
            (0, _) => {
                deleted = Some(at);
                "Written down for the wrong patient"
            }
            (1, _) | (_, None) => {
                completed = Some(earlier);
                "Wrong time: it was done a little earlier"
            }
            (_, Some(text)) => {
                let is_reading = text.starts_with("BP ");
                description = Some(text);
                if is_reading { "Blood pressure mistyped" } else { "Wrong line chosen from the list" }
            }
        };
        self.ids.push(id);
        self.descriptions.push(description);
        self.completed.push(completed);
        self.deleted.push(deleted);
        self.by.push(by);
        self.at.push(at);
        self.reasons.push(reason);
    }
}

fn first_word(text: &str) -> Option<&str> {
    text.split(' ').next()
}

/// Shares the task logs among the patients by the length of their stays.
fn moments(house: &House, rng: &mut Rng, now: DateTime<Utc>) -> Vec<Moment> {
    let total: i64 = house.patients.iter().map(|patient| stay(patient, now)).sum();
    let (mut so_far, mut given) = (0_i64, 0_i64);
    let mut moments = Vec::with_capacity(house.task_logs as usize);
    for (number, patient) in house.patients.iter().enumerate() {
        so_far += stay(patient, now);
        // Shares of the running sum, so that the rounding adds up to the number asked for.
        let due = (i128::from(house.task_logs) * i128::from(so_far) / i128::from(total.max(1))) as i64;
        for _ in given..due {
            let completed =
                during_a_round(rng, house.time_zone, patient.admitted_at, patient.discharged_at.unwrap_or(now));
            let delay = Duration::milliseconds(rng.between(20_000, 25 * 60_000));
            moments.push(Moment { completed, recorded: (completed + delay).min(now), patient: number });
        }
        given = due;
    }
    moments
}

fn stay(patient: &Patient, now: DateTime<Utc>) -> i64 {
    (patient.discharged_at.unwrap_or(now) - patient.admitted_at).num_minutes().max(1)
}

/// A minute within a stay, at the hours at which a ward is busy.
fn during_a_round(rng: &mut Rng, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> DateTime<Utc> {
    let between = |rng: &mut Rng| from + Duration::seconds(rng.between(0, (to - from).num_seconds().max(0)));
    for _ in 0..4 {
        let day = between(rng).with_timezone(&zone).date_naive();
        let (hour, minutes) = rng.pick(ROUNDS);
        // Two halves, so that the middle of a round is its busiest part.
        let minute = hour * 60 + rng.between(0, minutes / 2) + rng.between(0, minutes / 2);
        let time = NaiveTime::MIN + Duration::minutes(minute);
        // An hour that summer time leaves out gives no answer: try again.
        let at = day.and_time(time).and_local_timezone(zone).earliest().map(|at| at.to_utc());
        if let Some(at) = at.filter(|at| (from..=to).contains(at)) {
            return at;
        }
    }
    let at = between(rng);
    at.duration_trunc(Duration::minutes(1)).unwrap_or(at).max(from)
}

/// Hour at which a round begins, and its length in minutes; one that is here twice is twice as busy.
const ROUNDS: &[(i64, i64)] = &[
    (7, 180),
    (7, 180),
    (7, 180),
    (8, 240),
    (11, 150),
    (12, 120),
    (12, 150),
    (14, 180),
    (17, 180),
    (18, 150),
    (20, 150),
    (20, 150),
    (22, 110),
    (0, 120),
    (3, 150),
    (5, 120),
];
