//! Signing in.

use chrono::Duration;
use patient_logger::kernel::Role;
use serde_json::{Value, json};

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
