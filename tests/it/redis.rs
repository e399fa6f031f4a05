//! Redis is a help, never a need.

use std::time::Duration;

use patient_logger::redis::{Redis, Script};

use crate::support::{RedisServer, until};

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
