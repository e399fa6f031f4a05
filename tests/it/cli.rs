//! The program as somebody at a terminal knows it: started, stopped, and told off for bad settings.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use clap::CommandFactory;
use patient_logger::cli::Cli;
use patient_logger::database::embedded;
use patient_logger::packages::Packages;
use patient_logger::seed::{DEMO_PASSWORD, DEMO_PEOPLE};
use serde_json::json;

use crate::support::{Actor, TestDatabase, scratch};

/// The program with a home of its own, and nothing else in its environment.
pub fn program(home: &Path) -> Command {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_patient-logger"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("DATA_DIR", home.join("data"))
        .env("CACHE_DIR", tmp.join("packages"))
        .env("DOWNLOADS", "off")
        .env("LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// An empty home, where the programs of PostgreSQL are at hand: installed, or downloaded as for all tests.
pub fn home(name: &str) -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let packages = Packages { cache_dir: tmp.join("packages"), registry: None, downloads: true };
    let seed = embedded::Options { durable: false, ..embedded::Options::new(tmp.join("cluster-seed"), packages) };
    embedded::initialise(&seed).unwrap();
    let home = scratch(&format!("cli-{name}"));
    std::fs::create_dir_all(&home).unwrap();
    home
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A program that serves.
pub struct Serving {
    child: Child,
    pub url: String,
    /// What it printed up to its last line of greeting.
    greeting: String,
}

impl Serving {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut greeting = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            greeting += &format!("{line}\n");
            if line.contains("Stop with") {
                break;
            }
        }
        let url =
            greeting.split_whitespace().find(|word| word.starts_with("http")).map(|url| url.replace("/graphql", ""));
        let url = url.unwrap_or_else(|| {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("no address in {greeting:?}: {error}")
        });
        Self { child, url, greeting }
    }

    pub async fn sign_in(&self, email: &str, password: &str, hospital: &str) -> Actor {
        let input = json!({ "email": email, "password": password, "hospital": hospital });
        let payload = Actor::new(&self.url, None).mutate("signIn", input, "accessToken").await;
        Actor::new(&self.url, Some(payload["accessToken"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()))
    }

    /// Asks it to stop, as a service manager does, and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not stop")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_first_command_gives_a_server_with_demo_data_that_survives_its_end() {
    let home = home("serve");
    let first = Serving::start(program(&home));
    for person in DEMO_PEOPLE {
        assert!(first.greeting.contains(person.email), "{}", first.greeting);
        let actor = first.sign_in(person.email, DEMO_PASSWORD, person.hospital).await;
        let answer = actor.ask("{ viewer { role hospital { slug } } taskLogs { totalCount nodes { id } } }").await;
        let viewer = json!({ "role": person.role.name(), "hospital": { "slug": person.hospital } });
        assert_eq!(answer.data()["viewer"], viewer);
        assert!(answer.data()["taskLogs"]["totalCount"].as_u64() > Some(1_000), "{}", answer.body);
    }
    assert!(first.greeting.contains(&format!("{}/graphiql", first.url)), "{}", first.greeting);

    let clinician = first.sign_in("clinician@riverside.example", DEMO_PASSWORD, "riverside").await;
    let patients = clinician.ask("{ patients(first: 1) { nodes { id } } }").await;
    let patient = patients.data()["patients"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    let log = clinician.task_log(&patient, "written before the end").await;
    let again = format!("{{ taskLog(id: \"{log}\") {{ description }} }}");
    let kept = json!({ "taskLog": { "description": "written before the end" } });

    // A second start beside the first serves the same data, and its end harms nobody.
    let second = Serving::start(program(&home));
    assert_ne!(second.url, first.url);
    let beside = Actor::new(&second.url, clinician.token.clone());
    assert_eq!(*beside.ask(&again).await.data(), kept);
    assert_eq!(second.stop(), Some(0));
    assert_eq!(*clinician.ask(&again).await.data(), kept);
    assert_eq!(first.stop(), Some(0));

    let third = Serving::start(program(&home));
    let later = Actor::new(&third.url, clinician.token.clone());
    assert_eq!(*later.ask(&again).await.data(), kept, "the data and the key that signs tokens are still there");
    assert_eq!(third.stop(), Some(0));
}

#[tokio::test]
async fn hospitals_are_onboarded_and_made_up_from_the_command_line() {
    let home = home("hospital");
    let create = |slug: &str, zone: &str, email: &str, password: &str| {
        let mut command = program(&home);
        command.args(["hospital", "create", "--slug", slug, "--name", "St Mary's", "--time-zone", zone]);
        command.args(["--admin-name", "Ada Admin", "--admin-email", email]).env("ADMIN_PASSWORD", password);
        run(command)
    };
    let password = "correct horse battery";
    let created = create("st-marys", "Europe/Paris", "Ada@StMarys.example", password);
    assert!(created.status.success(), "{}", text(&created.stderr));
    assert!(
        text(&created.stdout).starts_with("St Mary's is onboarded: hospital \"st-marys\", hos_"),
        "{}",
        text(&created.stdout)
    );
    for (slug, zone, email, password, why) in [
        ("st-marys", "Europe/Paris", "x@y.example", password, "the slug \"st-marys\" is taken"),
        ("St Marys", "Europe/Paris", "x@y.example", password, "cannot be a hospital's slug"),
        ("other", "Paris", "x@y.example", password, "is not a time zone"),
        ("other", "Europe/Paris", "nobody", password, "is not an e-mail address"),
        ("other", "Europe/Paris", "x@y.example", "short", "the password must have at least 15 characters"),
    ] {
        let refused = create(slug, zone, email, password);
        let error = text(&refused.stderr);
        assert!(!refused.status.success() && error.contains(why), "{error}");
        assert!(!error.contains(password) || password == "short", "{error}");
    }
    // Without ADMIN_PASSWORD it is read from standard input.
    let mut command = program(&home);
    command.args([
        "hospital",
        "create",
        "--slug",
        "other",
        "--name",
        "Other",
        "--time-zone",
        "UTC",
        "--admin-name",
        "Bo",
    ]);
    let mut child = command.args(["--admin-email", "bo@other.example"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"another long password\n").unwrap();
    assert!(child.wait().unwrap().success());

    let mut command = program(&home);
    command.args(["seed", "--hospitals", "2", "--staff", "6", "--patients", "10", "--task-logs", "50"]);
    let seeded = run(command);
    assert!(seeded.status.success(), "{}", text(&seeded.stderr));
    let said = text(&seeded.stdout);
    assert!(said.starts_with("Added 66 rows in "), "{said}");
    let slug = said.split("admin@").nth(1).and_then(|rest| rest.split(".example").next()).unwrap().to_owned();

    let mut command = program(&home);
    command.args(["serve", "--demo-data", "off"]);
    let server = Serving::start(command);
    assert!(!server.greeting.contains(DEMO_PASSWORD), "{}", server.greeting);
    for (email, password, hospital, role) in [
        ("ada@stmarys.example", password, "st-marys", "ADMIN"),
        ("bo@other.example", "another long password", "other", "ADMIN"),
        (&format!("clinician@{slug}.example"), "seed-only-password", &slug, "CLINICIAN"),
    ] {
        let viewer = server.sign_in(email, password, hospital).await.ask("{ viewer { role hospital { slug } } }").await;
        assert_eq!(viewer.data()["viewer"], json!({ "role": role, "hospital": { "slug": hospital } }));
    }
    let demo = json!({ "email": "admin@riverside.example", "password": DEMO_PASSWORD });
    let payload = Actor::new(&server.url, None).mutate("signIn", demo, "accessToken").await;
    assert_eq!(payload["userErrors"][0]["code"], "INVALID_CREDENTIALS");
    assert_eq!(server.stop(), Some(0));
}

/// `patient-logger keys …`.
fn keys_command(home: &Path, keys: &Path, arguments: &[&str]) -> Command {
    let mut command = program(home);
    command.arg("keys").args(arguments).env("KEYS_FILE", keys);
    command
}

#[tokio::test]
async fn a_database_of_ones_own_is_used_as_the_two_roles_or_not_at_all() {
    let home = home("own");
    let database = TestDatabase::empty().await;
    let keys = home.join("keys.json");
    assert!(run(keys_command(&home, &keys, &["init"])).status.success());
    let serve = |settings: &[(&str, &str)]| {
        let mut command = program(&home);
        command.envs(settings.iter().copied()).env("KEYS_FILE", &keys);
        command
    };
    let (app, owner, superuser) = (database.app_url(), database.owner_url(), database.superuser_url());
    for (settings, why) in [
        (vec![("DATABASE_URL", app.as_str())], "Run `patient-logger migrate`"),
        (vec![("DATABASE_OWNER_URL", owner.as_str())], "DATABASE_OWNER_URL is set and DATABASE_URL is not"),
    ] {
        let refused = run(serve(&settings));
        assert!(!refused.status.success() && text(&refused.stderr).contains(why), "{}", text(&refused.stderr));
    }
    let both = [("DATABASE_URL", app.as_str()), ("DATABASE_OWNER_URL", owner.as_str())];
    let mut migrate = serve(&both);
    migrate.arg("migrate");
    assert_eq!(text(&run(migrate).stdout), "The database is migrated.\n");
    for (url, why) in [(owner.as_str(), "owns tables"), (superuser.as_str(), "is a superuser")] {
        let refused = run(serve(&[("DATABASE_URL", url)]));
        assert!(!refused.status.success() && text(&refused.stderr).contains(why), "{}", text(&refused.stderr));
    }
    let mut alone = serve(&[("DATABASE_URL", app.as_str())]);
    alone.arg("migrate");
    assert!(text(&run(alone).stderr).contains("set DATABASE_OWNER_URL"));

    // On the way with its own database it may be seen by the network, and it brings no demo.
    let mut command = serve(&both);
    command.env("LISTEN", "0.0.0.0:0");
    let server = Serving::start(command);
    assert!(!server.greeting.contains("example"), "{}", server.greeting);
    assert!(!home.join("data").exists(), "no private PostgreSQL");
    let ready = reqwest::get(format!("{}/readyz", server.url.replace("0.0.0.0", "127.0.0.1"))).await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_setting_that_does_not_fit_ends_the_start_with_its_name() {
    let home = home("settings");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (settings, names) in [
        (vec![("LISTEN", "x")], "LISTEN"),
        (vec![("LISTEN", "8080")], "LISTEN"),
        (vec![("LISTEN", taken.as_str())], "LISTEN"),
        (vec![("LISTEN", "0.0.0.0:0")], "LISTEN=0.0.0.0:0"),
        (vec![("LISTEN", "[::]:0")], "LISTEN=[::]:0"),
        (vec![("STATEMENT_TIMEOUT", "0")], "STATEMENT_TIMEOUT"),
        (vec![("REQUEST_TIMEOUT", "soon")], "REQUEST_TIMEOUT"),
        (vec![("ACCESS_TOKEN_LIFETIME", "61")], "ACCESS_TOKEN_LIFETIME"),
        (vec![("DATABASE_POOL_SIZE", "1")], "DATABASE_POOL_SIZE"),
        (vec![("MAX_BODY_BYTES", "-1")], "MAX_BODY_BYTES"),
        (vec![("MAX_CONNECTIONS", "0")], "MAX_CONNECTIONS"),
        (vec![("SHUTDOWN_TIMEOUT", "601")], "SHUTDOWN_TIMEOUT"),
        (vec![("CORS_ORIGINS", "*")], "CORS_ORIGINS"),
        (vec![("CORS_ORIGINS", "https://ward.example,https://ward.example/page")], "CORS_ORIGINS"),
        (vec![("CORS_ORIGINS", "ward.example")], "CORS_ORIGINS"),
        (vec![("GRAPHIQL", "maybe")], "GRAPHIQL"),
        (vec![("AUDIT_READS", "some")], "AUDIT_READS"),
        (vec![("DEMO_DATA", "")], "DEMO_DATA"),
        (vec![("LOG_FORMAT", "xml")], "LOG_FORMAT"),
        (vec![("LOG", "patient_logger=loud")], "LOG"),
        (vec![("PG_BIN_DIR", "/nonexistent")], "/nonexistent"),
        (vec![("KEYS_FILE", "/nonexistent.json")], "/nonexistent.json"),
        (vec![("KEYS_FILE", "/dev/null")], "/dev/null is not a set of keys"),
        (vec![("DATABASE_URL", "postgres://app:canary@127.0.0.1:1/x")], "keys init --keys-file"),
        (vec![("DATABASE_OWNER_URL", "postgres://owner:canary@127.0.0.1:1/x")], "DATABASE_URL is not"),
    ] {
        let mut command = program(&home);
        command.envs(settings.iter().copied());
        let ended = run(command);
        let error = text(&ended.stderr);
        assert!(matches!(ended.status.code(), Some(1 | 2)), "{settings:?} {:?} {error}", ended.status);
        assert!(error.contains(names), "{settings:?} is not named in: {error}");
        assert!(!error.contains("canary"), "a password is shown: {error}");
        assert_eq!(text(&ended.stdout), "", "{settings:?}");
    }
    let keys = home.join("keys.json");
    assert!(run(keys_command(&home, &keys, &["init"])).status.success());
    for (url, names) in [("nonsense canary", "DATABASE_URL"), ("postgres://app:canary@127.0.0.1:1/x", "database")] {
        let mut command = program(&home);
        let ended = run({
            command.env("DATABASE_URL", url).env("KEYS_FILE", &keys);
            command
        });
        let error = text(&ended.stderr);
        assert!(ended.status.code() == Some(1) && error.contains(names) && !error.contains("canary"), "{error}");
    }
}

#[test]
fn help_names_every_command_and_schema_prints_the_file() {
    let home = scratch("cli-help");
    let say = |arguments: &[&str]| {
        let mut command = program(&home);
        command.args(arguments);
        let output = run(command);
        assert!(output.status.success(), "{arguments:?} {}", text(&output.stderr));
        text(&output.stdout)
    };
    let help = say(&["--help"]);
    for command in ["serve", "migrate", "seed", "schema", "hospital", "audit", "documents", "keys"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in {help}");
        assert!(!say(&[command, "--help"]).is_empty());
    }
    assert!(say(&["hospital", "create", "--help"]).contains("--admin-email"));
    let serve = say(&["serve", "--help"]);
    for setting in settings() {
        assert!(serve.contains(&format!("[env: {}", setting.name)), "{} is not in {serve}", setting.name);
    }
    assert_eq!(say(&["--version"]), format!("patient-logger {}\n", env!("CARGO_PKG_VERSION")));
    let file = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).unwrap();
    assert_eq!(say(&["schema"]), file);
    assert!(!home.exists(), "none of this leaves anything behind");
}

struct Setting {
    name: String,
    default: Option<String>,
}

/// Every setting of `config.rs`.
fn settings() -> Vec<Setting> {
    let command = Cli::command();
    let settings = command.get_arguments().filter_map(|argument| {
        let text = |value: &std::ffi::OsStr| value.to_str().unwrap().to_owned();
        let default = argument.get_default_values().first().map(|value| text(value));
        Some(Setting { name: text(argument.get_env()?), default })
    });
    settings.collect()
}

#[test]
fn the_table_in_the_readme_has_every_setting_with_its_default() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let name = cells.next()?.strip_suffix('`')?;
        let is_setting = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        is_setting.then(|| {
            (name.to_owned(), cells.next().unwrap_or_default().to_owned(), cells.next().unwrap_or_default().to_owned())
        })
    });
    let rows: Vec<(String, String, String)> = rows.collect();
    let mut told: Vec<&str> = rows.iter().map(|(name, ..)| name.as_str()).collect();
    let settings = settings();
    let mut known: Vec<&str> = settings.iter().map(|setting| setting.name.as_str()).collect();
    told.sort_unstable();
    known.sort_unstable();
    assert_eq!(
        told, known,
        "the settings of src/config.rs each have a row in README.md: | `NAME` | `default` | meaning |"
    );
    for Setting { name, default } in &settings {
        let (_, cell, meaning) = rows.iter().find(|(row, ..)| row == name).unwrap();
        assert!(!meaning.is_empty(), "README.md says nothing about {name}");
        match default {
            Some(default) => assert_eq!(*cell, format!("`{default}`"), "the default of {name} in README.md"),
            None => {
                assert!(!(cell.starts_with('`') && cell.ends_with('`')), "{name} has no default; README.md says {cell}")
            }
        }
    }
}
