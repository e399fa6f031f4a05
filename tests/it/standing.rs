//! Whether a session still stands, asked by many requests at the same time.

use futures_util::future::join_all;
use sea_orm::sqlx::{self, Executor};

use crate::support::{Actor, TestApp};

const WHO: &str = "{ viewer { id role } }";

/// What each of these is told, all asking at the same time.
async fn told(actors: &[&Actor]) -> Vec<(u16, String)> {
    let asked = join_all(actors.iter().map(|actor| actor.ask(WHO))).await;
    asked.into_iter().map(|answer| (answer.status, answer.body["data"].to_string())).collect()
}

#[tokio::test]
async fn requests_that_ask_together_are_each_told_of_their_own_session() {
    let app = TestApp::start_sized(16, |_| {}).await;
    let hospitals = [app.hospital().await, app.hospital().await, app.hospital().await];
    let standing: Vec<Actor> = hospitals
        .iter()
        .flat_map(|hospital| [app.admin(hospital), app.clinician(hospital), app.colleague(hospital)])
        .collect();
    let alone = {
        let mut alone = Vec::new();
        for actor in &standing {
            alone.push(told(&[actor]).await.remove(0));
        }
        alone
    };
    assert!(alone.iter().all(|(status, _)| *status == 200));

    // Two of the nine end, and then all ask at the same time, again and again.
    let mut superuser = app.database.superuser().await;
    let ended = [&hospitals[0].clinician, &hospitals[2].colleague].map(|person| person.staff.0);
    sqlx::query("UPDATE sessions SET revoked_at = now() WHERE staff_id = ANY ($1)")
        .bind(&ended[..])
        .execute(&mut superuser)
        .await
        .unwrap();
    let expected =
        |(at, told): (usize, &(u16, String))| if [1, 8].contains(&at) { (401, "null".into()) } else { told.clone() };
    let expected: Vec<(u16, String)> = alone.iter().enumerate().map(expected).collect();
    let all: Vec<&Actor> = standing.iter().cycle().take(180).collect();
    let before = app.app.database.statements();
    let answers = told(&all).await;
    let statements = app.app.database.statements() - before;
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!(*answer, expected[at % 9], "{at}");
    }
    assert!(statements < 180, "they share statements: {statements}");
}

#[tokio::test]
async fn connections_that_die_in_the_pool_end_no_session() {
    let app = TestApp::start_sized(16, |_| {}).await;
    let hospital = app.hospital().await;
    let clinician = app.clinician(&hospital);
    let mut superuser = app.database.superuser().await;
    for _ in 0..3 {
        // Many at the same time, so that the pool holds more than one.
        join_all((0..20).map(|_| clinician.ask("{ taskLogs { totalCount } }"))).await;
        let dead = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'patient-logger'";
        superuser.execute(dead).await.unwrap();
        assert_eq!(clinician.ask("{ viewer { id } }").await.status, 200);
    }
}
