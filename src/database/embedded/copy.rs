//! Copying a cluster that is not running: how each test process gets a fresh server in a fraction of a second.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use super::{
    EmbeddedError,
    cluster::{Access, Home},
};

/// Copies the cluster of the data directory `from`, which must not be running, into the new data directory `to`.
///
/// Where the file system can share blocks between files, nothing is really copied. Any number of processes may copy the
/// same cluster at once.
///
/// # Errors
/// When a server runs on `from`, when `to` has a cluster already, or when a file cannot be read or written.
pub fn copy_cluster(from: &Path, to: &Path) -> Result<(), EmbeddedError> {
    let (from, to) = (Home::open(from)?, Home::open(to)?);
    let Access::Alone(_lock) = from.access(File::try_lock_shared)? else {
        return Err(EmbeddedError::Busy(from.directory));
    };
    if to.cluster().exists() {
        return Err(to.error(io::Error::other("it has a cluster already")));
    }
    to.fresh_cluster()
        .and_then(|fresh| copy_tree(&from.cluster(), &fresh).and_then(|()| fs::rename(fresh, to.cluster())))
        .map_err(|source| to.error(source))
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    // PostgreSQL wants its directories closed to others.
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
