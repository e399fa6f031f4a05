//! More than the server can do at a time: who is served, who waits, and who is told to come back.

use std::time::Duration;

use patient_logger::http::HttpState;
use patient_logger::limits::{Gate, GateBounds};
use sea_orm::sqlx::{self, Connection, PgConnection};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::support::{Actor, TestApp};

const OWN: &str = "{ hospital { slug } }";
const PATIENTS: &str = "{ patients { nodes { id } } }";

/// Connects, asks for something small and keeps the connection.
async fn connect(app: &TestApp) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    let mut answer = vec![0; 4_096];
    // Who is turned away may be told before asking.
    let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let size = stream.read(&mut answer).await.unwrap();
    (stream, String::from_utf8_lossy(&answer[..size]).into_owned())
}

/// Connects until somebody else has left.
async fn connect_at_last(app: &TestApp) -> TcpStream {
    for _ in 0..600 {
        let (stream, answer) = connect(app).await;
        if answer.starts_with("HTTP/1.1 200 ") {
            return stream;
        }
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody leaves");
}

#[tokio::test]
async fn who_finds_no_connection_left_is_told_so_at_once() {
    let app = TestApp::start_within(|limits| limits.connections = 2).await;
    let held = [connect(&app).await, connect(&app).await];
    assert!(held.iter().all(|(_, answer)| answer.starts_with("HTTP/1.1 200 ")));
    for _ in 0..3 {
        let (mut stream, mut answer) = connect(&app).await;
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 "), "{answer}");
        for line in ["retry-after: 1", "connection: close", "cache-control: no-store"] {
            assert!(head.contains(line), "{line} in {head}");
        }
        assert_eq!(body, "The server has no connection left. Try again in a second.\n");
    }
    drop(held);
    connect_at_last(&app).await;
}

#[tokio::test]
async fn who_never_reads_the_answers_loses_the_connection() {
    let app = TestApp::start_within(|limits| {
        limits.connections = 1;
        limits.stalled = Duration::from_secs(1);
    })
    .await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut silent = socket.connect(app.url.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    // What the kernel takes for a client that does not read is a few megabytes.
    let schema =
        json!({ "query": "{ __schema { types { name description fields { name description } } } }" }).to_string();
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length:";
    let request = format!("{head} {}\r\n\r\n{schema}", schema.len());
    let requests = request.repeat(400);
    let _ = tokio::time::timeout(Duration::from_millis(200), silent.write_all(requests.as_bytes())).await;
    let (_, answer) = connect(&app).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "the only connection is in use: {answer}");
    connect_at_last(&app).await;
}

/// Sets what the gate lets in.
fn gate(bound: impl FnOnce(&mut GateBounds)) -> impl FnOnce(&mut HttpState) {
    |state| {
        let mut bounds = state.gate.bounds();
        bound(&mut bounds);
        state.gate = Gate::new(bounds);
    }
}

/// Waits until so many statements wait for a lock.
async fn blocked(watcher: &mut PgConnection, count: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..600 {
        if sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *watcher).await.unwrap() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there are not {count} who wait for a lock");
}

/// The status of an answer, its `Retry-After` and its body.
async fn ask(actor: Actor, query: &'static str) -> (u16, Option<String>, Value) {
    let response = actor.post().json(&json!({ "query": query })).send().await.unwrap();
    let wait = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), wait, response.json().await.unwrap())
}

#[track_caller]
fn assert_told_to_come_back((status, wait, body): &(u16, Option<String>, Value)) {
    assert_eq!((*status, wait.as_deref()), (503, Some("1")), "{body}");
    let error = &body["errors"][0];
    assert_eq!(error["message"], "The server is busy with other requests. Try again in a second.");
    assert_eq!(
        (&error["extensions"]["code"], &error["extensions"]["retryAfterSeconds"]),
        (&json!("UNAVAILABLE"), &json!(1))
    );
    assert_eq!(body.get("data"), None, "nothing ran");
}

#[tokio::test]
async fn a_hospital_that_is_stuck_keeps_no_other_one_waiting() {
    // Of four passes a hospital has three, and one more of it may wait.
    let app = TestApp::start_with(gate(|bounds| bounds.queue = 1)).await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let (mut superuser, mut watcher) = (app.database.superuser().await, app.database.superuser().await);
    let mut lock = superuser.begin().await.unwrap();
    sqlx::query("LOCK TABLE patients IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let mut stuck = JoinSet::new();
    for _ in 0..3 {
        stuck.spawn(ask(app.clinician(&one), PATIENTS));
    }
    blocked(&mut watcher, 3).await;

    let mut late = JoinSet::new();
    for _ in 0..2 {
        late.spawn(ask(app.colleague(&one), OWN));
    }
    assert_told_to_come_back(&late.join_next().await.unwrap().unwrap());
    for _ in 0..3 {
        assert_eq!(app.clinician(&two).ask(OWN).await.data()["hospital"]["slug"], two.slug);
        assert_eq!(app.anonymous().ask("{ roles { name } }").await.status, 200);
    }

    lock.rollback().await.unwrap();
    for waited in stuck.join_all().await.into_iter().chain(late.join_all().await) {
        let (status, _, body) = waited;
        assert_eq!((status, body.get("errors")), (200, None), "{body}");
    }
}

#[tokio::test]
async fn who_has_waited_too_long_is_told_to_come_back() {
    let app = TestApp::start_with(gate(|bounds| bounds.patience = Duration::from_millis(50))).await;
    let hospital = app.hospital().await;
    let (mut superuser, mut watcher) = (app.database.superuser().await, app.database.superuser().await);
    let mut lock = superuser.begin().await.unwrap();
    sqlx::query("LOCK TABLE patients IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let mut stuck = JoinSet::new();
    for _ in 0..3 {
        stuck.spawn(ask(app.clinician(&hospital), PATIENTS));
    }
    blocked(&mut watcher, 3).await;
    assert_told_to_come_back(&ask(app.colleague(&hospital), OWN).await);

    // The database ends what is stuck after two seconds; a failure gives its pass back as a success does.
    for failed in stuck.join_all().await {
        assert_eq!(failed.2["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{}", failed.2);
    }
    assert_eq!(app.colleague(&hospital).ask(OWN).await.data()["hospital"]["slug"], hospital.slug);
    lock.rollback().await.unwrap();
}

#[tokio::test]
async fn what_took_too_long_keeps_its_pass_until_it_has_ended() {
    let app = TestApp::start_sized(2, |state| {
        gate(|bounds| bounds.patience = Duration::from_millis(50))(state);
        state.request_timeout = Duration::from_millis(200);
    })
    .await;
    let hospital = app.hospital().await;
    let (mut superuser, mut watcher) = (app.database.superuser().await, app.database.superuser().await);
    let mut lock = superuser.begin().await.unwrap();
    sqlx::query("LOCK TABLE patients IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let (status, _, body) = ask(app.clinician(&hospital), PATIENTS).await;
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (503, &json!("TIMEOUT")), "{body}");
    blocked(&mut watcher, 1).await;
    assert_told_to_come_back(&ask(app.colleague(&hospital), OWN).await);
    lock.rollback().await.unwrap();
    for _ in 0..600 {
        if ask(app.colleague(&hospital), OWN).await.0 == 200 {
            return;
        }
    }
    panic!("the pass is lost");
}
