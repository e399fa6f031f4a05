//! The real program and the real PostgreSQL, killed in the middle of their work.
//!
//! `AUDIT_KILLS=50 cargo test --test it killed` kills more often than a run of all tests does.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use patient_logger::database::embedded::{self, DATABASE, Embedded, Options};
use patient_logger::kernel::Clock;
use patient_logger::keys::KeyFile;
use patient_logger::packages::Packages;
use patient_logger::seed::DEMO_PASSWORD;
use rustix::process::{Pid, Signal, kill_process};
use sea_orm::sqlx::{self, Connection, PgConnection, Row};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::cli::{Serving, home, program};
use crate::support::{Actor, Hospital, PASSWORD, TestApp};

/// How often to kill.
fn kills(few: u64) -> u64 {
    std::env::var("AUDIT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(few)
}

/// People who read and write as fast as they get answers, until they are told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    people: JoinSet<Vec<Uuid>>,
}

impl Crowd {
    fn gather(clinician: &Actor, patient: &str) -> Self {
        let (stop, mut people) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        let page = json!({ "query": "{ taskLogs(first: 50) { nodes { description patient { lastName } } } }" });
        let change = json!({
            "query": "mutation($input: CreateTaskLogInput!) { createTaskLog(input: $input) { taskLog { id } } }",
            "variables": { "input": { "patientId": patient, "taskType": "VITALS", "description": "Pulse 72" } },
        });
        for number in 0..16 {
            let body = if number % 4 == 0 { change.clone() } else { page.clone() };
            let (stop, clinician) = (stop.clone(), clinician.clone());
            people.spawn(async move {
                let mut answered = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let Ok(response) = clinician.post().json(&body).send().await else {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        continue;
                    };
                    let id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()?.parse().ok());
                    // Only an answer that has come whole counts.
                    let Ok(answer) = response.json::<serde_json::Value>().await else { continue };
                    if answer["data"].is_object() {
                        answered.push(id.unwrap());
                    }
                }
                answered
            });
        }
        Self { stop, people }
    }

    /// The ids of the requests that were answered with data.
    async fn go(self) -> Vec<Uuid> {
        self.stop.store(true, Ordering::Relaxed);
        self.people.join_all().await.into_iter().flatten().collect()
    }
}

/// Somewhere between a tenth of a second and one and a half.
async fn a_while(round: u64) {
    let spread = Uuid::now_v7().as_u128() as u64 ^ round.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    tokio::time::sleep(Duration::from_millis(100 + spread % 1_400)).await;
}

/// How many events each request has.
async fn events(connection: &mut PgConnection) -> HashMap<Uuid, i64> {
    let sql = "SELECT request_id, count(*) AS events FROM audit_events GROUP BY request_id";
    let rows = sqlx::query(sql).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| (row.get("request_id"), row.get("events"))).collect()
}

fn assert_told_once(answered: &[Uuid], events: &HashMap<Uuid, i64>) {
    let untold: Vec<_> = answered.iter().filter(|request| !events.contains_key(request)).collect();
    assert!(untold.is_empty(), "{} of {} answers have no event: {untold:?}", untold.len(), answered.len());
    let twice: Vec<_> = events.iter().filter(|(_, events)| **events != 1).collect();
    assert!(twice.is_empty(), "requests with several events: {twice:?}");
}

/// A hospital with a patient and a page of task logs.
async fn ward() -> (TestApp, Hospital, String) {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let patient = app.admin(&hospital).patient("MRN-1").await;
    for number in 0..60 {
        app.clinician(&hospital).task_log(&patient, &format!("Pulse {number}")).await;
    }
    (app, hospital, patient)
}

/// The program on the database of a test.
fn serve(app: &TestApp, home: &Path) -> Serving {
    let keys = home.join("keys.json");
    KeyFile::new(&keys).read_or_init(Clock::system().now()).unwrap();
    let mut command = program(home);
    command.env("DATABASE_URL", app.database.app_url()).env("KEYS_FILE", &keys);
    // Nobody reads what it writes.
    command.env("LOG", "off").env("GRAPHIQL", "off");
    Serving::start(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_of_a_server_that_is_killed_has_its_event_once() {
    let (app, hospital, patient) = ward().await;
    let home = home("killed");
    let mut answered = Vec::new();
    for round in 0..kills(5) {
        let server = serve(&app, &home);
        let clinician = server.sign_in(&hospital.clinician.email, PASSWORD, &hospital.slug).await;
        let crowd = Crowd::gather(&clinician, &patient);
        a_while(round).await;
        // SIGKILL, as `kill -9`.
        drop(server);
        answered.extend(crowd.go().await);
    }
    println!("{} answers with data", answered.len());
    assert!(answered.len() > 20, "{}", answered.len());
    assert_told_once(&answered, &events(&mut app.database.superuser().await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_of_a_server_that_is_told_to_stop_has_its_event_once() {
    let (app, hospital, patient) = ward().await;
    let server = serve(&app, &home("stopped"));
    let clinician = server.sign_in(&hospital.clinician.email, PASSWORD, &hospital.slug).await;
    let crowd = Crowd::gather(&clinician, &patient);
    a_while(0).await;
    assert_eq!(tokio::task::spawn_blocking(|| server.stop()).await.unwrap(), Some(0));
    let answered = crowd.go().await;
    assert!(!answered.is_empty());
    assert_told_once(&answered, &events(&mut app.database.superuser().await).await);
}

/// The PostgreSQL of a home, found running or started.
fn postgres(home: &Path) -> Embedded {
    let packages = Packages {
        cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages"),
        registry: None,
        downloads: true,
    };
    let options = Options::new(home.join("data/postgres"), packages);
    // Processes of the one that was killed may take a moment to notice.
    for _ in 0..100 {
        match embedded::start(&options) {
            Ok(found) => return found,
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    embedded::start(&options).unwrap()
}

/// Kills the first process of PostgreSQL, as `kill -9`; the others end when they notice.
async fn kill_postgres(home: &Path) {
    let found = postgres(home);
    let mut superuser = PgConnection::connect(&found.superuser_url(DATABASE)).await.unwrap();
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut superuser).await.unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{backend}/stat")).unwrap();
    let parent = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap();
    kill_process(Pid::from_raw(parent).unwrap(), Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answer_before_postgresql_is_killed_has_its_event_once_after_its_recovery() {
    let home = home("killed-postgres");
    let mut answered = Vec::new();
    for round in 0..kills(2) {
        let mut command = program(&home);
        command.env("LOG", "off").env("GRAPHIQL", "off");
        let server = Serving::start(command);
        let clinician = server.sign_in("clinician@riverside.example", DEMO_PASSWORD, "riverside").await;
        let patients = clinician.ask("{ patients(first: 1) { nodes { id } } }").await;
        let patient = patients.data()["patients"]["nodes"][0]["id"].as_str().unwrap().to_owned();
        let crowd = Crowd::gather(&clinician, &patient);
        a_while(round).await;
        kill_postgres(&home).await;
        // Whoever still asks gets nothing.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let late = clinician.ask("{ taskLogs { nodes { id } } }").await;
        assert_eq!((late.status, late.body.get("data")), (503, None), "{}", late.body);
        answered.extend(crowd.go().await);
        drop(server);
        let found = postgres(&home);
        let mut superuser = PgConnection::connect(&found.superuser_url(DATABASE)).await.unwrap();
        assert_told_once(&answered, &events(&mut superuser).await);
        superuser.close().await.unwrap();
        found.stop();
    }
    println!("{} answers with data", answered.len());
    assert!(answered.len() > 10, "{}", answered.len());
}
