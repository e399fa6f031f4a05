//! Passwords: what may be one, changing it, and choosing another with a token from a letter.

use chrono::Duration;
use patient_logger::kernel::Role;
use sea_orm::sqlx;
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use crate::support::{Actor, Hospital, PASSWORD, TestApp, user_errors};

const CHOSEN: &str = "the kettle sings at dawn";
const FLO: &str = "flo@agency.example";

async fn sign_in(app: &TestApp, email: &str, password: &str, hospital: &Hospital) -> Value {
    let input = json!({ "email": email, "password": password, "hospital": hospital.slug });
    app.anonymous().mutate("signIn", input, "accessToken refreshToken").await
}

/// Somebody who has signed in with the password of the tests.
async fn browser(app: &TestApp, email: &str, hospital: &Hospital) -> Actor {
    let payload = sign_in(app, email, PASSWORD, hospital).await;
    Actor::new(&app.url, Some(payload["accessToken"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()))
}

async fn status(actor: &Actor) -> u16 {
    actor.ask("{ viewer { id } }").await.status
}

async fn request(app: &TestApp, email: &str) -> Value {
    app.anonymous().mutate("requestPasswordReset", json!({ "email": email }), "").await
}

async fn reset(app: &TestApp, token: &str, password: &str) -> Value {
    let input = json!({ "token": token, "newPassword": password });
    app.anonymous().mutate("resetPassword", input, "endedSessions").await
}

async fn change(actor: &Actor, current: &str, new: &str) -> Value {
    let input = json!({ "currentPassword": current, "newPassword": new });
    actor.mutate("changePassword", input, "endedSessions").await
}

fn is_refused(payload: &Value, field: &str, code: &str) {
    assert_eq!(user_errors(payload), [(field.to_owned(), code.to_owned())]);
}

#[tokio::test]
async fn a_password_is_long_enough_and_not_easy_to_guess_and_nothing_else_is_asked_of_it() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let email = &hospital.clinician.email;
    let actor = app.clinician(&hospital);
    let verse = "Fünf Mägde schälen Äpfel hinter der Mühle, während im Hof der Öltank überläuft; der Müller zählt Säcke, ein Kätzchen döst.......";
    let exactly = |length: usize| -> String { verse.chars().take(length).collect() };
    let table = [
        (String::new(), "TOO_SHORT"),
        ("kqzvw xyplt mbr".chars().take(14).collect(), "TOO_SHORT"),
        ("e\u{301}".repeat(14), "TOO_SHORT"),
        (exactly(128) + "x", "TOO_LONG"),
        ("x".repeat(60_000), "TOO_LONG"),
        ("the kettle\0sings at dawn".into(), "INVALID"),
        ("the kettle sings at dawn\u{7f}".into(), "INVALID"),
        ("passwordpassword".into(), "GUESSABLE"),
        ("1234567890123456".into(), "GUESSABLE"),
        ("qwertyuiopasdfghjkl".into(), "GUESSABLE"),
        ("aaaaaaaaaaaaaaaaaaaa".into(), "GUESSABLE"),
        ("Hospital 0 Hospital 0".into(), "GUESSABLE"),
        ("Carl Clinician 2026".into(), "GUESSABLE"),
        (email.clone(), "GUESSABLE"),
        (exactly(15), ""),
        ("no capitals, no digits".into(), ""),
        ("           kettle   sings  dawn".into(), ""),
        ("мой дядя самых честных правил".into(), ""),
        (exactly(128), ""),
        ("Öl für die Müllerin".nfd().collect(), ""),
    ];
    assert_eq!(table.len(), 20);
    let mut current = PASSWORD.to_owned();
    for (password, code) in table {
        let payload = change(&actor, &current, &password).await;
        match code {
            "" => {
                assert_eq!(payload["userErrors"], json!([]), "{password}");
                current = password;
            }
            code => is_refused(&payload, "newPassword", code),
        }
        assert!(sign_in(&app, email, &current, &hospital).await["accessToken"].is_string(), "{current}");
    }
    // Typed on a keyboard that composes.
    assert!(sign_in(&app, email, "Öl für die Müllerin", &hospital).await["accessToken"].is_string());
    is_refused(&sign_in(&app, email, PASSWORD, &hospital).await, "", "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn a_changed_password_ends_what_the_account_has_open_but_for_the_session_that_changed_it() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    for hospital in [&one, &two] {
        app.employ(hospital, FLO, Role::Clinician).await;
    }
    let (here, other, elsewhere) =
        (browser(&app, FLO, &one).await, browser(&app, FLO, &one).await, browser(&app, FLO, &two).await);
    let bystander = app.clinician(&one);
    is_refused(&change(&here, "not the password", CHOSEN).await, "", "INVALID_CREDENTIALS");
    assert_eq!(status(&other).await, 200);
    // Each person of the tests has one session more.
    assert_eq!(change(&here, PASSWORD, CHOSEN).await, json!({ "endedSessions": 4, "userErrors": [] }));
    let statuses = [status(&here).await, status(&other).await, status(&elsewhere).await, status(&bystander).await];
    assert_eq!(statuses, [200, 401, 401, 200]);
    is_refused(&sign_in(&app, FLO, PASSWORD, &two).await, "", "INVALID_CREDENTIALS");
    assert!(sign_in(&app, FLO, CHOSEN, &two).await["accessToken"].is_string());
}

#[tokio::test]
async fn a_token_from_a_letter_chooses_a_password_once_and_ends_all_sessions_everywhere() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    for hospital in [&one, &two] {
        app.employ(hospital, FLO, Role::Clinician).await;
    }
    let open = [browser(&app, FLO, &one).await, browser(&app, FLO, &two).await];
    // However it is typed.
    assert_eq!(request(&app, " FLO@Agency.Example").await, json!({ "userErrors": [] }));
    let token = app.mail.token(FLO, 1).await;
    assert!(token.starts_with("plp_"));
    assert_eq!(status(&open[0]).await, 200, "asking changes nothing");

    is_refused(&reset(&app, &token, "short").await, "newPassword", "TOO_SHORT");
    is_refused(&reset(&app, &token, "flo@agency.example!").await, "newPassword", "GUESSABLE");
    let payload = reset(&app, &token, CHOSEN).await;
    assert_eq!(payload, json!({ "endedSessions": 4, "userErrors": [] }));
    for actor in &open {
        assert_eq!(status(actor).await, 401);
    }
    is_refused(&sign_in(&app, FLO, PASSWORD, &one).await, "", "INVALID_CREDENTIALS");
    assert!(sign_in(&app, FLO, CHOSEN, &two).await["accessToken"].is_string());

    let used = reset(&app, &token, "a third one for the kettle").await;
    is_refused(&used, "token", "INVALID_TOKEN");
    for wrong in ["", "nonsense", &token[4..], &token.to_uppercase(), &format!("{token}A")] {
        assert_eq!(reset(&app, wrong, CHOSEN).await, used, "{wrong}");
    }
    app.wait(Duration::minutes(5));
    request(&app, FLO).await;
    let late = app.mail.token(FLO, 2).await;
    app.wait(Duration::minutes(15));
    assert_eq!(reset(&app, &late, CHOSEN).await, used, "a quarter of an hour later");
    request(&app, FLO).await;
    let replaced = app.mail.token(FLO, 3).await;
    app.wait(Duration::minutes(5));
    request(&app, FLO).await;
    let newest = app.mail.token(FLO, 4).await;
    assert_eq!(reset(&app, &replaced, CHOSEN).await, used, "a newer letter was sent");
    let actor = browser_with(&app, CHOSEN, &one).await;
    change(&actor, CHOSEN, "owls prefer no lanterns").await;
    assert_eq!(reset(&app, &newest, CHOSEN).await, used, "its owner had another way in");
}

async fn browser_with(app: &TestApp, password: &str, hospital: &Hospital) -> Actor {
    let payload = sign_in(app, FLO, password, hospital).await;
    Actor::new(&app.url, payload["accessToken"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn of_fifty_who_use_a_token_at_once_one_succeeds() {
    let app = TestApp::start_sized(8, |_| {}).await;
    let hospital = app.hospital().await;
    app.employ(&hospital, FLO, Role::Clinician).await;
    request(&app, FLO).await;
    let token = app.mail.token(FLO, 1).await;
    let attempts = (0..50).map(|number| {
        let input = json!({ "token": token, "newPassword": format!("{CHOSEN} {number}") });
        let actor = app.anonymous();
        async move { actor.send("resetPassword", input, "endedSessions").await }
    });
    let answers = futures_util::future::join_all(attempts).await;
    let done = |number: &usize| answers[*number].body["data"]["resetPassword"]["endedSessions"].is_number();
    let winners: Vec<usize> = (0..50).filter(done).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    let password = format!("{CHOSEN} {}", winners[0]);
    assert!(sign_in(&app, FLO, &password, &hospital).await["accessToken"].is_string());
}

#[tokio::test]
async fn a_request_tells_nobody_whether_there_is_such_an_account_and_fills_no_mailbox() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    app.employ(&hospital, FLO, Role::Clinician).await;
    let gone = app.employ(&hospital, "gone@agency.example", Role::Clinician).await;
    let id = json!({ "id": gone.staff.to_string() });
    app.admin(&hospital).mutate("deactivateStaff", id, "staff { id }").await;
    let sent = async |email: &str| {
        let body = json!({ "query": "mutation($e: String!) { requestPasswordReset(input: { email: $e }) { userErrors { code } } }",
            "variables": { "e": email } });
        let response = app.anonymous().post().json(&body).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap())
    };
    let known = sent(FLO).await;
    for email in ["nobody@nowhere.example", "gone@agency.example", "", "nonsense\0", &"x".repeat(10_000), FLO, FLO, FLO]
    {
        assert_eq!(sent(email).await, known, "{email}");
    }
    assert_eq!(known.0, 200);
    app.mail.wait_for(FLO, 1).await;
    // Requests are looked at in their order, two at a time; these two come behind all of them.
    app.employ(&hospital, "last@agency.example", Role::Clinician).await;
    app.employ(&hospital, "very.last@agency.example", Role::Clinician).await;
    for last in ["last@agency.example", "very.last@agency.example"] {
        sent(last).await;
        app.mail.wait_for(last, 1).await;
    }
    assert_eq!(app.mail.letters_to(FLO).len(), 1, "one in five minutes");
    assert_eq!(app.mail.letters_to("gone@agency.example").len(), 0);
}

#[tokio::test]
async fn an_administrator_starts_a_reset_of_the_own_hospital_and_does_not_choose() {
    let app = TestApp::start().await;
    let (here, there) = (app.hospital().await, app.hospital().await);
    let admin = app.admin(&here);
    let start = async |id: String| admin.mutate("startPasswordReset", json!({ "staffId": id }), "staff { name }").await;
    let payload = start(here.clinician.staff.to_string()).await;
    assert_eq!(payload, json!({ "staff": { "name": "Carl Clinician" }, "userErrors": [] }));
    let token = app.mail.token(&here.clinician.email, 1).await;
    assert!(sign_in(&app, &here.clinician.email, PASSWORD, &here).await["accessToken"].is_string(), "until it is done");
    assert_eq!(reset(&app, &token, CHOSEN).await["userErrors"], json!([]));
    assert!(sign_in(&app, &here.clinician.email, CHOSEN, &here).await["accessToken"].is_string());

    is_refused(&start(there.clinician.staff.to_string()).await, "staffId", "NOT_FOUND");
    assert_eq!(app.mail.letters_to(&there.clinician.email).len(), 0);
    let id = json!({ "id": here.colleague.staff.to_string() });
    admin.mutate("deactivateStaff", id, "staff { id }").await;
    is_refused(&start(here.colleague.staff.to_string()).await, "staffId", "DEACTIVATED");
    let input = json!({ "staffId": here.admin.staff.to_string() });
    let refused = app.clinician(&there).send("startPasswordReset", input, "staff { id }").await;
    assert_eq!(refused.refusals(), [("startPasswordReset".to_owned(), "MANAGE_STAFF".to_owned())]);
}

#[tokio::test]
async fn a_hash_of_older_times_is_renewed_at_the_next_sign_in() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let weak = argon2::Argon2::new(
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        argon2::Params::new(8_192, 1, 1, None).unwrap(),
    );
    let weak = argon2::PasswordHasher::hash_password(&weak, PASSWORD.as_bytes()).unwrap().to_string();
    let mut superuser = app.database.superuser().await;
    let email = &hospital.clinician.email;
    let sql = "UPDATE accounts SET password_hash = $1 WHERE email = $2";
    sqlx::query(sql).bind(&weak).bind(email).execute(&mut superuser).await.unwrap();
    let mut stored = async || -> (String, i32) {
        let sql = "SELECT password_hash, password_version FROM accounts WHERE email = $1";
        sqlx::query_as(sql).bind(email).fetch_one(&mut superuser).await.unwrap()
    };
    is_refused(&sign_in(&app, email, "not the password", &hospital).await, "", "INVALID_CREDENTIALS");
    assert_eq!(stored().await.0, weak);
    for _ in 0..2 {
        assert!(sign_in(&app, email, PASSWORD, &hospital).await["accessToken"].is_string());
        let (hash, version) = stored().await;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(version, 1, "it is the same password");
    }
}
