//! What can go wrong on the way to a running server, each with what to do about it.

use std::{
    env::consts::{ARCH, OS},
    io,
    path::PathBuf,
    process::ExitStatus,
};

use crate::packages::PackageError;

/// Why there is no embedded PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The programs are neither installed nor to be had.
    #[error(
        "{0} is not installed here and could not be downloaded: {1}. Install it (Debian: apt install postgresql; \
         Fedora: dnf install postgresql-server postgresql-contrib; macOS: brew install postgresql), name its directory \
         with PG_BIN_DIR, or name a running server with DATABASE_URL"
    )]
    NoBinaries(String, #[source] PackageError),

    /// The programs are not installed, and nobody packs them for this platform.
    #[error(
        "{0} is not installed here, and there is no download for {OS} on {ARCH}. Install it, name its directory with \
         PG_BIN_DIR, or name a running server with DATABASE_URL"
    )]
    NoPackage(String),

    /// There is data, and no PostgreSQL of the major version that wrote it.
    #[error(
        "the data in {path} was written by PostgreSQL {1}, and no PostgreSQL {1} is installed here. Install it or name its \
         directory with PG_BIN_DIR; or move the data away to start with an empty database",
        path = .0.display()
    )]
    WrongMajor(PathBuf, u32),

    /// These programs do not do.
    #[error(
        "the PostgreSQL in {path} cannot be used: {1}. Name another with PG_BIN_DIR, or a running server with DATABASE_URL",
        path = .0.display()
    )]
    Unusable(PathBuf, String),

    /// The data directory cannot be read or written.
    #[error(
        "{path}: {1}. The embedded PostgreSQL keeps its data there: make it writable for this user or choose another data \
         directory",
        path = .0.display()
    )]
    DataDir(PathBuf, #[source] io::Error),

    /// There is no safe place for the socket.
    #[error(
        "{path} cannot hold the socket of the embedded PostgreSQL: {1}. Remove it, or choose a shorter data directory",
        path = .0.display()
    )]
    SocketDir(PathBuf, String),

    /// This is root, and neither way around works.
    #[error(
        "PostgreSQL refuses to run as root, and there is no way around it here: {0}. Run this as an ordinary user, \
         choose a data directory that every account can reach, or name a running server with DATABASE_URL"
    )]
    Root(String),

    /// A program could not be run at all.
    #[error("{0} could not be started: {1}")]
    Spawn(&'static str, #[source] io::Error),

    /// A program ran and failed; the last part is what it said.
    #[error("{0} failed ({1}):\n{2}")]
    Command(&'static str, ExitStatus, String),

    /// The server ended, or took too long; the last part is the end of its log.
    #[error("PostgreSQL did not start; the end of {path} says:\n{1}", path = .0.display())]
    Start(PathBuf, String),

    /// Somebody else works on the data directory and does not come to an end.
    #[error("another process uses {path}. Stop it, or choose another data directory", path = .0.display())]
    Busy(PathBuf),
}
