//! The embedded PostgreSQL: who gets in, what stays out of its log, and that it ends with us.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use patient_logger::{
    database::embedded::{self, DATABASE, Embedded, EmbeddedError, Options},
    packages::Packages,
};
use sea_orm::sqlx::{self, Connection, PgConnection, Row};

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("embedded-{name}"));
    let _ = fs::remove_dir_all(&path);
    path
}

fn options(data_dir: PathBuf) -> Options {
    let cache_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    let packages = Packages { cache_dir, registry: None, downloads: true };
    Options { durable: false, ..Options::new(data_dir, packages) }
}

async fn ask(url: &str, sql: &'static str) -> Result<String, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let row = sqlx::query(sql).fetch_one(&mut connection).await?;
    row.try_get(0)
}

#[tokio::test]
async fn a_start_gives_three_roles_of_which_only_one_may_do_everything() {
    // A path that needs care in a URL, in a server setting, and in a shell.
    let server = embedded::start(&options(scratch("roles a,b'c$\"%20"))).unwrap();
    let who = "SELECT concat_ws(' ', current_user, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, current_database()) \
               FROM pg_roles WHERE rolname = current_user";

    assert_eq!(ask(&server.app_url(DATABASE), who).await.unwrap(), "patient_logger_app f f f f patient_logger");
    assert_eq!(ask(&server.owner_url(DATABASE), who).await.unwrap(), "patient_logger_owner f f f f patient_logger");
    assert_eq!(ask(&server.superuser_url(DATABASE), who).await.unwrap(), "postgres t t t t patient_logger");
    let door = server.app_url(DATABASE).replace("patient_logger_app", "patient_logger_door");
    assert!(ask(&door, who).await.is_err(), "the door role must not log in");

    let may = "SELECT concat_ws(' ', has_schema_privilege('public', 'CREATE'), has_schema_privilege('public', 'USAGE'), \
               has_database_privilege(current_database(), 'TEMP'), has_database_privilege(current_database(), 'CREATE'), \
               pg_has_role('patient_logger_door', 'MEMBER'))";
    assert_eq!(ask(&server.app_url(DATABASE), may).await.unwrap(), "f t f f f");
    assert_eq!(ask(&server.owner_url(DATABASE), may).await.unwrap(), "t t t t t");
}

#[tokio::test]
async fn no_value_of_a_statement_reaches_the_servers_log() {
    let directory = scratch("log");
    let server = embedded::start(&options(directory.clone())).unwrap();
    let mut owner = PgConnection::connect(&server.owner_url(DATABASE)).await.unwrap();

    // The value in the text, as a parameter, in the row of a violated constraint, and in a raised exception.
    sqlx::query("CREATE TABLE log_canary (mrn text PRIMARY KEY)").execute(&mut owner).await.unwrap();
    for _ in 0..2 {
        let _ = sqlx::query("INSERT INTO log_canary VALUES ($1)").bind("CANARY-7").execute(&mut owner).await;
        let _ = sqlx::query("INSERT INTO log_canary VALUES ('CANARY-7')").execute(&mut owner).await;
    }
    sqlx::query("SELECT 'CANARY-7'::uuid").execute(&mut owner).await.unwrap_err();
    sqlx::query("DO $$ BEGIN RAISE WARNING 'CANARY-7'; RAISE EXCEPTION 'CANARY-7'; END $$")
        .execute(&mut owner)
        .await
        .unwrap_err();
    drop(owner);
    server.stop();

    let log = fs::read_to_string(directory.join("server.log")).unwrap();
    assert!(log.contains("database system is shut down"), "{log}");
    assert!(!log.contains("CANARY"), "{log}");
}

#[tokio::test]
async fn data_stays_when_the_server_stops_and_a_second_start_uses_the_first() {
    let options = options(scratch("stays"));
    let server = embedded::start(&options).unwrap();
    let mut owner = PgConnection::connect(&server.owner_url(DATABASE)).await.unwrap();
    sqlx::query("CREATE TABLE kept AS SELECT 'still here' AS what").execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();

    let second = embedded::start(&options).unwrap();
    assert!(server.is_ours() && !second.is_ours());
    assert_eq!(second.socket_dir(), server.socket_dir());
    second.stop();
    assert_eq!(ask(&server.owner_url(DATABASE), "SELECT what FROM kept").await.unwrap(), "still here");

    server.stop();
    let server = embedded::start(&options).unwrap();
    assert_eq!(ask(&server.owner_url(DATABASE), "SELECT what FROM kept").await.unwrap(), "still here");
}

#[test]
fn a_seed_is_copied_and_only_while_it_rests() {
    let seed = options(scratch("seed"));
    embedded::initialise(&seed).unwrap();
    let copies = [scratch("copy-1"), scratch("copy-2")];
    for copy in &copies {
        embedded::copy_cluster(&seed.data_dir, copy).unwrap();
    }
    let servers: Vec<Embedded> = copies.iter().map(|copy| embedded::start(&options(copy.clone())).unwrap()).collect();
    assert!(servers.iter().all(Embedded::is_ours));

    let error = embedded::copy_cluster(&copies[0], &scratch("copy-3")).unwrap_err();
    assert!(matches!(error, EmbeddedError::Busy(_)), "{error}");
}

#[test]
fn data_of_another_major_version_is_left_alone() {
    let options = options(scratch("major"));
    embedded::initialise(&options).unwrap();
    fs::write(options.data_dir.join("cluster/PG_VERSION"), "11\n").unwrap();

    let error = embedded::start(&options).unwrap_err();

    assert!(matches!(error, EmbeddedError::WrongMajor(_, 11)), "{error}");
}

#[test]
fn named_programs_that_do_not_work_are_an_error_and_no_others_are_tried() {
    let options = Options { pg_bin_dir: Some("/nonexistent".into()), ..options(scratch("named")) };

    let error = embedded::start(&options).unwrap_err();

    assert!(matches!(error, EmbeddedError::Unusable(..)), "{error}");
    assert!(!options.data_dir.join("cluster").exists());
}

const HOLD: &str = "EMBEDDED_TEST_HOLD";

/// Not a test: what the next one runs in a process of its own.
#[test]
fn holding_process() {
    if let Some(data_dir) = env::var_os(HOLD) {
        let server = embedded::start(&options(data_dir.into())).unwrap();
        assert!(server.is_ours());
        thread::sleep(Duration::from_secs(60));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_process_takes_its_server_along_and_leaves_nothing_in_the_way() {
    let options = options(scratch("killed"));
    embedded::initialise(&options).unwrap();
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--exact", "embedded::holding_process"])
        .env(HOLD, &options.data_dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let socket = options.data_dir.join("socket/.s.PGSQL.5432");
    let patience = |what: &str, done: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !done() {
            assert!(Instant::now() < deadline, "{what}");
            thread::sleep(Duration::from_millis(10));
        }
    };
    patience("the server did not start", &|| socket.exists());

    process.kill().unwrap();
    process.wait().unwrap();

    // The server and its children hold a lock on the directory; the last of them gives it back.
    let lock = File::open(&options.data_dir).unwrap();
    patience("the server outlived its parent", &|| lock.try_lock().is_ok());
    drop(lock);
    // And where it had no time to clear up, as after a power cut: the number of a living process.
    fs::write(options.data_dir.join("cluster/postmaster.pid"), "1\n\n\n5432\n\n\n 1 1\nready\n").unwrap();
    assert!(embedded::start(&options).unwrap().is_ours());
}
