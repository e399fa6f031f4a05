//! The data directory: its lock, its files, and the server settings.
//!
//! ```text
//! data_dir              locked by the server process itself, see `Home::access`
//!          cluster/     what initdb made; appears by one rename, so it is complete or absent
//!          socket/      only this user can enter
//!          server.log   of this run; server.log.old of the one before
//! ```

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write},
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use rustix::{fs::OFlags, process::geteuid};
use sha2::{Digest, Sha256};

use super::{
    DATABASE, EmbeddedError, POLL, PORT, SUPERUSER, TIMEOUT,
    binaries::Binaries,
    process::{Identity, command},
};

/// The whole path of a socket has at most this many bytes on every system we know (Linux: 107, macOS: 103).
const SOCKET_PATH_MAX: usize = 103;

const ROLES_SQL: &str = include_str!("../roles.sql");

/// A data directory that exists.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) directory: PathBuf,
}

/// How a process may use the data directory.
#[derive(Debug)]
pub(super) enum Access {
    /// The lock is ours: no server runs, and none starts before it is dropped.
    Alone(File),
    /// A server runs that another process started.
    Shared(Live),
}

/// A server that is up, as it describes itself in `postmaster.pid`.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) pid: i32,
    pub(super) socket_dir: PathBuf,
}

impl Home {
    pub(super) fn open(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let failed = |error| EmbeddedError::DataDir(data_dir.to_owned(), error);
        if let Some(parent) = data_dir.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        create_private(data_dir).map_err(failed)?;
        let directory = data_dir.canonicalize().map_err(failed)?;
        if directory.to_str().is_none() {
            return Err(failed(io::Error::other("the path is not UTF-8")));
        }
        Ok(Self { directory })
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.directory.join("cluster")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    pub(super) fn error(&self, source: io::Error) -> EmbeddedError {
        EmbeddedError::DataDir(self.directory.clone(), source)
    }

    /// Waits for the lock on the data directory, or for a server that runs on it.
    ///
    /// The server inherits the lock as its standard input and so do all its children, so it stays taken until the last of
    /// them is gone, whatever happened to the process that started them. Who holds the lock therefore knows that no server
    /// of ours touches the data. `lock` is [`File::try_lock`], or [`File::try_lock_shared`] to read only.
    pub(super) fn access(&self, lock: fn(&File) -> Result<(), TryLockError>) -> Result<Access, EmbeddedError> {
        let directory = File::open(&self.directory).map_err(|source| self.error(source))?;
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match lock(&directory) {
                Ok(()) => return Ok(Access::Alone(directory)),
                Err(TryLockError::Error(source)) => return Err(self.error(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            if let Some(live) = self.live() {
                return Ok(Access::Shared(live));
            }
            if Instant::now() > deadline {
                return Err(EmbeddedError::Busy(self.directory.clone()));
            }
            thread::sleep(POLL);
        }
    }

    /// The major version that wrote the data; none while there is no data.
    pub(super) fn major(&self) -> Result<Option<u32>, EmbeddedError> {
        match fs::read_to_string(self.cluster().join("PG_VERSION")) {
            Ok(text) => {
                let major = text.trim().parse();
                major.map(Some).map_err(|_| self.error(io::Error::other("PG_VERSION is not a number")))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    /// The server on this data directory, once it takes connections.
    pub(super) fn live(&self) -> Option<Live> {
        let text = fs::read_to_string(self.cluster().join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let [pid, _data_dir, _start, port, socket_dir, _address, _memory, "ready", ..] = lines[..] else {
            return None;
        };
        let socket_dir = PathBuf::from(socket_dir);
        UnixStream::connect(socket_dir.join(format!(".s.PGSQL.{port}"))).ok()?;
        Some(Live { pid: pid.parse().ok()?, socket_dir })
    }

    /// A directory for the socket that nobody else can enter: in the data directory, or under the temporary directory
    /// where the path of the data directory is too long for a socket.
    fn socket_dir(&self, identity: Identity) -> Result<PathBuf, EmbeddedError> {
        let fits = |path: &Path| path.as_os_str().len() + format!("/.s.PGSQL.{PORT}").len() <= SOCKET_PATH_MAX;
        let mut path = self.directory.join("socket");
        if !fits(&path) {
            let digest = Sha256::digest(self.directory.as_os_str().as_encoded_bytes());
            let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            path = std::env::temp_dir().join(format!("patient-logger-socket-{name}"));
        }
        let failed = |reason: String| EmbeddedError::SocketDir(path.clone(), reason);
        if !fits(&path) {
            return Err(failed(format!("a socket's path has at most {SOCKET_PATH_MAX} bytes")));
        }
        // In a temporary directory anybody may have been faster, and put a link there or a directory that is open to all.
        let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits().cast_signed();
        let opened = create_private(&path)
            .and_then(|()| File::options().read(true).custom_flags(flags).open(&path))
            .and_then(|directory| Ok((directory.metadata()?, fs::metadata(&self.directory)?.uid(), directory)));
        let (found, owner, directory) = opened.map_err(|error| failed(error.to_string()))?;
        if found.mode() & 0o077 != 0 || ![owner, geteuid().as_raw()].contains(&found.uid()) {
            return Err(failed("it is not a directory of ours that is closed to others".to_owned()));
        }
        identity.give(&directory).map_err(|error| failed(error.to_string()))?;
        Ok(path)
    }

    /// The name under which a cluster is made, cleared of what an earlier attempt left.
    pub(super) fn fresh_cluster(&self) -> io::Result<PathBuf> {
        let fresh = self.directory.join("cluster.new");
        match fs::remove_dir_all(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(fresh),
        }
    }

    /// Makes the cluster unless it is there, and brings the roles up to date. Needs the lock.
    pub(super) fn prepare(&self, binaries: &Binaries, identity: Identity, durable: bool) -> Result<(), EmbeddedError> {
        identity.give_tree(&self.directory).map_err(|source| self.error(source))?;
        let cluster = self.cluster();
        if cluster.exists() {
            return self.apply_roles(&cluster, binaries, identity);
        }
        let fresh = self.fresh_cluster().map_err(|source| self.error(source))?;
        initdb(&fresh, binaries, identity, durable)?;
        self.apply_roles(&fresh, binaries, identity)?;
        fs::rename(&fresh, &cluster)
            .and_then(|()| File::open(&self.directory)?.sync_all())
            .map_err(|source| self.error(source))
    }

    /// Runs the role file unless the cluster has seen this very text.
    fn apply_roles(&self, cluster: &Path, binaries: &Binaries, identity: Identity) -> Result<(), EmbeddedError> {
        let seen = cluster.join("roles.sql");
        if fs::read_to_string(&seen).is_ok_and(|text| text == ROLES_SQL) {
            return Ok(());
        }
        single_user(cluster, DATABASE, ROLES_SQL, binaries, identity)?;
        create_new(&seen, identity)
            .and_then(|mut file| file.write_all(ROLES_SQL.as_bytes()))
            .map_err(|source| self.error(source))
    }

    /// The command that runs the server, which takes the lock along, and the directory of its socket.
    pub(super) fn server(
        &self,
        lock: File,
        binaries: &Binaries,
        identity: Identity,
        durable: bool,
    ) -> Result<(Command, PathBuf), EmbeddedError> {
        let socket_dir = self.socket_dir(identity)?;
        // One log a run, and the one before: it cannot grow for ever, and the reason of a crash survives the restart.
        let path = self.log();
        let log = match fs::rename(&path, path.with_added_extension("old")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => create_new(&path, identity),
        };
        let log = log.map_err(|source| self.error(source))?;
        let mut server = postgres(&self.cluster(), binaries, identity);
        server.arg("-D").arg(self.cluster());
        for (name, value) in settings(&socket_dir, durable) {
            server.arg("-c").arg(format!("{name}={value}"));
        }
        server.stdin(lock).stdout(Stdio::null()).stderr(log);
        Ok((server, socket_dir))
    }

    /// The last lines of the server's log.
    pub(super) fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// Command-line settings: they win over any file, and one place shows them all.
fn settings(socket_dir: &Path, durable: bool) -> Vec<(&'static str, String)> {
    let sync = if durable { "on" } else { "off" };
    // A list, in which a quoted entry may hold commas and spaces.
    let socket_dir = format!("\"{}\"", socket_dir.display().to_string().replace('"', "\"\""));
    let mut settings = vec![
        ("port", PORT.to_string()),
        ("unix_socket_directories", socket_dir),
        ("fsync", sync.to_owned()),
        ("full_page_writes", sync.to_owned()),
    ];
    let fixed = [
        // Without fsync it costs nothing, and the server refuses to work without it.
        ("synchronous_commit", "on"),
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("shared_buffers", "128MB"),
        ("max_connections", "100"),
        ("jit", "off"),
        // No patient data in the log: an ERROR may quote the values it met, DETAIL the row, and a crash its statement. What
        // went wrong in a statement is told to the client anyway. The level `log` keeps what is about the server itself.
        ("log_min_messages", "log"),
        ("log_error_verbosity", "terse"),
        ("log_min_error_statement", "panic"),
        ("log_statement", "none"),
        ("log_min_duration_statement", "-1"),
        ("log_parameter_max_length", "0"),
        ("log_parameter_max_length_on_error", "0"),
        ("log_checkpoints", "off"),
        ("log_destination", "stderr"),
        ("logging_collector", "off"),
    ];
    settings.extend(fixed.map(|(name, value)| (name, value.to_owned())));
    settings
}

fn initdb(cluster: &Path, binaries: &Binaries, identity: Identity, durable: bool) -> Result<(), EmbeddedError> {
    let mut initdb = command(binaries.program("initdb"), identity);
    initdb.arg("-D").arg(cluster).args(["-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--data-checksums"]);
    // Sorted by code point, alike everywhere; upper and lower case as in Unicode, so that "ångström" finds Ångström.
    initdb.args(match binaries.major {
        17.. => ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"].as_slice(),
        _ if cfg!(target_os = "macos") => &["--lc-ctype=UTF-8"],
        _ => &["--lc-ctype=C.UTF-8"],
    });
    // The socket's directory decides who comes in. Small WAL files: the data directory starts with 29 instead of 45 MB.
    initdb.args(["--auth-local=trust", "--auth-host=reject", "--wal-segsize=1", "--no-instructions"]);
    if !durable {
        initdb.arg("--no-sync");
    }
    run(initdb, "initdb", "")?;
    single_user(cluster, "postgres", &format!("CREATE DATABASE {DATABASE};\n\n"), binaries, identity)
}

/// `postgres` for this cluster.
///
/// A killed server leaves `postmaster.pid` behind, and the number in it may by now belong to somebody else; in a container
/// it nearly always does. PostgreSQL would then think that it runs already. This variable, by which `pg_ctl` tells it of an
/// innocent process, makes it look at its shared memory instead: a server that really runs still keeps it from starting.
fn postgres(cluster: &Path, binaries: &Binaries, identity: Identity) -> Command {
    let mut postgres = command(binaries.program("postgres"), identity);
    if let Ok(text) = fs::read_to_string(cluster.join("postmaster.pid"))
        && let Some(pid) = text.lines().next()
    {
        postgres.env("PG_GRANDPARENT_PID", pid);
    }
    postgres
}

/// Runs statements, each ended by a blank line, without a server and without a client.
fn single_user(
    cluster: &Path,
    database: &str,
    sql: &str,
    binaries: &Binaries,
    identity: Identity,
) -> Result<(), EmbeddedError> {
    let mut postgres = postgres(cluster, binaries, identity);
    postgres.args(["--single", "-j", "-c", "exit_on_error=true", "-c", "log_checkpoints=off", "-D"]);
    postgres.arg(cluster).arg(database);
    run(postgres, "postgres --single", sql)
}

fn run(mut command: Command, program: &'static str, input: &str) -> Result<(), EmbeddedError> {
    let spawn = |error| EmbeddedError::Spawn(program, error);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(spawn)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ended early tells why by itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(spawn)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(EmbeddedError::Command(program, output.status, said))
}

/// Creates a directory that is closed to others; one that exists is left as it is.
fn create_private(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A new file in the place of whatever is there. It never writes through a link: as root we may work in a directory that
/// belongs to another account.
fn create_new(path: &Path, identity: Identity) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = File::create_new(path)?;
    identity.give(&file).map(|()| file)
}
