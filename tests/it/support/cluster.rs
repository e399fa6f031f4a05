//! One PostgreSQL for the test process, one database for each test.
//!
//! `TEST_DATABASE_URL` names a superuser of a PostgreSQL to use. Without it a private one is started: its files are made
//! once for the machine, under `target`, and copied for each process.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use patient_logger::database::embedded::{self, APP_ROLE, Embedded, OWNER_ROLE, Options};
use patient_logger::database::{Direction, migrate};
use patient_logger::packages::Packages;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::sync::OnceCell;

enum Cluster {
    Private(Embedded),
    Given(String),
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A directory for one test, empty.
pub fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// A database that nobody else uses.
#[derive(Clone)]
pub struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// One with all tables, and nothing in them.
    pub async fn migrated() -> Self {
        let template = TEMPLATE.get_or_init(template).await;
        Self::create(template).await
    }

    /// One with the roles' rights and no table.
    pub async fn empty() -> Self {
        let database = Self::create("template0").await;
        run(&database.superuser_url(), include_str!("../../../src/database/roles.sql")).await;
        database
    }

    /// One with everything that is in this one now. Whoever is connected to this one is sent away for it.
    pub async fn copy(&self) -> Self {
        let away = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", self.name);
        run(&url("postgres", None), &away).await;
        Self::create(&self.name).await
    }

    /// Sets this for all connections to come.
    pub async fn set(&self, name: &str, value: &str) {
        run(&url("postgres", None), &format!("ALTER DATABASE {} SET {name} = '{value}'", self.name)).await;
    }

    async fn create(template: &str) -> Self {
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        // A copy has the tables of its template, but not the rights on the database itself.
        for statement in [
            format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER_ROLE}"),
            format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
            format!("GRANT CONNECT ON DATABASE {name} TO {OWNER_ROLE}, {APP_ROLE}"),
        ] {
            run(&url("postgres", None), &statement).await;
        }
        Self { name }
    }

    pub fn app_url(&self) -> String {
        url(&self.name, Some(APP_ROLE))
    }

    pub fn owner_url(&self) -> String {
        url(&self.name, Some(OWNER_ROLE))
    }

    pub fn superuser_url(&self) -> String {
        url(&self.name, None)
    }

    /// A connection as the server's role.
    pub async fn app(&self) -> PgConnection {
        connect(&self.app_url()).await
    }

    /// A connection as the owner.
    pub async fn owner(&self) -> PgConnection {
        connect(&self.owner_url()).await
    }

    /// A connection above every wall: for looking at what really is there.
    pub async fn superuser(&self) -> PgConnection {
        connect(&self.superuser_url()).await
    }
}

pub async fn connect(url: &str) -> PgConnection {
    PgConnection::connect_with(&PgConnectOptions::from_str(url).unwrap()).await.unwrap()
}

async fn run(url: &str, sql: &str) {
    let mut connection = connect(url).await;
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

async fn template() -> String {
    let database = TestDatabase::empty().await;
    migrate(&database.owner_url(), Direction::Up).await.unwrap();
    database.name
}

fn url(database: &str, role: Option<&str>) -> String {
    match CLUSTER.get_or_init(start) {
        Cluster::Private(server) => match role {
            Some(OWNER_ROLE) => server.owner_url(database),
            Some(_) => server.app_url(database),
            None => server.superuser_url(database),
        },
        Cluster::Given(superuser) => {
            let mut url = url::Url::parse(superuser).unwrap();
            url.set_path(database);
            if let Some(role) = role {
                // The given server has to let these roles in, as `trust` on a socket or a loopback address does.
                url.set_username(role).unwrap();
            }
            url.into()
        }
    }
}

fn start() -> Cluster {
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        return Cluster::Given(url);
    }
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let packages = Packages { cache_dir: root.join("packages"), registry: None, downloads: true };
    let options = |directory: PathBuf| Options { durable: false, ..Options::new(directory, packages.clone()) };
    // Made anew when the way of making it changes.
    let made_by =
        [include_str!("../../../src/database/embedded/cluster.rs"), include_str!("../../../src/database/roles.sql")];
    let seed = root.join(format!("seed-{:x}", hash(&made_by)));
    embedded::initialise(&options(seed.clone())).unwrap_or_else(|error| panic!("{error}"));
    sweep(root);
    let own = root.join(format!("cluster-{}", std::process::id()));
    embedded::copy_cluster(&seed, &own).unwrap();
    Cluster::Private(embedded::start(&options(own)).unwrap_or_else(|error| panic!("{error}")))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Removes what earlier test processes left behind. Their servers ended with them.
fn sweep(root: &Path) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("cluster-").and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
