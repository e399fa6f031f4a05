//! A database with a long trail, made by the functions that the server calls.

use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use clap::Parser;
use patient_logger::audit::{Shape, event_id};
use patient_logger::auth::Passwords;
use patient_logger::config::StoreSettings;
use patient_logger::database::embedded::{self, DATABASE, Embedded};
use patient_logger::database::{Direction, migrate};
use patient_logger::kernel::Clock;
use patient_logger::seed::{SeedPlan, seed};
use sea_orm::sqlx::{self, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::Result;

/// Everybody's.
pub(crate) const PASSWORD: &str = "benchmark-only-password";
/// How far back the trail goes.
const DAYS: i64 = 300;
const HOSPITALS: u32 = 4;
const STAFF: u32 = 400;
/// In all hospitals together.
const PATIENTS: u32 = 80_000;
/// Events of one commit of the server under load.
const COMMIT: u32 = 250;
/// Events that one call of the keeper's functions takes.
const KEPT: u32 = 20_000;

/// The database with its trail. PostgreSQL ends with it.
pub(crate) struct Trail {
    embedded: Embedded,
    /// The short name of the hospital that owns half of the events.
    pub(crate) slug: String,
    /// Its patients.
    pub(crate) patients: Vec<Uuid>,
    /// Those who work there.
    pub(crate) staff: Vec<Uuid>,
    /// Some of its events.
    pub(crate) some_events: Vec<Uuid>,
}

/// Reads the settings that every start of PostgreSQL heeds from the environment, such as `PG_BIN_DIR`.
#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    store: StoreSettings,
}

/// A hospital that events are made up for.
struct House {
    id: Uuid,
    slug: String,
    staff: Vec<Uuid>,
    patients: Vec<Uuid>,
}

impl Trail {
    /// The trail of so many events in this directory, made up first if it is not there.
    pub(crate) async fn open(directory: &Path, events: u32, sealed_at_once: u32) -> Result<Self> {
        let settings = Settings::parse_from(["trail".as_ref(), "--data-dir".as_ref(), directory.as_os_str()]);
        let embedded = tokio::task::block_in_place(|| embedded::start(&settings.store.embedded()))?;
        if !embedded.is_ours() {
            return Err(format!("another benchmark runs on {}", directory.display()).into());
        }
        migrate(&embedded.owner_url(DATABASE), Direction::Up).await?;
        let mut superuser = PgConnection::connect(&embedded.superuser_url(DATABASE)).await?;
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_events").fetch_one(&mut superuser).await?;
        if there == 0 {
            people(&embedded).await?;
        }
        let mut houses = houses(&mut superuser).await?;
        let app = async || PgConnection::connect(&embedded.app_url(DATABASE)).await;
        if there == 0 {
            write(&mut app().await?, &mut app().await?, &houses, events, sealed_at_once).await?;
        } else if there < events.into() {
            return Err(format!("{} was left half filled: remove it", directory.display()).into());
        }
        // What a run before this one asked was recorded, and its server ended before sealing it.
        let mut keeper = app().await?;
        while keep(&mut keeper, sealed_at_once).await? {}
        keeper.close().await?;
        // As a database looks that has been in use: otherwise PostgreSQL would tidy up during the measurements.
        superuser.execute("VACUUM ANALYZE").await?;
        superuser.execute("CHECKPOINT").await?;
        let House { id, slug, staff, patients } = houses.swap_remove(0);
        let some_events = sqlx::query_scalar(
            "SELECT id FROM audit_events TABLESAMPLE SYSTEM (1) WHERE hospital_id = $1 ORDER BY md5(id::text) LIMIT 1000",
        );
        let some_events = some_events.bind(id).fetch_all(&mut superuser).await?;
        superuser.close().await?;
        Ok(Self { embedded, slug, patients, staff, some_events })
    }

    pub(crate) fn app_url(&self) -> String {
        self.embedded.app_url(DATABASE)
    }

    pub(crate) fn owner_url(&self) -> String {
        self.embedded.owner_url(DATABASE)
    }

    /// The trail in words.
    pub(crate) async fn about(&self) -> Result<String> {
        let mut superuser = PgConnection::connect(&self.embedded.superuser_url(DATABASE)).await?;
        let (seals, gigabytes): (i64, f64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM audit_seals), pg_database_size(current_database()) / 1e9::float8",
        )
        .fetch_one(&mut superuser)
        .await?;
        let major = self.embedded.major_version();
        Ok(format!("{seals} seals, {HOSPITALS} hospitals, one with half of it, {gigabytes:.1} GB, PostgreSQL {major}"))
    }
}

async fn people(embedded: &Embedded) -> Result<()> {
    let plan = SeedPlan {
        hospitals: HOSPITALS,
        staff: STAFF,
        patients: PATIENTS,
        task_logs: 0,
        number: 1,
        now: Clock::system().now(),
    };
    let password_hash = Passwords::new().hash(PASSWORD).await.map_err(|error| error.message().to_owned())?;
    seed(&embedded.owner_url(DATABASE), &plan, &password_hash, |_, _| {}).await?;
    Ok(())
}

async fn houses(superuser: &mut PgConnection) -> Result<Vec<House>> {
    let rows = sqlx::query_as("SELECT id, slug FROM hospitals ORDER BY id").fetch_all(&mut *superuser);
    let mut houses = Vec::new();
    for (id, slug) in rows.await? {
        let staff = sqlx::query_scalar("SELECT id FROM staff WHERE hospital_id = $1 ORDER BY id").bind(id);
        let staff = staff.fetch_all(&mut *superuser).await?;
        let patients = sqlx::query_scalar("SELECT id FROM patients WHERE hospital_id = $1 ORDER BY id").bind(id);
        let patients = patients.fetch_all(&mut *superuser).await?;
        houses.push(House { id, slug, staff, patients });
    }
    Ok(houses)
}

/// Writes so many events through one connection, and through the other seals and posts those of the round before.
async fn write(
    writer: &mut PgConnection,
    keeper: &mut PgConnection,
    houses: &[House],
    events: u32,
    sealed_at_once: u32,
) -> Result<()> {
    let now = Clock::system().now();
    for month in 0..=DAYS / 28 + 1 {
        let time = now - Duration::days(28 * month);
        sqlx::query("SELECT audit_partitions($1)").bind(time).execute(&mut *writer).await?;
    }
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let shape = Shape::new(
        names(&["Query.taskLogs", "TaskLog.description", "TaskLog.patient", "Patient.firstName", "Patient.lastName"]),
        names(&["Patient.contactPhone"]),
    );
    let sql = "SELECT audit_shape($1, $2)";
    sqlx::query(sql).bind(shape.fields()).bind(shape.refused()).execute(&mut *writer).await?;

    let step = Duration::days(DAYS) / i32::try_from(events)?;
    let next = now - Duration::days(DAYS);
    let mut source = Source { houses, shape: shape.id(), number: 1, written: 0, events, next, step };
    while source.written < events {
        eprint!("\r{} of {events} events", source.written);
        let round = async {
            for _ in 0..KEPT / COMMIT {
                source.append(&mut *writer, COMMIT).await?;
            }
            sqlx::Result::Ok(())
        };
        tokio::try_join!(round, keep(&mut *keeper, sealed_at_once))?;
    }
    eprintln!("\r{events} events are there");
    Ok(())
}

/// Seals and posts what is there, as the server's keeper does, but without its rests; whether there was anything.
async fn keep(keeper: &mut PgConnection, sealed_at_once: u32) -> sqlx::Result<bool> {
    let mut call = async |sql: &'static str, batch: u32| {
        sqlx::query_scalar::<_, i32>(sql).bind(i32::try_from(batch).unwrap_or(i32::MAX)).fetch_one(&mut *keeper).await
    };
    let mut any = false;
    for _ in 0..KEPT.div_ceil(sealed_at_once) {
        any |= call("SELECT audit_seal($1, 0)", sealed_at_once).await? > 0;
    }
    Ok(any | (call("SELECT audit_post($1, 0)", KEPT).await? > 0))
}

/// Where events come from: always the same ones, but for their ids.
struct Source<'h> {
    houses: &'h [House],
    shape: Uuid,
    number: u64,
    written: u32,
    events: u32,
    next: DateTime<Utc>,
    step: Duration,
}

impl Source<'_> {
    /// A number below `end` (SplitMix64).
    fn below(&mut self, end: usize) -> usize {
        self.number = self.number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.number;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Four of five events are about one patient, one of twenty about a page of fifty.
    fn patients(&mut self, house: &House) -> Vec<Uuid> {
        let count = match self.below(100) {
            0..80 => 1,
            80..95 => 10,
            _ => 50,
        };
        let mut patients: Vec<Uuid> = (0..count).map(|_| *self.one(&house.patients)).collect();
        patients.sort_unstable();
        patients.dedup();
        patients
    }

    /// Writes the next events with one commit.
    async fn append(&mut self, writer: &mut PgConnection, count: u32) -> sqlx::Result<()> {
        let count = count.min(self.events - self.written);
        let mut rows = Rows::default();
        for _ in 0..count {
            let at = self.next;
            self.next += self.step;
            self.written += 1;
            let half = self.below(2) == 0;
            let houses = self.houses;
            let house = if half { &houses[0] } else { self.one(&houses[1..]) };
            let patients = self.patients(house);
            let staff = *self.one(&house.staff);
            let change = patients.len() == 1 && self.below(5) == 0;
            rows.hospital_ids.push(house.id);
            rows.ats.push(at);
            rows.ids.push(event_id(at));
            rows.request_ids.push(event_id(at));
            rows.actor_ids.push(staff);
            rows.session_ids.push(Uuid::from_u128(staff.as_u128() ^ u128::from(self.written / 1_000)));
            rows.actions.push(if change { "CHANGE" } else { "READ" });
            rows.outcomes.push(match self.below(500) {
                0 => "REFUSED",
                1..10 => "PARTIAL",
                _ => "OK",
            });
            rows.operations.push(if change { "RecordTask" } else { "Ward" });
            rows.subject_ids.push(change.then(|| patients[0]));
            rows.row_counts.push(i32::try_from(patients.len()).unwrap_or(i32::MAX));
            rows.patients_from.push(i32::try_from(rows.patients.len() + 1).unwrap_or(i32::MAX));
            rows.patients.extend(patients);
            rows.patients_to.push(i32::try_from(rows.patients.len()).unwrap_or(i32::MAX));
        }
        let all = |value: &'static str| vec![value; count as usize];
        sqlx::query(
            "SELECT audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        )
        .bind(rows.hospital_ids)
        .bind(rows.ats)
        .bind(rows.ids)
        .bind(rows.request_ids)
        .bind(all("STAFF"))
        .bind(rows.actor_ids)
        .bind(rows.session_ids)
        .bind(all("CLINICIAN"))
        .bind(all("192.0.2.7"))
        .bind(rows.actions)
        .bind(rows.outcomes)
        .bind(rows.operations)
        .bind(vec![self.shape; count as usize])
        .bind(rows.subject_ids)
        .bind(rows.row_counts)
        .bind(rows.patients_from)
        .bind(rows.patients_to)
        .bind(rows.patients)
        .bind(vec![None::<&str>; count as usize])
        .execute(writer)
        .await?;
        Ok(())
    }
}

/// The columns of some events, and the patients of all of them together.
#[derive(Default)]
struct Rows {
    hospital_ids: Vec<Uuid>,
    ats: Vec<DateTime<Utc>>,
    ids: Vec<Uuid>,
    request_ids: Vec<Uuid>,
    actor_ids: Vec<Uuid>,
    session_ids: Vec<Uuid>,
    actions: Vec<&'static str>,
    outcomes: Vec<&'static str>,
    operations: Vec<&'static str>,
    subject_ids: Vec<Option<Uuid>>,
    row_counts: Vec<i32>,
    patients_from: Vec<i32>,
    patients_to: Vec<i32>,
    patients: Vec<Uuid>,
}
