//! One honest cost limit.

use chrono::Duration;
use patient_logger::app::AppOptions;
use patient_logger::kernel::Clock;
use patient_logger::keys::Keys;
use patient_logger::limits::{Buckets, CostRates};
use patient_logger::redis::Redis;
use sea_orm::sqlx;
use serde_json::{Value, json};

use crate::support::{Actor, Hospital, RedisServer, TestApp, until};

/// A viewer's bucket holds 50,000, which is the least, and a hospital's 100,000.
const RATES: CostRates = CostRates { viewer: 2_500, hospital: 5_000 };
const CHEAP: &str = "{ __typename }";

fn limited() -> AppOptions {
    AppOptions { cost_rates: RATES, ..AppOptions::default() }
}

/// A document that costs 8,090 where there are a hundred patients.
fn dear() -> String {
    let fields = "id room status mrn firstName lastName dateOfBirth version";
    let page = |at: u32| format!("p{at}: patients(first: 100) {{ nodes {{ {fields} }} }} ");
    format!("{{ {} }}", (0..10).map(page).collect::<String>())
}

/// A hospital with a hundred patients.
async fn hospital(app: &TestApp) -> Hospital {
    let hospital = app.hospital().await;
    let sql =
        "INSERT INTO patients (hospital_id, id, mrn, first_name, last_name, date_of_birth, status, version, created_at,
                   updated_at)
               SELECT $1, gen_random_uuid(), 'MRN-' || n, 'Pat', 'Patient', '1980-02-29', 'ADMITTED', 1, now(), now()
               FROM generate_series(1, 100) AS n";
    sqlx::query(sql).bind(hospital.id.0).execute(&mut app.database.superuser().await).await.unwrap();
    hospital
}

/// Sends documents until one is refused, and gives that answer with its header.
async fn drain(actor: &Actor) -> (Value, u64) {
    for _ in 0..20 {
        let response = actor.post().json(&json!({ "query": dear() })).send().await.unwrap();
        let (status, header) = (response.status(), response.headers().get("retry-after").cloned());
        let body: Value = response.json().await.unwrap();
        if status != 200 {
            assert_eq!(status, 429, "{body}");
            return (body, header.unwrap().to_str().unwrap().parse().unwrap());
        }
    }
    panic!("it is never empty");
}

/// What the answer to a document says of its cost.
async fn cost(actor: &Actor, query: &str) -> Value {
    let body = json!({ "query": query, "extensions": { "cost": true } });
    let response = actor.post().json(&body).send().await.unwrap();
    response.json::<Value>().await.unwrap()["extensions"]["cost"].clone()
}

#[tokio::test]
async fn who_has_spent_the_budget_waits_for_the_time_told_and_nobody_else_does() {
    let app = TestApp::start_as(limited()).await;
    let (one, two) = (hospital(&app).await, app.hospital().await);
    let clinician = app.clinician(&one);
    let (refusal, seconds) = drain(&clinician).await;
    let error = &refusal["errors"][0];
    assert_eq!(error["extensions"], json!({ "code": "RATE_LIMITED", "retryAfterSeconds": seconds }), "{refusal}");
    assert!(error["message"].as_str().unwrap().contains("you have"), "{refusal}");
    assert_eq!(refusal.get("data"), None, "nothing ran");

    assert_eq!(app.colleague(&one).ask(&dear()).await.status, 200);
    assert_eq!(app.clinician(&two).ask(&dear()).await.status, 200);
    assert_eq!(app.anonymous().ask(CHEAP).await.status, 200);

    app.wait(Duration::seconds(seconds as i64) - Duration::milliseconds(1_000));
    assert_eq!(clinician.ask(&dear()).await.code(), "RATE_LIMITED");
    app.wait(Duration::milliseconds(1_000));
    assert_eq!(clinician.ask(&dear()).await.status, 200);
}

#[tokio::test]
async fn a_hospital_that_has_spent_its_budget_leaves_the_others_alone() {
    let app = TestApp::start_as(limited()).await;
    let (one, two) = (hospital(&app).await, app.hospital().await);
    let key = app.admin(&one).partner_key(json!(["READ_PATIENT_IDENTITY"])).await;
    let (refusal, _) = drain(&app.clinician(&one)).await;
    assert!(refusal["errors"][0]["message"].as_str().unwrap().contains("you have"), "{refusal}");
    // Two viewers' budgets are one hospital's.
    drain(&key).await;
    let refusal = app.colleague(&one).ask(&dear()).await;
    assert_eq!(refusal.code(), "RATE_LIMITED");
    assert!(refusal.body["errors"][0]["message"].as_str().unwrap().contains("your hospital has"), "{refusal:?}");
    assert_eq!(app.colleague(&one).ask(CHEAP).await.status, 200, "what still fits is served");
    assert_eq!(app.clinician(&two).ask(&dear()).await.status, 200);
}

#[tokio::test]
async fn the_most_is_paid_before_and_what_was_not_there_given_back_after() {
    let app = TestApp::start_as(limited()).await;
    let hospital = app.hospital().await;
    app.admin(&hospital).patient("MRN-1").await;
    let clinician = app.clinician(&hospital);
    let page = cost(&clinician, "{ patients(first: 100) { nodes { id room } } }").await;
    // patients, nodes, and two fields of each patient; the clinician's first request.
    let left =
        |limit: u64, spent: u64, rate: u64| json!({ "limit": limit, "available": limit - spent, "restoreRate": rate });
    let requested = page["requested"].as_u64().unwrap();
    assert!(requested > 200, "{page}");
    assert_eq!((&page["actual"], &page["viewer"]), (&json!(4), &left(50_000, 4, 2_500)), "{page}");

    assert_eq!(cost(&clinician, CHEAP).await["viewer"], left(50_000, 5, 2_500));
    for wrong in ["{ nothing }", "{ viewer {", "{ patients(first: 1000) { nodes { id } } }"] {
        clinician.ask(wrong).await;
    }
    assert_eq!(cost(&clinician, CHEAP).await["viewer"], left(50_000, 9, 2_500), "what fails costs 1");
    let anonymous = cost(&app.anonymous(), CHEAP).await;
    assert_eq!(anonymous, json!({ "requested": 1, "actual": 1, "viewer": left(50_000, 1, 2_500) }));
    let refused = cost(&clinician, "{ __typename patients { nodes { contactPhone } } }").await;
    assert_eq!(refused["actual"], 3, "a refused field is not paid for: {refused}");

    let unasked = clinician.post().json(&json!({ "query": CHEAP })).send().await.unwrap();
    assert_eq!(unasked.json::<Value>().await.unwrap().get("extensions"), None);
}

#[tokio::test]
async fn servers_share_the_budget_in_redis_and_each_keeps_one_when_redis_is_gone() {
    let mut server = RedisServer::absent();
    server.run();
    let redis = Redis::open(&server.url()).unwrap();
    until("used", || redis.is_up()).await;
    // Redis has its own clock: at this rate nothing comes back while the test runs.
    let cost_rates = CostRates { viewer: 1, hospital: 0 };
    let app = TestApp::start_as(AppOptions { redis: Some(redis), cost_rates, ..AppOptions::default() }).await;
    let hospital = hospital(&app).await;
    let clinician = app.clinician(&hospital);
    drain(&clinician).await;
    let keys: Vec<String> = server.ask(&["KEYS", "*"]).await;
    assert!(!keys.is_empty() && keys.iter().all(|key| key.starts_with("patient-logger:1:bucket:")), "{keys:?}");

    let other = app.copy().await;
    let elsewhere = Actor { url: other.url.clone(), ..clinician.clone() };
    let left = |answer: &Value| answer["viewer"]["available"].as_u64().unwrap();
    assert!(left(&cost(&elsewhere, CHEAP).await) < 45_000, "the other server knows what was spent here");

    let _: String = server.ask(&["FLUSHALL"]).await;
    assert!(left(&cost(&elsewhere, CHEAP).await) >= 49_000, "a flush fills the buckets");
    server.kill();
    assert!(left(&cost(&elsewhere, CHEAP).await) >= 49_000, "it counts by itself now");
    drain(&elsewhere).await;
    let colleague = Actor { url: other.url.clone(), ..app.colleague(&hospital) };
    assert_eq!(colleague.ask(&dear()).await.status, 200);
}

#[tokio::test]
async fn buckets_in_redis_and_in_memory_do_the_same() {
    let mut server = RedisServer::absent();
    server.run();
    let redis = Redis::open(&server.url()).unwrap();
    until("used", || redis.is_up()).await;
    // So slow that the time between the steps is nothing.
    const RATE: f64 = 0.001;
    let mut stories = Vec::new();
    for redis in [None, Some(redis)] {
        let buckets = Buckets::new(redis, Clock::from_fn(chrono::Utc::now), Keys::random().pseudonyms("bucket"));
        let pair = || vec![buckets.bucket(&["small"], 10.0, RATE), buckets.bucket(&["large"], 15.0, RATE)];
        let small = || vec![buckets.bucket(&["small"], 10.0, RATE)];
        let mut story = Vec::new();
        for step in 0..6 {
            let taken = match step {
                1 => buckets.take(small(), 4.0).await,
                _ => buckets.take(pair(), 4.0).await,
            };
            story.push(match &taken {
                Ok(taken) => format!("{:?}", taken.each().map(|(_, left)| left.floor()).collect::<Vec<_>>()),
                Err(short) => {
                    format!("{} {} {:.0}", short.bucket, short.left.floor(), short.wait.as_secs_f64() / 100.0)
                }
            });
            if let (3, Ok(taken)) | (0, Ok(taken)) = (step, &taken) {
                buckets.give_back(taken, 1.0);
                // Behind the answer.
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        }
        stories.push(story);
    }
    assert_eq!(stories[0], ["[6.0, 11.0]", "[3.0]", "0 3 10", "0 3 10", "0 3 10", "0 3 10"]);
    assert_eq!(stories[0], stories[1]);
}

#[tokio::test]
async fn a_server_that_has_lost_redis_fills_at_a_quarter_of_the_rate() {
    let now = std::sync::Arc::new(std::sync::Mutex::new(chrono::Utc::now()));
    let clock = Clock::from_fn({
        let now = now.clone();
        move || *now.lock().unwrap()
    });
    let lost = Redis::open(&RedisServer::absent().url()).unwrap();
    for (redis, seconds) in [(None, 100.0), (Some(lost), 400.0)] {
        let buckets = Buckets::new(redis, clock.clone(), Keys::random().pseudonyms("bucket"));
        let bucket = || vec![buckets.bucket(&["one"], 100.0, 1.0)];
        buckets.take(bucket(), 100.0).await.unwrap();
        assert_eq!(buckets.take(bucket(), 100.0).await.unwrap_err().wait.as_secs_f64(), seconds);
        // A clock that is set back stops nothing.
        *now.lock().unwrap() -= Duration::hours(1);
        assert_eq!(buckets.take(bucket(), 100.0).await.unwrap_err().wait.as_secs_f64(), seconds);
        *now.lock().unwrap() += Duration::seconds(seconds as i64);
        buckets.take(bucket(), 100.0).await.unwrap();
    }
}
