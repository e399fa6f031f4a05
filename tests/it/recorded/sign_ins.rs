use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Event, PASSWORD, TestApp};
use patient_logger::kernel::Role;

async fn sign_in(app: &TestApp, email: &str, password: &str, hospital: Option<&str>) -> Value {
    let input = json!({ "email": email, "password": password, "hospital": hospital });
    app.anonymous().mutate("signIn", input, "accessToken refreshToken choices { slug }").await
}

fn told(events: &[Event]) -> Vec<(String, Uuid, Uuid)> {
    events.iter().map(|event| (event.what(), event.hospital, event.actor.1)).collect()
}

#[tokio::test]
async fn who_signs_in_is_told_and_who_fails_is_told_where_the_account_works() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let here = app.employ(&one, "both@float.example", Role::Clinician).await;
    let there = app.employ(&two, "both@float.example", Role::Clinician).await;
    let before = app.events().await.len();

    sign_in(&app, &one.clinician.email, PASSWORD, None).await;
    let events = app.events_since(before, 1).await;
    assert_eq!(told(&events), [("SIGN_IN OK".into(), one.id.0, one.clinician.staff.0)]);
    assert_eq!((events[0].session.is_some(), events[0].address.as_deref()), (true, Some("127.0.0.1")));
    assert!(events[0].fields.contains(&"Mutation.signIn".to_owned()));

    // A choice is no sign-in yet; a name that nobody has belongs to no hospital.
    assert_eq!(sign_in(&app, "both@float.example", PASSWORD, None).await["choices"].as_array().unwrap().len(), 2);
    sign_in(&app, "nobody@float.example", PASSWORD, None).await;
    sign_in(&app, "both@float.example", "not the password", None).await;
    sign_in(&app, "both@float.example", PASSWORD, Some("hospital-7")).await;
    let events = app.events_since(before + 1, 4).await;
    let mut found = told(&events);
    found.sort();
    let refused = |hospital: Uuid, staff: Uuid| ("SIGN_IN REFUSED".to_owned(), hospital, staff);
    let [a, b] = [refused(one.id.0, here.staff.0), refused(two.id.0, there.staff.0)];
    let mut expected = vec![a.clone(), a, b.clone(), b];
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn leaving_and_changing_places_are_told_in_the_hospitals_that_they_concern() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let here = app.employ(&one, "both@float.example", Role::Clinician).await;
    let there = app.employ(&two, "both@float.example", Role::Clinician).await;
    let before = app.events().await.len();
    let mut seen = before;
    let mut next = async |count: usize| {
        let events = app.events_since(seen, count).await;
        seen += events.len();
        events
    };
    let actor = app.actor(&here);
    let switch = json!({ "staffId": there.staff.to_string() });
    let payload = actor.mutate("switchContext", switch, "accessToken").await;
    assert_eq!(told(&next(1).await), [("SIGN_IN OK".into(), two.id.0, there.staff.0)]);
    let elsewhere = Actor { token: payload["accessToken"].as_str().map(str::to_owned), ..actor.clone() };
    elsewhere.mutate("switchContext", json!({ "staffId": one.admin.staff.to_string() }), "accessToken").await;
    assert_eq!(told(&next(1).await), [("SIGN_IN REFUSED".into(), two.id.0, there.staff.0)]);

    elsewhere.ask("mutation { signOut { userErrors { code } } }").await;
    assert_eq!(told(&next(1).await), [("SIGN_OUT OK".into(), two.id.0, there.staff.0)]);
    actor.ask("mutation { signOutEverywhere { endedSessions } }").await;
    let mut events = told(&next(2).await);
    events.sort();
    let mut expected =
        [("SIGN_OUT OK".to_owned(), one.id.0, here.staff.0), ("SIGN_OUT OK".to_owned(), two.id.0, there.staff.0)];
    expected.sort();
    assert_eq!(events, expected);
}

#[tokio::test]
async fn a_refresh_is_not_told_but_a_stolen_token_is() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let payload = sign_in(&app, &hospital.clinician.email, PASSWORD, None).await;
    let before = app.events().await.len();
    let refresh = async || {
        let input = json!({ "refreshToken": payload["refreshToken"] });
        app.anonymous().mutate("refreshSession", input, "refreshToken").await
    };
    refresh().await;
    assert_eq!(app.events().await.len(), before);
    app.wait(chrono::Duration::minutes(1));
    refresh().await;
    let events = app.events_since(before, 1).await;
    assert_eq!(told(&events), [("SIGN_OUT OK".into(), hospital.id.0, hospital.clinician.staff.0)]);
    assert_eq!(events[0].reason.as_deref(), Some("A refresh token was used a second time."));
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_to_its_hospital() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let partner = admin.partner_key(json!([])).await;
    let id = partner.ask("{ viewer { id } }").await.data()["viewer"]["id"].as_str().unwrap().to_owned();
    admin.mutate("revokePartnerKey", json!({ "id": id }), "partnerKey { id }").await;
    let before = app.events().await.len();
    let mut status = 200;
    while status == 200 {
        // A key that was looked up is believed for a second.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        status = partner.ask("{ viewer { id } }").await.status;
    }
    let events = app.events_since(before, 1).await;
    assert_eq!(status, 401);
    assert_eq!((events[0].what(), format!("key_{}", events[0].actor.1.simple())), ("SIGN_IN REFUSED".into(), id));
    assert_eq!((events[0].hospital, events[0].actor.0.as_str()), (hospital.id.0, "PARTNER_KEY"));
}
