//! A database of some size, with servers on it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use patient_logger::auth::Passwords;
use patient_logger::config::StoreSettings;
use patient_logger::database::embedded::{self, DATABASE, Embedded};
use patient_logger::database::{Direction, migrate};
use patient_logger::kernel::Clock;
use patient_logger::keys::KeyFile;
use patient_logger::seed::{SeedPlan, seed};
use sea_orm::sqlx::{self, Connection, Executor, PgConnection, types::Uuid};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::load::{self, Seen, Shot};
use crate::plan::Plan;
use crate::report::Served;
use crate::server::{Reads, Server};
use crate::{Result, process};

/// Everybody's.
const PASSWORD: &str = "benchmark-only-password";
/// How long a load goes on before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// Hospitals of every database are alike but for the length of their history, so that pages of any two weigh the same.
const HOSPITALS: u32 = 10;
const PATIENTS_PER_HOSPITAL: u32 = 2_000;
const STAFF_PER_HOSPITAL: u32 = 50;
/// The first hospital has a fifth of all task logs, but at least so many, from which its patients have some each.
const LEAST_IN_FIRST: u32 = 9_000;

/// A database with its servers. Everything it started ends with it.
#[derive(Debug)]
pub(crate) struct Site {
    servers: Vec<(Reads, Server)>,
    superuser: PgConnection,
    runtime: Runtime,
    embedded: Embedded,
    postmaster: u32,
    directory: PathBuf,
    hospitals: Vec<Hospital>,
    /// The database in words.
    pub(crate) about: String,
}

/// A hospital, and who asks there.
#[derive(Clone, Debug)]
pub(crate) struct Hospital {
    pub(crate) id: Uuid,
    pub(crate) slug: String,
    /// The clinician who signs in.
    pub(crate) viewer: Uuid,
}

/// Reads the settings that every start of PostgreSQL heeds from the environment, such as `PG_BIN_DIR`.
#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    store: StoreSettings,
}

impl Site {
    /// Starts the database with so many task logs, made up first if it is not there yet.
    pub(crate) fn open(logs: u32) -> Result<Self> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("workloads-{logs}"));
        let settings = Settings::parse_from(["workloads".as_ref(), "--data-dir".as_ref(), directory.as_os_str()]);
        let embedded = embedded::start(&settings.store.embedded())?;
        if !embedded.is_ours() {
            return Err(format!("another benchmark runs on {}", directory.display()).into());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (superuser, hospitals, backend, about) = runtime.block_on(async {
            migrate(&embedded.owner_url(DATABASE), Direction::Up).await?;
            let mut superuser = PgConnection::connect(&embedded.superuser_url(DATABASE)).await?;
            fill(&mut superuser, &embedded.owner_url(DATABASE), logs)
                .await
                .map_err(|error| format!("{error} (in {})", directory.display()))?;
            superuser.execute(FORGET_EVENTS).await?;
            let hospitals: Vec<(Uuid, String, Uuid)> =
                sqlx::query_as(LONGEST_HISTORY_FIRST).fetch_all(&mut superuser).await?;
            let hospitals = hospitals.into_iter().map(|(id, slug, viewer)| Hospital { id, slug, viewer }).collect();
            let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut superuser).await?;
            let about = sqlx::query_scalar(ABOUT).fetch_one(&mut superuser).await?;
            Ok::<_, Box<dyn std::error::Error>>((superuser, hospitals, backend, about))
        })?;
        let postmaster = process::parent(backend.unsigned_abs()).unwrap_or_default();
        let mut site =
            Self { servers: Vec::new(), superuser, runtime, embedded, postmaster, directory, hospitals, about };
        site.remove_new()?;
        Ok(site)
    }

    /// Starts a server on it.
    pub(crate) fn serve(&mut self, reads: Reads) -> Result<()> {
        let keys = self.directory.join("keys.json");
        KeyFile::new(&keys).read_or_init(Clock::system().now())?;
        self.servers.push((reads, Server::start(&self.app_url(), &keys, reads)?));
        Ok(())
    }

    fn server(&self, reads: Reads) -> Result<&Server> {
        let server = self.servers.iter().find(|(one, _)| *one == reads);
        Ok(&server.ok_or("no server was started")?.1)
    }

    /// Loads a server with a workload: as fast as it answers, or with so many requests a second.
    pub(crate) fn measure(
        &self,
        plan: &Plan,
        reads: Reads,
        connections: u32,
        duration: Duration,
        per_second: Option<f64>,
    ) -> Result<Served> {
        let server = self.server(reads)?;
        let shots = self.shots(server, plan)?;
        let fire =
            |duration| self.runtime.block_on(load::fire(server.address, &shots, connections, duration, per_second));
        fire(WARM_UP)?;
        let times = || {
            let (server, postgres) = (process::cpu(server.id()), process::cpu_with_children(self.postmaster));
            [server, postgres, process::cpu(std::process::id()), process::busy()]
        };
        let before = times();
        let seen = fire(duration)?;
        let after = times();
        let spent = |at: usize| Some(after[at]?.saturating_sub(before[at]?).as_secs_f64());
        let requests = seen.micros.len() as f64;
        let micros = |at: usize| Some(spent(at)? * 1e6 / requests);
        let others = || Some(spent(3)? - spent(0)? - spent(1)? - spent(2)?);
        let processors = std::thread::available_parallelism()?.get() as f64;
        Ok(Served {
            per_second: requests / seen.elapsed.as_secs_f64(),
            p50_ms: seen.percentile(50),
            p99_ms: seen.percentile(99),
            server_us: micros(0),
            postgres_us: micros(1),
            client_us: micros(2),
            others: others().map(|others| others.max(0.0) / seen.elapsed.as_secs_f64() / processors),
            memory_mb: process::memory(server.id()),
        })
    }

    /// Where a server listens, and the requests of a workload for it.
    pub(crate) fn stage(&self, plan: &Plan, reads: Reads) -> Result<(SocketAddr, Vec<Shot>)> {
        let server = self.server(reads)?;
        Ok((server.address, self.shots(server, plan)?))
    }

    /// Loads a server as [`load::fire`] does.
    pub(crate) fn fire(
        &self,
        (address, shots): (SocketAddr, &[Shot]),
        connections: u32,
        duration: Duration,
        per_second: Option<f64>,
    ) -> Result<Seen> {
        self.runtime.block_on(load::fire(address, shots, connections, duration, per_second))
    }

    /// Memory of a server, in megabytes.
    pub(crate) fn memory(&self, reads: Reads) -> Result<f64> {
        process::memory(self.server(reads)?.id()).ok_or_else(|| "the system does not tell the server's memory".into())
    }

    /// The requests of a workload, each answered rightly once.
    fn shots(&self, server: &Server, plan: &Plan) -> Result<Vec<Shot>> {
        let mut tokens = vec![None; self.hospitals.len()];
        let mut shots = Vec::new();
        for call in &plan.calls {
            let token = match &mut tokens[call.hospital] {
                Some(token) => token,
                none => none.insert(self.sign_in(server, call.hospital)?),
            };
            let mut shot = Shot::new(Some(token), plan.workload.document, &call.variables);
            let data = data(&self.runtime.block_on(shot.try_out(server.address))?)?;
            if !(plan.workload.right)(&data) {
                return Err(format!("{} got a wrong answer: {data}", plan.workload.name).into());
            }
            shots.push(shot);
        }
        Ok(shots)
    }

    /// Signs the clinician in. Tokens live an hour at most, so this is done before each measurement.
    fn sign_in(&self, server: &Server, hospital: usize) -> Result<String> {
        const SIGN_IN: &str = "mutation ($input: SignInInput!) { signIn(input: $input) { accessToken } }";
        let slug = &self.hospitals[hospital].slug;
        let input = json!({ "email": format!("clinician@{slug}.example"), "password": PASSWORD, "hospital": slug });
        let mut shot = Shot::new(None, SIGN_IN, &json!({ "input": input }));
        let data = data(&self.runtime.block_on(shot.try_out(server.address))?)?;
        let token = data["signIn"]["accessToken"].as_str();
        Ok(token.ok_or_else(|| format!("nobody could sign in: {data}"))?.to_owned())
    }

    /// Asks the server that records no reads, in one of the hospitals.
    pub(crate) fn ask(&self, hospital: usize, document: &str, variables: &Value) -> Result<Value> {
        let server = self.server(Reads::Unrecorded)?;
        let mut shot = Shot::new(Some(&self.sign_in(server, hospital)?), document, variables);
        data(&self.runtime.block_on(shot.try_out(server.address))?)
    }

    /// Removes what was added to the task logs as they were made up, as if it had never been there.
    pub(crate) fn remove_new(&mut self) -> Result<()> {
        self.runtime.block_on(async {
            // Only what a benchmark creates has a key.
            let removed = self.superuser.execute(REMOVE_NEW).await?;
            if removed.rows_affected() > 0 {
                self.superuser.execute("TRUNCATE idempotency_keys").await?;
                self.superuser.execute("VACUUM (INDEX_CLEANUP ON) task_logs").await?;
            }
            Ok(())
        })
    }

    /// The hospitals, the one with the longest history first.
    pub(crate) fn hospitals(&self) -> &[Hospital] {
        &self.hospitals
    }

    /// To ask PostgreSQL about anything.
    pub(crate) fn superuser(&mut self) -> (&Runtime, &mut PgConnection) {
        (&self.runtime, &mut self.superuser)
    }

    /// The first process of PostgreSQL.
    pub(crate) fn postmaster(&self) -> u32 {
        self.postmaster
    }

    /// The program that PostgreSQL runs from.
    pub(crate) fn program(&self) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/exe", self.postmaster)).ok()
    }

    /// The database as the server's role.
    pub(crate) fn app_url(&self) -> String {
        self.embedded.app_url(DATABASE)
    }

    /// Where everything of this database is kept.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

/// The data of an answer without errors.
fn data(answer: &[u8]) -> Result<Value> {
    let mut answer: Value = serde_json::from_slice(answer)?;
    match answer.get("errors") {
        None => Ok(answer["data"].take()),
        Some(errors) => Err(format!("the server answered with errors: {errors}").into()),
    }
}

const LONGEST_HISTORY_FIRST: &str = "
    SELECT h.id, h.slug, s.id AS viewer FROM hospitals h
    JOIN accounts a ON a.email = 'clinician@' || h.slug || '.example'
    JOIN staff s ON s.hospital_id = h.id AND s.account_id = a.id
    ORDER BY (SELECT count(*) FROM task_logs t WHERE t.hospital_id = h.id) DESC, h.slug";

const ABOUT: &str = "
    SELECT format('PostgreSQL %s, fsync %s, shared_buffers %s',
        current_setting('server_version'), current_setting('fsync'), current_setting('shared_buffers'))";

/// The trail of earlier runs, which would make each run a little slower than the last.
const FORGET_EVENTS: &str = "TRUNCATE audit_events, audit_mentions, audit_seals";

const REMOVE_NEW: &str = "
    DELETE FROM task_logs t USING idempotency_keys k WHERE t.hospital_id = k.hospital_id AND t.id = k.created_id";

/// Makes the data up, unless it is there.
async fn fill(superuser: &mut PgConnection, owner_url: &str, logs: u32) -> Result<()> {
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM task_logs").fetch_one(&mut *superuser).await?;
    if there >= logs.into() {
        return Ok(());
    }
    let hospitals: i64 = sqlx::query_scalar("SELECT count(*) FROM hospitals").fetch_one(&mut *superuser).await?;
    if hospitals > 0 {
        return Err("the database was left half filled: remove its directory".into());
    }
    eprintln!("Making up {logs} task logs, once");
    let password_hash = Passwords::new().hash(PASSWORD).await.map_err(|error| error.message().to_owned())?;
    let first = LEAST_IN_FIRST.max(logs / 5);
    let now = Clock::system().now();
    for (hospitals, task_logs) in [(1, first), (HOSPITALS - 1, logs - first)] {
        let plan = SeedPlan {
            hospitals,
            staff: STAFF_PER_HOSPITAL * hospitals,
            patients: PATIENTS_PER_HOSPITAL * hospitals,
            task_logs,
            number: 1,
            now,
        };
        seed(owner_url, &plan, &password_hash, |_, _| {}).await?;
    }
    // As a database looks that has been in use: otherwise PostgreSQL would tidy up during the measurements.
    superuser.execute("VACUUM ANALYZE").await?;
    superuser.execute("CHECKPOINT").await?;
    Ok(())
}
