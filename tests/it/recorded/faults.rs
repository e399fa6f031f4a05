use std::time::Duration;

use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use tokio::task::JoinSet;

use crate::support::{Actor, Answer, Hospital, TestApp};

const PAGE: &str = "{ taskLogs(first: 5) { nodes { description patient { lastName } } } }";

/// A clinician at a hospital with something to read.
async fn ward() -> (TestApp, Hospital, Actor) {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let patient = app.admin(&hospital).patient("MRN-1").await;
    let clinician = app.clinician(&hospital);
    clinician.task_log(&patient, "canary-description").await;
    (app, hospital, clinician)
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

async fn pages(actor: &Actor, count: usize) -> Vec<Answer> {
    let mut asked = JoinSet::new();
    for _ in 0..count {
        let actor = actor.clone();
        asked.spawn(async move { actor.ask(PAGE).await });
    }
    asked.join_all().await
}

#[tokio::test]
async fn while_events_cannot_be_written_nobody_sees_anything_and_afterwards_everybody_does() {
    let (app, _, clinician) = ward().await;
    let mut superuser = app.database.superuser().await;
    let before = app.events().await.len();
    run(&mut superuser, "REVOKE INSERT ON audit_events FROM patient_logger_door").await;
    for answer in pages(&clinician, 8).await {
        assert_eq!((answer.status, answer.code(), answer.body.get("data")), (503, "UNAVAILABLE", None));
        assert!(!answer.body.to_string().contains("canary"), "{}", answer.body);
    }
    // What shows nothing of anybody is still answered.
    assert_eq!(clinician.ask("{ viewer { role } }").await.data()["viewer"]["role"], "CLINICIAN");
    run(&mut superuser, "GRANT INSERT ON audit_events TO patient_logger_door").await;
    for answer in pages(&clinician, 8).await {
        answer.data();
    }
    assert_eq!(app.events().await.len(), before + 8, "one for each answer with data, none for the others");
}

#[tokio::test]
async fn a_writer_that_loses_its_connection_takes_another_and_tells_everything_once() {
    let (app, _, clinician) = ward().await;
    let mut superuser = app.database.superuser().await;
    let before = app.events().await.len();
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE application_name = 'patient-logger-audit' AND datname = current_database()";
    let (mut answered, mut killed) = (0, 0);
    for _ in 0..10 {
        let asking = tokio::spawn({
            let clinician = clinician.clone();
            async move { pages(&clinician, 8).await }
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        killed += sqlx::query_scalar::<_, i64>(kill).fetch_one(&mut superuser).await.unwrap();
        answered += asking.await.unwrap().iter().filter(|answer| answer.status == 200).count();
    }
    assert!(killed >= 5 && answered > 0, "{killed} {answered}");
    let events = app.events().await;
    assert!(events.len() - before >= answered, "{} events of {answered} answers", events.len() - before);
    let mut requests: Vec<_> = events.iter().map(|event| event.request).collect();
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), events.len(), "an event was written twice");
}

#[tokio::test]
async fn a_month_without_its_partition_gets_one_and_answers_wait_for_a_table_that_is_locked() {
    let (app, hospital, _) = ward().await;
    let before = app.events().await.len();
    // Far from the months that the migration has made, and from that of the last event.
    app.wait(chrono::Duration::days(400));
    let clinician = app.clinician(&hospital);
    clinician.ask(PAGE).await.data();
    assert_eq!(app.events().await.len(), before + 1);

    let mut superuser = app.database.superuser().await;
    let mut lock = superuser.begin().await.unwrap();
    run(&mut lock, "LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE").await;
    let mut asking = tokio::spawn({
        let clinician = clinician.clone();
        async move { pages(&clinician, 8).await }
    });
    assert!(
        tokio::time::timeout(Duration::from_secs(1), &mut asking).await.is_err(),
        "somebody was answered unrecorded"
    );
    lock.rollback().await.unwrap();
    for answer in asking.await.unwrap() {
        answer.data();
    }
    assert_eq!(app.events().await.len(), before + 9);
}
