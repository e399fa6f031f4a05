//! Guessing is slow, and nobody can lock out somebody else by it.

use chrono::Duration;
use sea_orm::sqlx;
use serde_json::{Value, json};

use crate::support::{Actor, Answer, PASSWORD, TestApp};

async fn sign_in(actor: &Actor, email: &str, password: &str) -> Answer {
    actor.send("signIn", json!({ "email": email, "password": password }), "accessToken refreshToken").await
}

/// What became of an attempt: whether it was right, or the seconds to wait.
#[track_caller]
fn outcome(answer: &Answer) -> Result<bool, u64> {
    if answer.status == 429 {
        assert_eq!((answer.code(), answer.body.get("data")), ("RATE_LIMITED", None), "{answer:?}");
        return Err(answer.body["errors"][0]["extensions"]["retryAfterSeconds"].as_u64().unwrap());
    }
    let payload = &answer.data()["signIn"];
    let right = payload["accessToken"].is_string();
    assert_eq!(payload["userErrors"][0]["code"] == "INVALID_CREDENTIALS", !right, "{payload}");
    Ok(right)
}

async fn guess(actor: &Actor, email: &str) -> Result<bool, u64> {
    outcome(&sign_in(actor, email, "not the password").await)
}

#[tokio::test]
async fn after_five_wrong_guesses_each_waits_longer_and_the_right_password_still_works() {
    let app = TestApp::start().await;
    let person = app.hospital().await.clinician;
    let anonymous = app.anonymous();
    for _ in 0..6 {
        assert_eq!(guess(&anonymous, &person.email).await, Ok(false));
    }
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        // Trying early changes nothing, also with the right password.
        assert_eq!(outcome(&sign_in(&anonymous, &person.email, PASSWORD).await), Err(pause));
        app.wait(Duration::seconds(pause as i64) - Duration::milliseconds(1));
        assert_eq!(guess(&anonymous, &format!(" {}", person.email.to_uppercase())).await, Err(1));
        app.wait(Duration::milliseconds(1));
        assert_eq!(guess(&anonymous, &person.email).await, Ok(false));
    }
    app.wait(Duration::seconds(60));
    assert_eq!(outcome(&sign_in(&anonymous, &person.email, PASSWORD).await), Ok(true));

    app.wait(Duration::minutes(15));
    for _ in 0..6 {
        assert_eq!(guess(&anonymous, &person.email).await, Ok(false));
    }
    assert_eq!(guess(&anonymous, &person.email).await, Err(1));
}

#[tokio::test]
async fn strangers_elsewhere_delay_nobody_where_they_have_signed_in_before() {
    let app = TestApp::behind_a_proxy().await;
    let person = app.hospital().await.clinician;
    let ward = app.stranger_at("2001:db8:1:1::5");
    assert_eq!(outcome(&sign_in(&ward, &person.email, PASSWORD).await), Ok(true));

    for number in 0..6 {
        // From many addresses, as it happens.
        assert_eq!(guess(&app.stranger_at(&format!("203.0.113.{number}")), &person.email).await, Ok(false));
    }
    let elsewhere = app.stranger_at("198.51.100.1");
    assert_eq!(outcome(&sign_in(&elsewhere, &person.email, PASSWORD).await), Err(1), "a new place shares the count");
    let next_desk = app.stranger_at("2001:db8:1:1::6");
    assert_eq!(outcome(&sign_in(&next_desk, &person.email, PASSWORD).await), Ok(true), "a known one does not");
    assert_eq!(outcome(&sign_in(&elsewhere, &person.email, PASSWORD).await), Err(1), "and gives strangers nothing");

    // The place has a count of its own, which a right guess clears.
    for _ in 0..5 {
        assert_eq!(guess(&ward, &person.email).await, Ok(false));
    }
    assert_eq!(outcome(&sign_in(&ward, &person.email, PASSWORD).await), Ok(true));
    for _ in 0..6 {
        assert_eq!(guess(&ward, &person.email).await, Ok(false));
    }
    assert_eq!(guess(&ward, &person.email).await, Err(1));

    app.wait(Duration::seconds(1));
    assert_eq!(outcome(&sign_in(&elsewhere, &person.email, PASSWORD).await), Ok(true));
    app.wait(Duration::days(30));
    for number in 0..6 {
        assert_eq!(guess(&app.stranger_at(&format!("203.0.113.{number}")), &person.email).await, Ok(false));
    }
    assert_eq!(guess(&ward, &person.email).await, Err(1), "after 30 days it is known no more");
}

#[tokio::test]
async fn an_address_that_belongs_to_nobody_is_treated_like_one_that_does_to_the_byte() {
    let app = TestApp::behind_a_proxy().await;
    let person = app.hospital().await.clinician;
    let mut stories: Vec<Vec<(u16, Option<String>, String)>> = vec![Vec::new(); 3];
    for step in 0..9 {
        for (number, email) in [person.email.as_str(), "nobody@hospital-0.example", "no address"].iter().enumerate() {
            let actor = app.stranger_at(&format!("192.0.2.{number}"));
            let query =
                "mutation($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { code message } } }";
            let input = json!({ "email": email, "password": "not the password" });
            let body = json!({ "query": query, "variables": { "input": input } });
            let response = actor.post().json(&body).send().await.unwrap();
            let header = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
            stories[number].push((response.status().as_u16(), header, response.text().await.unwrap()));
        }
        app.wait(Duration::milliseconds(if step < 6 { 0 } else { 900 }));
    }
    assert_eq!(
        stories[0].iter().map(|(status, ..)| *status).collect::<Vec<_>>(),
        [200, 200, 200, 200, 200, 200, 429, 429, 200]
    );
    assert_eq!(stories[0][6].1.as_deref(), Some("1"));
    assert!(stories.iter().all(|story| *story == stories[0]), "{stories:#?}");
}

#[tokio::test]
async fn guesses_in_one_document_and_at_one_moment_count_each_other() {
    let app = TestApp::behind_a_proxy().await;
    let hospital = app.hospital().await;
    let document = |email: &str, count: usize| {
        let guess = |at: usize| {
            let password = if at + 1 == count { PASSWORD } else { "not the password" };
            format!("g{at}: signIn(input: {{ email: \"{email}\", password: \"{password}\" }}) {{ accessToken }} ")
        };
        format!("mutation {{ {} }}", (0..count).map(guess).collect::<String>())
    };
    let answer = app.stranger_at("192.0.2.1").ask(&document(&hospital.clinician.email, 10)).await;
    let codes: Vec<&str> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["extensions"]["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["RATE_LIMITED"; 4], "{}", answer.body);
    assert_eq!(answer.body["data"]["g9"], Value::Null, "the right one came too late");
    let refused = app.stranger_at("192.0.2.1").ask(&document(&hospital.clinician.email, 20)).await;
    assert_eq!(refused.code(), "QUERY_TOO_COMPLEX");

    let guesses = (0..20).map(|number| {
        let (actor, email) = (app.stranger_at(&format!("203.0.113.{number}")), hospital.colleague.email.clone());
        tokio::spawn(async move { guess(&actor, &email).await })
    });
    let mut outcomes = Vec::new();
    for guess in guesses.collect::<Vec<_>>() {
        outcomes.push(guess.await.unwrap());
    }
    outcomes.sort();
    assert_eq!(outcomes[..6], [Ok(false); 6]);
    assert_eq!(outcomes[6..], [Err(1); 14]);
}

#[tokio::test]
async fn one_address_guesses_slowly_whatever_the_account_and_right_passwords_are_free() {
    let app = TestApp::behind_a_proxy().await;
    let hospital = app.hospital().await;
    let ward = app.stranger_at("192.0.2.1");
    for _ in 0..12 {
        for person in [&hospital.admin, &hospital.clinician, &hospital.colleague] {
            assert_eq!(outcome(&sign_in(&ward, &person.email, PASSWORD).await), Ok(true), "a shift change");
        }
    }
    for number in 0..30 {
        assert_eq!(guess(&ward, &format!("person-{number}@hospital.example")).await, Ok(false));
    }
    assert_eq!(guess(&ward, "person-30@hospital.example").await, Err(2));
    assert_eq!(guess(&app.stranger_at("192.0.2.2"), "person-30@hospital.example").await, Ok(false));
    app.wait(Duration::seconds(2));
    assert_eq!(outcome(&sign_in(&ward, &hospital.clinician.email, PASSWORD).await), Ok(true));

    // Names that strangers made up are forgotten, places where people have signed in are not.
    let rows = async || -> (i64, i64) {
        let sql = "SELECT count(*) FILTER (WHERE place = ''), count(*) FILTER (WHERE place <> '') FROM attempts";
        sqlx::query_as(sql).fetch_one(&mut app.database.superuser().await).await.unwrap()
    };
    assert_eq!(rows().await, (34, 3));
    app.wait(Duration::minutes(15));
    for _ in 0..4 {
        assert_eq!(outcome(&sign_in(&ward, &hospital.clinician.email, PASSWORD).await), Ok(true));
    }
    assert_eq!(rows().await, (0, 3));
}

#[tokio::test]
async fn a_session_is_refreshed_ten_times_a_minute_and_loses_nothing_by_trying_more_often() {
    let app = TestApp::start().await;
    let person = app.hospital().await.clinician;
    let anonymous = app.anonymous();
    let mut token = sign_in(&anonymous, &person.email, PASSWORD).await.data()["signIn"]["refreshToken"].clone();
    let refresh =
        async |token: &Value| anonymous.send("refreshSession", json!({ "refreshToken": token }), "refreshToken").await;
    for _ in 0..10 {
        token = refresh(&token).await.data()["refreshSession"]["refreshToken"].clone();
        app.wait(Duration::seconds(2));
    }
    let early = refresh(&token).await;
    assert_eq!((early.status, early.code()), (429, "RATE_LIMITED"));
    assert_eq!(early.body["errors"][0]["extensions"]["retryAfterSeconds"], 40);
    app.wait(Duration::seconds(40));
    assert!(refresh(&token).await.data()["refreshSession"]["refreshToken"].is_string());
}

#[tokio::test]
async fn more_sign_ins_than_can_be_checked_are_told_at_once_to_come_back() {
    let app = TestApp::behind_a_proxy().await;
    let hospital = app.hospital().await;
    let attempts = (0..200).map(|number| {
        let actor = app.stranger_at(&format!("10.0.{}.{}", number / 100, number % 100));
        tokio::spawn(async move {
            let email = format!("person-{number}@hospital.example");
            let response = actor
                .post()
                .json(&json!({
                    "query": "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }",
                    "variables": { "input": { "email": email, "password": "not the password" } },
                }))
                .send()
                .await
                .unwrap();
            let (status, wait) = (response.status().as_u16(), response.headers().get("retry-after").cloned());
            (status, wait.map(|wait| wait.to_str().unwrap().to_owned()), response.json::<Value>().await.unwrap())
        })
    });
    let (mut checked, mut refused) = (0, 0);
    for attempt in attempts.collect::<Vec<_>>() {
        let (status, wait, body) = attempt.await.unwrap();
        match status {
            200 => {
                assert_eq!(body["data"]["signIn"]["userErrors"][0]["code"], "INVALID_CREDENTIALS", "{body}");
                checked += 1;
            }
            _ => {
                assert_eq!((status, wait.as_deref()), (503, Some("2")), "{body}");
                assert_eq!(body["errors"][0]["extensions"]["code"], "UNAVAILABLE");
                refused += 1;
            }
        }
    }
    assert!(checked >= 34 && refused > 0, "{checked} were checked and {refused} refused");
    assert_eq!(outcome(&sign_in(&app.anonymous(), &hospital.clinician.email, PASSWORD).await), Ok(true));
}
