//! Copying a cluster that is not running: how each test process gets a fresh server in a fraction of a second.

use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path};

use super::{EmbeddedError, cluster::Home};

/// Copies the cluster of the data directory `from`, which must not be running, into the new data directory `to`.
///
/// Where the file system can share blocks between files, nothing is really copied. Any number of processes may copy the
/// same cluster at once.
///
/// # Errors
/// When a server runs on `from`, when `to` has a cluster already, or when a file cannot be read or written.
pub fn copy_cluster(from: &Path, to: &Path) -> Result<(), EmbeddedError> {
    let (from, to) = (Home::open(from)?, Home::open(to)?);
    let lock = from.lock_file()?;
    if lock.try_lock_shared().is_err() {
        return Err(EmbeddedError::Busy { data_dir: from.directory });
    }
    let (cluster, fresh) = (to.cluster(), to.directory.join("cluster.new"));
    if cluster.exists() {
        return Err(to.error(io::ErrorKind::AlreadyExists.into()));
    }
    copy_tree(&from.cluster(), &fresh).and_then(|()| fs::rename(&fresh, cluster)).map_err(|source| to.error(source))
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    // PostgreSQL wants its directories closed to others.
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, target) = (entry?, to.join("x"));
        let target = target.with_file_name(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
