//! Redis is a help, never a need.

use std::time::Duration;

use patient_logger::app::AppOptions;
use patient_logger::limits::CostRates;
use patient_logger::redis::{Redis, Script};
use serde_json::{Value, json};

use crate::support::{Actor, Hospital, PASSWORD, RedisServer, TestApp, until};

const LIFE: Duration = Duration::from_secs(60);

/// What Redis says in the end: on a busy machine one answer or another is late.
async fn answer<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..100 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("Redis does not answer");
}

#[tokio::test]
async fn a_redis_is_used_while_it_is_there_and_missed_without_harm_while_it_is_not() {
    let mut server = RedisServer::absent();
    let redis = Redis::open(&server.url()).unwrap();
    assert_eq!((redis.set("k", b"v", LIFE).await, redis.get("k").await), (None, None), "it is not there yet");

    server.run();
    until("used", || redis.is_up()).await;
    assert_eq!(redis.get("k").await, None);
    answer(async || redis.set("k", b"v", LIFE).await).await;
    assert_eq!(answer(async || redis.get("k").await).await, b"v");
    let keys: Vec<String> = server.ask(&["KEYS", "*"]).await;
    assert_eq!(keys, ["patient-logger:1:k"]);
    let script = Script::new("return { redis.call('STRLEN', KEYS[1]), tonumber(ARGV[1]) * 2 }");
    assert_eq!(answer(async || redis.run(&script, &["k".into()], &[21.0]).await).await, [1, 42]);
    let wrong = Script::new("return redis.error_reply('NO')");
    assert_eq!(redis.run(&wrong, &[], &[]).await, None);
    assert!(redis.is_up(), "a refusal is an answer");

    server.hold();
    for _ in 0..3 {
        assert!(redis.is_up());
        assert_eq!(redis.get("k").await, None);
    }
    assert!(!redis.is_up(), "three late answers, and nobody waits for it any more");
    server.release();
    until("used again", || redis.is_up()).await;
    assert_eq!(answer(async || redis.get("k").await).await, b"v");

    server.kill();
    assert_eq!(redis.get("k").await, None);
    until("missed", || !redis.is_up()).await;
    server.run();
    until("used again", || redis.is_up()).await;
    assert_eq!(redis.get("k").await, None, "it lost what it had");
    assert_eq!(answer(async || redis.run(&script, &["k".into()], &[1.0]).await).await, [0, 2], "also the script");
}

#[tokio::test]
async fn an_address_that_cannot_be_one_is_refused_without_telling_its_password() {
    for url in ["", "localhost", "http://localhost:6379", "redis://user:hunter2@:x"] {
        let error = Redis::open(url).unwrap_err().to_string();
        assert!(error.contains("REDIS_URL") && error.contains("redis://") && !error.contains("hunter2"), "{error}");
    }
}

/// What must work whatever Redis does: reading, writing, signing in, and that what was ended stays ended.
async fn all_is_well(app: &TestApp, hospital: &Hospital, ended: &Actor, moment: &str) {
    let admin = app.admin(hospital);
    let id = admin.patient(&moment.replace(|c: char| !c.is_alphanumeric(), "-")).await;
    let read = admin.ask(&format!("{{ patient(id: \"{id}\") {{ room }} }}")).await;
    assert_eq!(read.data()["patient"]["room"], "1A", "{moment}");
    let input = json!({ "email": hospital.colleague.email, "password": PASSWORD });
    let signed_in = app.anonymous().mutate("signIn", input, "accessToken refreshToken").await;
    assert!(signed_in["accessToken"].is_string(), "{moment}: {signed_in}");
    let input = json!({ "refreshToken": signed_in["refreshToken"] });
    let refreshed = app.anonymous().mutate("refreshSession", input, "accessToken").await;
    assert!(refreshed["accessToken"].is_string(), "{moment}: {refreshed}");
    assert_eq!(ended.ask("{ viewer { id } }").await.status, 401, "{moment}");
    let cost = admin.post().json(&json!({ "query": "{ __typename }", "extensions": { "cost": true } }));
    let cost: Value = cost.send().await.unwrap().json().await.unwrap();
    assert_eq!(cost["extensions"]["cost"]["viewer"]["limit"], 50_000, "{moment}: {cost}");
}

#[tokio::test]
async fn whatever_becomes_of_redis_requests_are_served_and_what_was_ended_stays_ended() {
    let mut server = RedisServer::absent();
    let redis = Redis::open(&server.url()).unwrap();
    let cost_rates = CostRates { viewer: 1, hospital: 1 };
    let app = TestApp::start_as(AppOptions { redis: Some(redis.clone()), cost_rates, ..AppOptions::default() }).await;
    let hospital = app.hospital().await;
    let ended = app.clinician(&hospital);
    ended.ask("mutation { signOut { userErrors { message } } }").await.data();
    let told = async || -> Value {
        reqwest::get(format!("{}/readyz", app.url)).await.unwrap().json::<Value>().await.unwrap()["redis"].take()
    };

    all_is_well(&app, &hospital, &ended, "absent").await;
    assert_eq!(told().await, "away");
    server.run();
    until("used", || redis.is_up()).await;
    assert_eq!(told().await, "used");
    all_is_well(&app, &hospital, &ended, "used now").await;
    assert!(server.ask::<u64>(&["DBSIZE"]).await > 0);
    let _: String = server.ask(&["FLUSHALL"]).await;
    all_is_well(&app, &hospital, &ended, "emptied out").await;
    server.hold();
    all_is_well(&app, &hospital, &ended, "held at a stop").await;
    until("away", || !redis.is_up()).await;
    server.release();
    until("used again", || redis.is_up()).await;
    all_is_well(&app, &hospital, &ended, "released again").await;
    server.kill();
    all_is_well(&app, &hospital, &ended, "killed while running").await;
    server.run();
    until("used again", || redis.is_up()).await;
    all_is_well(&app, &hospital, &ended, "started again, empty").await;
}
