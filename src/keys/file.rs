use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{KeyError, KeyRing, Keys};

/// How often a server looks whether the file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The file with the keys of an installation.
#[derive(Clone, Debug)]
pub struct KeyFile(PathBuf);

/// Why the keys of a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("the key file {0} cannot be used: {1}")]
    Io(String, Error),
    /// It holds something else.
    #[error("{0} is not a set of keys: {1}. `patient-logger keys init --keys-file …` makes a new one")]
    NotASet(String, KeyError),
    /// It is there.
    #[error("the key file {0} exists: its keys may be in use, so it is left as it is")]
    Exists(String),
    /// It cannot be changed like that.
    #[error("{0}")]
    Change(KeyError),
}

impl KeyFile {
    /// The file at this place, there or not.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// When there is no such file, or it holds something else.
    pub fn read(&self) -> Result<KeyRing, KeyFileError> {
        let text = std::fs::read_to_string(&self.0).map_err(|error| self.failed(error))?;
        self.parse(&text)
    }

    /// Makes the file with new keys, readable by its owner only. Of two processes that do so at once, one makes it.
    ///
    /// # Errors
    /// When it is there, or cannot be written.
    pub fn init(&self, now: DateTime<Utc>) -> Result<KeyRing, KeyFileError> {
        let ring = KeyRing::random(Some(now));
        let made = self.write_beside(&ring, |_| Ok(())).and_then(|beside| {
            // A link, unlike a rename, leaves alone what is there.
            let linked = std::fs::hard_link(&beside, &self.0);
            std::fs::remove_file(&beside)?;
            linked?;
            self.sync_directory()
        });
        match made {
            Ok(()) => Ok(ring),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(KeyFileError::Exists(self.name())),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Reads the keys, which are made if the file is missing.
    ///
    /// # Errors
    /// As [`KeyFile::read`] and [`KeyFile::init`].
    pub fn read_or_init(&self, now: DateTime<Utc>) -> Result<KeyRing, KeyFileError> {
        if !self.0.exists() {
            match self.init(now) {
                Err(KeyFileError::Exists(_)) => {}
                made => return made,
            }
        }
        self.read()
    }

    /// Changes the keys. Whoever else changes them waits; whoever reads finds the old file or the new one, whole; and a
    /// crash leaves one of the two.
    ///
    /// # Errors
    /// When the change is refused, or the file cannot be read or written.
    pub fn change(&self, change: impl FnOnce(&KeyRing) -> Result<KeyRing, KeyError>) -> Result<KeyRing, KeyFileError> {
        // The directory is locked and not the file, which is another one after each change.
        let directory = File::open(self.directory()).map_err(|error| self.failed(error))?;
        directory.lock().map_err(|error| self.failed(error))?;
        let ring = change(&self.read()?).map_err(KeyFileError::Change)?;
        let written = self.write_beside(&ring, |file| self.take_over_owner(file)).and_then(|beside| {
            std::fs::rename(&beside, &self.0)?;
            self.sync_directory()
        });
        written.map(|()| ring).map_err(|error| self.failed(error))
    }

    /// Gives `keys` what the file holds, as long as the process runs. A file that cannot be used leaves the keys as they
    /// are, and the log says why.
    pub async fn watch(self, keys: Keys) {
        let mut known = keys.ring().to_private_json();
        let mut fault = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let file = self.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || file.read()).await else { continue };
            match read {
                Ok(ring) => {
                    let text = ring.to_private_json();
                    if text != known {
                        let ids = ring.keys().iter().map(|key| key.id()).collect::<Vec<_>>().join(" ");
                        tracing::info!(keys = ids, signing = ring.signing().id, "the keys have changed");
                        keys.replace(ring);
                        known = text;
                    }
                    fault = None;
                }
                Err(error) => {
                    let text = error.to_string();
                    if fault.as_ref() != Some(&text) {
                        tracing::error!(%error, "the keys stay as they were");
                        fault = Some(text);
                    }
                }
            }
        }
    }

    fn parse(&self, text: &str) -> Result<KeyRing, KeyFileError> {
        KeyRing::parse(text).map_err(|error| KeyFileError::NotASet(self.name(), error))
    }

    /// Writes a file beside this one, through to the disk, and gives its place.
    fn write_beside(&self, ring: &KeyRing, prepare: impl FnOnce(&File) -> Result<(), Error>) -> Result<PathBuf, Error> {
        let beside = self.0.with_extension(Uuid::new_v4().simple().to_string());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        let written = prepare(&file).and_then(|()| file.write_all(ring.to_private_json().as_bytes()));
        match written.and_then(|()| file.sync_all()) {
            Ok(()) => Ok(beside),
            Err(error) => {
                std::fs::remove_file(&beside)?;
                Err(error)
            }
        }
    }

    /// Who could read the old file can read the new one, and nobody else: an administrator may change what a server reads.
    fn take_over_owner(&self, file: &File) -> Result<(), Error> {
        let old = std::fs::metadata(&self.0)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let new = file.metadata()?;
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()))?;
            }
        }
        file.set_permissions(old.permissions())
    }

    fn sync_directory(&self) -> Result<(), Error> {
        File::open(self.directory())?.sync_all()
    }

    fn directory(&self) -> &Path {
        match self.0.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn failed(&self, error: Error) -> KeyFileError {
        KeyFileError::Io(self.name(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Key, KeyUse};

    fn scratch(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("patient-logger-keys-{name}-{}", Uuid::new_v4()));
        std::fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn many_who_change_the_file_at_once_lose_nothing_and_leave_nothing_behind() {
        let directory = scratch("change");
        let file = KeyFile::new(directory.join("keys.json"));
        let rings = std::thread::scope(|scope| {
            let made: Vec<_> = (0..8).map(|_| scope.spawn(|| file.read_or_init(DateTime::UNIX_EPOCH))).collect();
            made.into_iter().map(|thread| thread.join().unwrap().unwrap().to_private_json()).collect::<Vec<_>>()
        });
        assert!(rings.iter().all(|ring| *ring == rings[0]), "all have the keys of the one who was first");
        assert!(matches!(file.init(DateTime::UNIX_EPOCH), Err(KeyFileError::Exists(_))));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| file.change(|ring| ring.with(Key::random(KeyUse::Sign, None))).unwrap());
                scope.spawn(|| file.read().expect("whole at any moment"));
            }
        });
        assert_eq!(file.read().unwrap().keys().len(), 18);
        let refused = file.change(|ring| ring.without(&ring.signing().id));
        assert!(matches!(refused, Err(KeyFileError::Change(KeyError::InUse(_)))));
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file.0).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::remove_dir_all(directory).unwrap();
    }
}
