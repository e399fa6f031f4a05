//! Signing in, and what a token is worth.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Duration;
use patient_logger::auth::{SigningKey, Tokens};
use patient_logger::kernel::{Clock, Role, SessionId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, TestApp};

const SIGN_IN: &str = "accessToken expiresAt viewer { id name email role permissions hospital { slug } }
                       choices { slug name role }";
const PASSWORD: &str = "a password for tests";

async fn sign_in(actor: &Actor, email: &str, password: &str, hospital: Option<&str>) -> Value {
    actor.mutate("signIn", json!({ "email": email, "password": password, "hospital": hospital }), SIGN_IN).await
}

#[tokio::test]
async fn a_right_password_gives_a_token_that_speaks_for_its_owner_for_ten_minutes() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    // Capitals and a stray space do not matter in an address.
    let email = format!(" {}", hospital.clinician.email.to_uppercase());
    let payload = sign_in(&app.anonymous(), &email, PASSWORD, None).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["choices"], json!([]));
    assert_eq!(payload["expiresAt"], "2026-03-01T12:10:00Z");
    let viewer = &payload["viewer"];
    assert_eq!(viewer["id"], hospital.clinician.staff.to_string());
    assert_eq!(viewer["email"], hospital.clinician.email);
    assert_eq!(viewer["hospital"]["slug"], hospital.slug);

    let actor = Actor::new(&app.url, payload["accessToken"].as_str().map(str::to_owned));
    let same = actor.ask("{ viewer { id name email role permissions hospital { slug } } }").await;
    assert_eq!(same.data()["viewer"], *viewer);

    app.wait(Duration::minutes(10) + Duration::seconds(4));
    assert_eq!(actor.ask("{ viewer { id } }").await.status, 200, "clocks may differ by five seconds");
    app.wait(Duration::seconds(1));
    let expired = actor.ask("{ viewer { id } }").await;
    assert_eq!((expired.status, expired.code()), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn a_wrong_address_and_a_wrong_password_are_one_answer() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let other = app.hospital().await;
    let anonymous = app.anonymous();
    let wrong = sign_in(&anonymous, &hospital.clinician.email, "not the password", None).await;
    assert_eq!(wrong["userErrors"][0]["code"], "INVALID_CREDENTIALS");
    let email = hospital.clinician.email.as_str();
    for (email, password, slug) in [
        ("nobody@nowhere.example", PASSWORD, None),
        ("", "", None),
        ("' OR 1=1 --", "'", None),
        (email, &"x".repeat(10_000), None),
        (email, PASSWORD, Some(other.slug.as_str())),
        (email, PASSWORD, Some("no-such-hospital")),
    ] {
        assert_eq!(sign_in(&anonymous, email, password, slug).await, wrong, "{email}");
    }
}

#[tokio::test]
async fn who_works_in_two_hospitals_chooses_and_each_token_stays_in_its_own() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    app.employ(&one, "flo@agency.example", Role::Clinician).await;
    app.employ(&two, "flo@agency.example", Role::Admin).await;
    let choice = sign_in(&app.anonymous(), "flo@agency.example", PASSWORD, None).await;
    assert_eq!(choice["accessToken"], Value::Null);
    let expected = json!([
        { "slug": one.slug, "name": "Hospital 0", "role": "CLINICIAN" },
        { "slug": two.slug, "name": "Hospital 1", "role": "ADMIN" },
    ]);
    assert_eq!(choice["choices"], expected);

    for hospital in [&one, &two] {
        let payload = sign_in(&app.anonymous(), "flo@agency.example", PASSWORD, Some(&hospital.slug)).await;
        let actor = Actor::new(&app.url, payload["accessToken"].as_str().map(str::to_owned));
        let answer = actor.ask("{ hospital { slug } clinicians { nodes { name } } }").await;
        assert_eq!(answer.data()["hospital"]["slug"], hospital.slug);
    }
}

#[tokio::test]
async fn a_password_that_an_administrator_chose_opens_that_hospital_only() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let input = json!({ "email": "new@person.example", "name": "New Person", "role": "CLINICIAN", "initialPassword": PASSWORD });
    for hospital in [&one, &two] {
        // The second hospital cannot tell that the first knows this person already.
        let payload =
            app.admin(hospital).mutate("createStaff", input.clone(), "staff { name role email status }").await;
        let staff =
            json!({ "name": "New Person", "role": "CLINICIAN", "email": "new@person.example", "status": "ACTIVE" });
        assert_eq!(payload, json!({ "staff": staff, "userErrors": [] }));
    }
    let anonymous = app.anonymous();
    let payload = sign_in(&anonymous, "new@person.example", PASSWORD, None).await;
    assert_eq!(payload["viewer"]["hospital"]["slug"], one.slug);
    let refused = sign_in(&anonymous, "new@person.example", PASSWORD, Some(&two.slug)).await;
    assert_eq!(refused["userErrors"][0]["code"], "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn nothing_is_a_token_but_what_was_issued() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let person = &hospital.clinician;
    let good = app.actor(person).token.unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let decode = |part: &str| serde_json::from_slice::<Value>(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let (header, claims) = (decode(parts[0]), decode(parts[1]));
    let expected = ["aud", "exp", "hid", "iat", "iss", "jti", "nbf", "role", "sid", "sub"];
    assert_eq!(claims.as_object().unwrap().keys().collect::<Vec<_>>(), expected);

    // Signed by somebody else, with every claim right.
    let now = app.now();
    let forger = Tokens::new(&SigningKey::random(), std::time::Duration::from_secs(600), Clock::from_fn(move || now));
    let forged = forger.issue(person.staff, person.hospital, Role::Admin, SessionId(Uuid::now_v7())).unwrap().token;
    let mut bad = vec![
        forged,
        String::new(),
        "x".into(),
        "a.b.c".into(),
        parts[..2].join("."),
        format!("{good}x"),
        format!("{good}.x"),
        good.to_uppercase(),
        format!("{}.{}.", encode(&json!({ "alg": "none", "typ": "at+jwt" })), parts[1]),
        format!("{}.{}.{}", encode(&json!({ "alg": "HS256", "typ": "at+jwt" })), parts[1], parts[2]),
        format!("{}.{}.{}", encode(&json!({ "alg": "EdDSA", "typ": "JWT" })), parts[1], parts[2]),
        "9".repeat(10_000),
    ];
    for claim in expected {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(claim);
        bad.push(format!("{}.{}.{}", encode(&header), encode(&without), parts[2]));
        let mut other = claims.clone();
        other[claim] = json!(["x"]);
        bad.push(format!("{}.{}.{}", encode(&header), encode(&other), parts[2]));
    }
    let mut answers: Vec<Value> = Vec::new();
    for token in bad {
        let answer = Actor::new(&app.url, Some(token.clone())).ask("{ viewer { id } }").await;
        assert_eq!(answer.status, 401, "{token}");
        answers.push(answer.body);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(Actor::new(&app.url, Some(good)).ask("{ viewer { id } }").await.status, 200);
}

#[tokio::test]
async fn a_token_of_ours_with_a_claim_missing_or_mistyped_is_none() {
    // The forgeries above fail on their signature; these are signed with the right key.
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let pem = ed25519_dalek::pkcs8::EncodePrivateKey::to_pkcs8_pem(&key, Default::default()).unwrap();
    let path = crate::support::scratch("token-key.pem");
    std::fs::write(&path, pem.as_bytes()).unwrap();
    let now = app.now();
    let tokens = Tokens::new(
        &SigningKey::read(&path).unwrap(),
        std::time::Duration::from_secs(600),
        Clock::from_fn(move || now),
    );
    let person = &hospital.clinician;
    let good = tokens.issue(person.staff, person.hospital, person.role, SessionId(Uuid::now_v7())).unwrap().token;
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(good.split('.').nth(1).unwrap()).unwrap()).unwrap();
    let sign = |claims: &Value, typ: &str| {
        let header = BASE64_URL_SAFE_NO_PAD.encode(json!({ "alg": "EdDSA", "typ": typ }).to_string());
        let text = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = ed25519_dalek::Signer::sign(&key, text.as_bytes());
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    };
    assert!(tokens.verify(&sign(&claims, "at+jwt")).is_some());
    assert!(tokens.verify(&sign(&claims, "JWT")).is_none());
    let names: Vec<String> = claims.as_object().unwrap().keys().cloned().collect();
    for name in names {
        for value in [None, Some(Value::Null), Some(json!({})), Some(json!("x")), Some(json!(-1))] {
            let mut changed = claims.clone();
            match value.clone() {
                None => drop(changed.as_object_mut().unwrap().remove(&name)),
                Some(value) => changed[&name] = value,
            }
            // -1 is a number, so a time that has long passed, and "issued" long ago is no fault.
            if name == "iat" && value == Some(json!(-1)) || name == "nbf" && value == Some(json!(-1)) {
                continue;
            }
            assert!(tokens.verify(&sign(&changed, "at+jwt")).is_none(), "{name} = {value:?}");
        }
    }
    let mut more = claims.clone();
    more["hospitals"] = json!(["*"]);
    assert!(tokens.verify(&sign(&more, "at+jwt")).is_none(), "a claim that nobody knows");
    for (claim, seconds) in [("nbf", 6), ("exp", -606)] {
        let mut shifted = claims.clone();
        shifted[claim] = json!(claims[claim].as_i64().unwrap() + seconds);
        assert!(tokens.verify(&sign(&shifted, "at+jwt")).is_none(), "{claim} {seconds}");
    }
}
