//! A database of some size, with a server on it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use clap::Parser;
use patient_logger::auth::Passwords;
use patient_logger::config::StoreSettings;
use patient_logger::database::embedded::{self, APP_ROLE, DATABASE, Embedded};
use patient_logger::database::{Direction, migrate};
use patient_logger::kernel::{Clock, PatientId};
use patient_logger::seed::{SeedPlan, seed};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::load::{self, Shot};
use crate::report::Served;
use crate::server::Server;
use crate::statements::{self, Statement};
use crate::workloads::{Facts, Workload};
use crate::{Result, process};

/// Everybody's.
const PASSWORD: &str = "benchmark-only-password";
/// How long a load goes on before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// Hospitals of every database are alike but for the length of their history, so that pages of any two weigh the same.
const PATIENTS_PER_HOSPITAL: u32 = 2_000;
const STAFF_PER_HOSPITAL: u32 = 50;

/// A database with its server. Everything it started ends with it.
pub(crate) struct Site {
    server: Option<Server>,
    /// Another on the same database, which records no reads.
    unrecorded: Option<Server>,
    superuser: PgConnection,
    runtime: Runtime,
    embedded: Embedded,
    postmaster: u32,
    directory: PathBuf,
    /// The slugs of the hospitals.
    hospitals: Vec<String>,
    facts: Facts,
}

/// Reads the settings that every start of PostgreSQL heeds from the environment, such as `PG_BIN_DIR`.
#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    store: StoreSettings,
}

impl Site {
    /// Starts the database with so many task logs, made up first if it is not there yet.
    pub(crate) fn open(task_logs: u32) -> Result<Self> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{task_logs}"));
        let settings = Settings::parse_from(["page".as_ref(), "--data-dir".as_ref(), directory.as_os_str()]);
        let embedded = embedded::start(&settings.store.embedded())?;
        if !embedded.is_ours() {
            return Err(format!("another benchmark runs on {}", directory.display()).into());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (superuser, facts, hospitals, backend) = runtime.block_on(async {
            migrate(&embedded.owner_url(DATABASE), Direction::Up).await?;
            let mut superuser = PgConnection::connect(&embedded.superuser_url(DATABASE)).await?;
            fill(&mut superuser, &embedded.owner_url(DATABASE), task_logs)
                .await
                .map_err(|error| format!("{error} (in {})", directory.display()))?;
            let patient = sqlx::query_scalar(PATIENT).fetch_optional(&mut superuser).await?;
            let patient = patient.ok_or_else(|| format!("{task_logs} task logs are too few: no patient has ten"))?;
            let facts = Facts { patient: PatientId(patient).to_string() };
            let hospitals = sqlx::query_scalar(HOSPITALS).fetch_all(&mut superuser).await?;
            let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut superuser).await?;
            Ok::<_, Box<dyn std::error::Error>>((superuser, facts, hospitals, backend))
        })?;
        let postmaster = process::parent(backend.unsigned_abs()).unwrap_or_default();
        Ok(Self {
            server: None,
            unrecorded: None,
            superuser,
            runtime,
            embedded,
            postmaster,
            directory,
            hospitals,
            facts,
        })
    }

    /// What SQL the server sends for each of these workloads, by its first call.
    pub(crate) fn statements(&mut self, workloads: &[&Workload]) -> Result<Vec<Vec<Statement>>> {
        self.log_statements(true)?;
        // What goes beside the requests is nobody's statement.
        self.server = Some(self.server_with(Stdio::inherit(), &[("LOG", "warn"), ("AUDIT_READS", "off")])?);
        let log = self.directory.join("postgres/server.log");
        let tokens = self.sign_in()?;
        let mut found = Vec::new();
        for workload in workloads {
            let shot = self.shots(workload, &tokens)?.swap_remove(0);
            let before = std::fs::read(&log)?.len();
            self.runtime.block_on(load::ask(self.address()?, &shot.request))?;
            found.push(statements::read(&String::from_utf8_lossy(&std::fs::read(&log)?[before..])));
        }
        self.server = None;
        self.log_statements(false)?;
        Ok(found)
    }

    /// Has PostgreSQL log what the server's role sends from its next connection on, or not. The private PostgreSQL never
    /// does otherwise; here is nobody's data.
    fn log_statements(&mut self, on: bool) -> Result<()> {
        for (setting, value) in statements::LOGGING {
            let change = if on { format!("SET {setting} = {value}") } else { format!("RESET {setting}") };
            let alter = AssertSqlSafe(format!("ALTER ROLE {APP_ROLE} {change}"));
            self.runtime.block_on(self.superuser.execute(alter))?;
        }
        Ok(())
    }

    /// Starts the server as it is used.
    pub(crate) fn serve(&mut self) -> Result<()> {
        // Its log lines are made and written; nobody reads them.
        self.server = Some(self.server_with(Stdio::null(), &[])?);
        Ok(())
    }

    /// Starts another server beside it, which records no reads.
    pub(crate) fn serve_unrecorded(&mut self) -> Result<()> {
        self.unrecorded = Some(self.server_with(Stdio::null(), &[("AUDIT_READS", "off")])?);
        Ok(())
    }

    fn server_with(&self, stderr: Stdio, settings: &[(&str, &str)]) -> Result<Server> {
        Server::start(&self.directory, &self.app_url(), stderr, settings)
    }

    /// Lets the two servers change places: the other one is measured then.
    pub(crate) fn change_servers(&mut self) {
        std::mem::swap(&mut self.server, &mut self.unrecorded);
    }

    /// Loads the server with a workload: as fast as it answers, or with so many requests a second.
    pub(crate) fn measure(
        &self,
        workload: &Workload,
        connections: u32,
        duration: Duration,
        per_second: Option<f64>,
    ) -> Result<Served> {
        let server = self.server.as_ref().ok_or("no server was started")?;
        let tokens = self.sign_in()?;
        let fire = |duration| {
            let shots = self.shots(workload, &tokens)?;
            self.runtime.block_on(load::fire(server.address, shots, connections, duration, per_second))
        };
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

    /// The requests of a workload, each answered rightly once.
    fn shots(&self, workload: &Workload, tokens: &[String]) -> Result<Vec<Shot>> {
        let mut shots = Vec::new();
        for call in (workload.calls)(&self.facts) {
            let request = load::request(Some(&tokens[call.hospital]), workload.document, &call.variables);
            let answer = self.runtime.block_on(load::ask(self.address()?, &request))?;
            let parsed: Value = serde_json::from_slice(&answer)?;
            if parsed.get("errors").is_some() || !(workload.right)(&parsed["data"]) {
                return Err(format!("{} got a wrong answer: {parsed}", workload.name).into());
            }
            shots.push(Shot { request, answer_bytes: answer.len() });
        }
        Ok(shots)
    }

    /// Signs a clinician in to each hospital. Tokens live an hour at most, so this is done before each measurement.
    fn sign_in(&self) -> Result<Vec<String>> {
        const SIGN_IN: &str = "mutation ($input: SignInInput!) { signIn(input: $input) { accessToken } }";
        let mut tokens = Vec::new();
        for slug in &self.hospitals {
            let input = json!({ "email": format!("clinician@{slug}.example"), "password": PASSWORD, "hospital": slug });
            let request = load::request(None, SIGN_IN, &json!({ "input": input }));
            let answer: Value = serde_json::from_slice(&self.runtime.block_on(load::ask(self.address()?, &request))?)?;
            let token = answer["data"]["signIn"]["accessToken"].as_str();
            tokens.push(token.ok_or_else(|| format!("nobody could sign in: {answer}"))?.to_owned());
        }
        Ok(tokens)
    }

    fn address(&self) -> Result<SocketAddr> {
        Ok(self.server.as_ref().ok_or("no server was started")?.address)
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

    /// The database in words.
    pub(crate) fn about(&self) -> String {
        let (hospitals, major) = (self.hospitals.len(), self.embedded.major_version());
        format!("{hospitals} hospital{}, PostgreSQL {major}", if hospitals == 1 { "" } else { "s" })
    }
}

/// By age.
const HOSPITALS: &str = "SELECT slug FROM hospitals ORDER BY id";

/// Of the first of these hospitals, see [`Facts::patient`].
const PATIENT: &str = "
    SELECT patient_id FROM task_logs
    WHERE deleted_at IS NULL AND hospital_id = (SELECT id FROM hospitals ORDER BY id LIMIT 1)
    GROUP BY patient_id HAVING count(*) >= 10 ORDER BY max(completed_at) DESC LIMIT 1";

/// Makes the data up, unless it is there.
async fn fill(superuser: &mut PgConnection, owner_url: &str, task_logs: u32) -> Result<()> {
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM task_logs").fetch_one(&mut *superuser).await?;
    if there >= task_logs.into() {
        return Ok(());
    }
    let hospitals: i64 = sqlx::query_scalar("SELECT count(*) FROM hospitals").fetch_one(&mut *superuser).await?;
    if hospitals > 0 {
        return Err("the database was left half filled: remove its directory".into());
    }
    let hospitals = (task_logs / 100_000).clamp(1, 10);
    let plan = SeedPlan {
        hospitals,
        staff: STAFF_PER_HOSPITAL * hospitals,
        patients: PATIENTS_PER_HOSPITAL * hospitals,
        task_logs,
        number: 1,
        now: Clock::system().now(),
    };
    eprintln!("Making up {task_logs} task logs, once");
    let password_hash = Passwords::new().hash(PASSWORD).await.map_err(|error| error.message().to_owned())?;
    seed(owner_url, &plan, &password_hash, |_, _| {}).await?;
    // As a database looks that has been in use: otherwise PostgreSQL would tidy up during the measurements.
    superuser.execute("VACUUM ANALYZE").await?;
    superuser.execute("CHECKPOINT").await?;
    Ok(())
}
