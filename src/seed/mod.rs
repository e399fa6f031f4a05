//! What the command line writes: made-up hospitals in bulk, the demo, the onboarding of a real one, registered documents.
//!
//! - [`seed()`] adds hospitals full of believable made-up data, as many as a benchmark wants;
//! - [`demo()`] adds the two hospitals of the demo, once;
//! - [`create_hospital`] onboards a hospital with its first administrator;
//! - [`register_documents`] and its like write which documents clients may send.
//!
//! All of them log in as the owner of the tables, whom the hospital wall holds as well; `writer.rs` has all the SQL and
//! says how. What is made up comes from a number and from `now`: the same two give the same data, with ids (UUIDv7) in
//! the order of time. Names are in `words.rs`, what is written about patients in `clinical.rs`, people in `people.rs`,
//! their days in `history.rs`.
//!
//! To make up data for a new table: its rows in `people.rs` or `history.rs`, its `INSERT` in `writer.rs`, its name in
//! [`TABLES`].

mod clinical;
mod demo;
mod documents;
mod error;
mod history;
mod onboarding;
mod partner;
mod people;
mod rng;
#[cfg(test)]
mod tests;
mod words;
mod writer;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use demo::{DEMO_PASSWORD, DEMO_PEOPLE, DemoPerson, demo};
pub use documents::{NewDocument, RegisteredDocument, register_documents, registered_documents, remove_document};
pub use error::SeedError;
pub use onboarding::{NewHospital, Onboarded, create_hospital};
pub use partner::{DEMO_PARTNER_HOSPITAL, demo_partner_key};

use crate::kernel::HospitalId;
use history::History;
use people::{House, Scale};

/// How much to make up. The numbers of people and task logs are totals, spread evenly over the hospitals.
#[derive(Clone, Debug)]
pub struct SeedPlan {
    /// Hospitals to add.
    pub hospitals: u32,
    /// Members of staff in all of them together, at least two for each.
    pub staff: u32,
    /// Patients in all of them together.
    pub patients: u32,
    /// Task logs in all of them together.
    pub task_logs: u32,
    /// The number that everything is made up from: another one gives other data.
    pub number: u64,
    /// When the history ends. Nothing is later.
    pub now: DateTime<Utc>,
}

/// What was added.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// The hospitals. In each, `admin@<slug>.example` and `clinician@<slug>.example` can sign in.
    pub hospitals: Vec<SeededHospital>,
    /// Rows of staff, patients and task logs.
    pub rows: u64,
}

/// A hospital that was added.
#[derive(Clone, Debug)]
pub struct SeededHospital {
    /// Its id.
    pub id: HospitalId,
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// Hospitals are written by this many connections at a time. Each hospital has one only: two that write for the same
/// patients and staff would have to keep account of each other's locks on them.
const CONNECTIONS: usize = 2;

/// The tables that rows are added to.
const TABLES: &str = "accounts, hospitals, staff, patients, task_logs, task_log_revisions";

/// Adds hospitals with believable made-up data. Everybody's password is the one behind `password_hash`.
///
/// `progress` is told how many rows there are, of how many. People are written in one transaction, task logs in many: when
/// it fails halfway, what is there stays.
///
/// # Errors
/// See [`SeedError`]; each says what to do.
pub async fn seed(
    owner_url: &str,
    plan: &SeedPlan,
    password_hash: &str,
    mut progress: impl FnMut(u64, u64),
) -> Result<Seeded, SeedError> {
    plan.check()?;
    let mut connection = writer::connect(owner_url).await?;
    let houses = people(&mut connection, plan, password_hash).await?;
    let name =
        |house: &House| SeededHospital { id: HospitalId(house.id), slug: house.slug.clone(), name: house.name.clone() };
    let hospitals = houses.iter().map(name).collect();

    let total = u64::from(plan.staff) + u64::from(plan.patients) + u64::from(plan.task_logs);
    let mut done = total - u64::from(plan.task_logs);
    progress(done, total);
    let (sender, mut written) = mpsc::unbounded_channel();
    let houses = Arc::new(Mutex::new(VecDeque::from(houses)));
    // Dropping the set ends the others when one has failed.
    let mut writers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let work = histories(owner_url.to_owned(), houses.clone(), plan.now(), sender.clone());
        let sender = sender.clone();
        writers.spawn(async move {
            if let Err(error) = work.await {
                // Without a receiver there is nobody left to tell.
                let _ = sender.send(Err(error));
            }
        });
    }
    drop(sender);
    while let Some(rows) = written.recv().await {
        done += rows?;
        progress(done, total);
    }
    writers.join_all().await;

    // Otherwise the planner does not know the tables, and autovacuum begins its work in the middle of a benchmark.
    connection.execute(AssertSqlSafe(format!("VACUUM (ANALYZE) {TABLES}"))).await?;
    connection.close().await?;
    Ok(Seeded { hospitals, rows: done })
}

impl SeedPlan {
    fn check(&self) -> Result<(), SeedError> {
        if self.hospitals == 0 {
            return Err(SeedError::Plan("there is nothing to add. Ask for at least one hospital"));
        }
        if u64::from(self.staff) < 2 * u64::from(self.hospitals) {
            return Err(SeedError::Plan(
                "too few staff: each hospital needs an administrator and a clinician. The number is for all hospitals together",
            ));
        }
        if self.task_logs > 0 && self.patients < self.hospitals {
            return Err(SeedError::Plan(
                "too few patients: with task logs, each hospital needs one. The number is for all hospitals together",
            ));
        }
        Ok(())
    }

    /// To the microsecond, as PostgreSQL stores it.
    fn now(&self) -> DateTime<Utc> {
        self.now.trunc_subsecs(6)
    }

    /// The hospital's share of each total. The first ones take what is left over.
    fn scale(&self, hospital: u32) -> Scale {
        let share = |total: u32| total / self.hospitals + u32::from(hospital < total % self.hospitals);
        Scale {
            staff: share(self.staff),
            patients: share(self.patients),
            task_logs: share(self.task_logs),
            discharged_of_twenty: 14,
        }
    }
}

/// The hospitals, their staff and their patients.
async fn people(connection: &mut PgConnection, plan: &SeedPlan, password_hash: &str) -> Result<Vec<House>, SeedError> {
    let mut tx = connection.begin().await?;
    tx.execute("SET LOCAL synchronous_commit = off").await?;
    writer::lock(&mut tx).await?;
    let mut taken: HashSet<_> = writer::slugs(&mut tx).await?.into_iter().collect();
    let mut houses = Vec::new();
    for hospital in 0..plan.hospitals {
        let (slug, name, zone) = free_place(hospital as usize, &mut taken);
        houses.push(House::new(&slug, &name, zone, &plan.scale(hospital), plan.number, plan.now()));
    }
    let accounts: Vec<_> = houses.iter().flat_map(|house| &house.accounts).collect();
    for accounts in accounts.chunks(writer::BATCH) {
        writer::accounts(&mut tx, accounts, password_hash).await?;
    }
    for house in &houses {
        writer::enter_hospital(&mut tx, house.id).await?;
        writer::hospital(&mut tx, house).await?;
        writer::patients(&mut tx, house).await?;
    }
    // The triggers of task_logs look patients and staff up: their plans are made for tables of this size.
    tx.execute("ANALYZE staff, patients").await?;
    tx.commit().await?;
    Ok(houses)
}

/// A slug that is free, with the name and the time zone that go with it.
fn free_place(hospital: usize, taken: &mut HashSet<String>) -> (String, String, Tz) {
    let (place, kind, zone) = words::HOSPITALS[hospital % words::HOSPITALS.len()];
    let slug = place.to_lowercase().replace(' ', "-");
    let zone = zone.parse().unwrap_or(Tz::UTC);
    if taken.insert(slug.clone()) {
        return (slug, format!("{place} {kind}"), zone);
    }
    let mut number = 2;
    while !taken.insert(format!("{slug}-{number}")) {
        number += 1;
    }
    (format!("{slug}-{number}"), format!("{place} {kind} {number}"), zone)
}

/// Writes the histories of hospitals, one after the other, until there is none left.
async fn histories(
    owner_url: String,
    houses: Arc<Mutex<VecDeque<House>>>,
    now: DateTime<Utc>,
    written: mpsc::UnboundedSender<Result<u64, SeedError>>,
) -> Result<(), SeedError> {
    let next = || houses.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let mut connection = writer::connect(&owner_url).await?;
    while let Some(house) = next() {
        let mut history = History::new(&house, now);
        while let Some(batch) = history.batch(writer::BATCH) {
            let mut tx = connection.begin().await?;
            // Made-up data need not survive a crash of the machine in the next second.
            tx.execute("SET LOCAL synchronous_commit = off").await?;
            writer::enter_hospital(&mut tx, house.id).await?;
            writer::task_logs(&mut tx, house.id, &batch).await?;
            tx.commit().await?;
            let _ = written.send(Ok(batch.ids.len() as u64));
        }
    }
    connection.close().await?;
    Ok(())
}
