//! What can go wrong on the way to a running server, each with what to do about it.

use std::{io, path::PathBuf};

use crate::packages::PackageError;

/// Why there is no embedded PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error("no PostgreSQL {OLDEST} or newer is installed here, and none could be downloaded: {0}. Install one (Debian: apt install postgresql; Fedora: dnf install postgresql-server postgresql-contrib; macOS: brew install postgresql), name its directory with PG_BIN_DIR, or name a running server with DATABASE_URL", OLDEST = super::binaries::OLDEST)]
    NoBinaries(#[source] PackageError),
    #[error("no PostgreSQL {OLDEST} or newer is installed here, and there is no download for {platform}. Install one, name its directory with PG_BIN_DIR, or name a running server with DATABASE_URL", OLDEST = super::binaries::OLDEST)]
    NoPackage { platform: String },
    #[error("the data in {} was written by PostgreSQL {major}, and no PostgreSQL {major} is installed here. Install it or name its directory with PG_BIN_DIR; or move the data away to start with an empty database", data_dir.display())]
    WrongMajor { data_dir: PathBuf, major: u32 },
    #[error("PG_BIN_DIR={} cannot be used: {reason}. Correct it, or leave it out to search this machine", directory.display())]
    BinDir { directory: PathBuf, reason: String },
    #[error("{}: {source}. The embedded PostgreSQL keeps its data there: make it writable for this user or choose another data directory", path.display())]
    DataDir { path: PathBuf, source: io::Error },
    #[error("{} cannot hold the socket of the embedded PostgreSQL: {reason}. Remove it, or choose a shorter data directory", path.display())]
    SocketDir { path: PathBuf, reason: String },
    #[error("PostgreSQL refuses to run as root: {0}. Run this as an ordinary user, or name a running server with DATABASE_URL")]
    Root(String),
    #[error("{program} could not be started: {source}{hint}")]
    Spawn { program: String, source: io::Error, hint: &'static str },
    #[error("{program} failed ({status}):\n{output}")]
    Command { program: String, status: std::process::ExitStatus, output: String },
    #[error("PostgreSQL did not start; the end of {} says:\n{tail}", log.display())]
    Start { log: PathBuf, tail: String },
    #[error("another process holds {} and its PostgreSQL does not answer. Stop that process, or choose another data directory", data_dir.display())]
    Busy { data_dir: PathBuf },
}
