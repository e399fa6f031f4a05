//! Second factors: setting one up, using it, losing it, and hospitals that require it.

use chrono::Duration;
use patient_logger::kernel::Role;
use patient_logger::keys::{Key, KeyUse};
use sea_orm::sqlx;
use serde_json::{Value, json};

use crate::support::{Actor, Hospital, PASSWORD, Person, TestApp, user_errors};

const STATUS: &str = "{ viewer { permissions secondFactor { enrolled required } } }";

/// What an app on a telephone would show.
struct Phone {
    secret: Vec<u8>,
    recovery_codes: Vec<String>,
}

impl Phone {
    /// Sets up a second factor for somebody who is signed in.
    async fn enrol(app: &TestApp, actor: &Actor) -> Self {
        let mut phone = Self::scan(actor).await;
        let codes = actor.mutate("confirmSecondFactor", json!({ "code": phone.code(app) }), "recoveryCodes").await;
        assert_eq!(codes["userErrors"], json!([]));
        let codes = codes["recoveryCodes"].as_array().unwrap().iter();
        phone.recovery_codes = codes.map(|code| code.as_str().unwrap().to_owned()).collect();
        assert_eq!(phone.recovery_codes.len(), 10);
        // The code that confirmed is used up.
        app.wait(Duration::seconds(30));
        phone
    }

    async fn scan(actor: &Actor) -> Self {
        let payload = actor.mutate("startSecondFactor", json!({ "password": PASSWORD }), "secret uri").await;
        let typed = payload["secret"].as_str().unwrap_or_else(|| panic!("{payload}"));
        let uri = payload["uri"].as_str().unwrap();
        assert!(
            uri.starts_with("otpauth://totp/Patient%20Logger:") && uri.contains(&format!("secret={typed}")),
            "{uri}"
        );
        let secret = totp_rs::Secret::try_from_base32(typed).unwrap().as_bytes().to_vec();
        Self { secret, recovery_codes: Vec::new() }
    }

    fn code(&self, app: &TestApp) -> String {
        self.code_at(app, 0)
    }

    /// The code so many seconds from now.
    fn code_at(&self, app: &TestApp, seconds: i64) -> String {
        let time = u64::try_from(app.now().timestamp() + seconds).unwrap();
        totp_rs::Builder::new().with_secret(self.secret.clone()).build().unwrap().generate(time).to_string()
    }
}

async fn sign_in(app: &TestApp, person: &Person, password: &str, code: Option<&str>) -> Value {
    let input = json!({ "email": person.email, "password": password, "code": code });
    let selection =
        "accessToken secondFactorRequired choices { slug } viewer { permissions secondFactor { enrolled required } }";
    app.anonymous().mutate("signIn", input, selection).await
}

fn token(app: &TestApp, payload: &Value) -> Actor {
    Actor::new(&app.url, Some(payload["accessToken"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()))
}

#[track_caller]
fn is_refused(payload: &Value, field: &str, code: &str) {
    assert_eq!(user_errors(payload), [(field.to_owned(), code.to_owned())], "{payload}");
}

async fn require(app: &TestApp, hospital: &Hospital, required: bool) -> Value {
    let selection = "hospital { secondFactorRequired }";
    app.admin(hospital).mutate("requireSecondFactor", json!({ "required": required }), selection).await
}

#[tokio::test]
async fn with_a_second_factor_a_password_alone_opens_nothing() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (person, actor) = (&hospital.clinician, app.clinician(&hospital));
    is_refused(
        &actor.mutate("startSecondFactor", json!({ "password": "not the password" }), "secret uri").await,
        "",
        "INVALID_CREDENTIALS",
    );
    is_refused(
        &actor.mutate("confirmSecondFactor", json!({ "code": "123456" }), "recoveryCodes").await,
        "",
        "SECOND_FACTOR_MISSING",
    );
    // Starting binds to nothing, and starting again makes another secret.
    let first = Phone::scan(&actor).await;
    assert!(sign_in(&app, person, PASSWORD, None).await["accessToken"].is_string());
    let second = Phone::scan(&actor).await;
    let wrong = actor.mutate("confirmSecondFactor", json!({ "code": first.code(&app) }), "recoveryCodes").await;
    is_refused(&wrong, "code", "INVALID_CREDENTIALS");
    let right = json!({ "code": second.code(&app) });
    assert_eq!(actor.mutate("confirmSecondFactor", right.clone(), "recoveryCodes").await["userErrors"], json!([]));
    is_refused(&actor.mutate("confirmSecondFactor", right, "recoveryCodes").await, "", "SECOND_FACTOR_ENROLLED");
    let status = actor.ask(STATUS).await;
    assert_eq!(status.data()["viewer"]["secondFactor"], json!({ "enrolled": true, "required": false }));

    let question = sign_in(&app, person, PASSWORD, None).await;
    assert_eq!((&question["secondFactorRequired"], &question["accessToken"]), (&json!(true), &Value::Null));
    assert_eq!(question["userErrors"], json!([]));
    assert_eq!(sign_in(&app, person, PASSWORD, Some(" ")).await, question);
    let wrong = sign_in(&app, person, "not the password", None).await;
    is_refused(&wrong, "", "INVALID_CREDENTIALS");
    app.wait(Duration::minutes(1));
    let code = second.code(&app);
    assert_eq!(sign_in(&app, person, "not the password", Some(&code)).await, wrong);
    // Five wrong ones are free.
    app.wait(Duration::minutes(15));
    let code = second.code(&app);
    for bad in ["000000", "12345", "nonsense", &first.code(&app), &second.code_at(&app, 60)] {
        assert_eq!(sign_in(&app, person, PASSWORD, Some(bad)).await, wrong, "{bad}");
    }
    let entered = sign_in(&app, person, PASSWORD, Some(&format!("{} {}", &code[..3], &code[3..]))).await;
    assert!(entered["accessToken"].is_string(), "{entered}");
    assert_eq!(entered["secondFactorRequired"], false);
    // What is stored opens nothing: not for another account either.
    let stored: Vec<u8> = sqlx::query_scalar("SELECT factor_secret FROM accounts WHERE email = $1")
        .bind(&person.email)
        .fetch_one(&mut app.database.superuser().await)
        .await
        .unwrap();
    assert!(!stored.windows(8).any(|part| second.secret.windows(8).any(|own| own == part)));
}

#[tokio::test]
async fn each_code_works_once_and_none_after_a_later_one() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let person = &hospital.clinician;
    let phone = Phone::enrol(&app, &app.clinician(&hospital)).await;
    let wrong = sign_in(&app, person, "not the password", None).await;
    app.wait(Duration::minutes(5));
    let codes = [-30, 0, 30].map(|seconds| phone.code_at(&app, seconds));
    let late = phone.code_at(&app, -60);
    assert_eq!(sign_in(&app, person, PASSWORD, Some(&late)).await, wrong, "two steps late");
    assert!(sign_in(&app, person, PASSWORD, Some(&codes[1])).await["accessToken"].is_string());
    assert_eq!(sign_in(&app, person, PASSWORD, Some(&codes[1])).await, wrong, "a second time");
    assert_eq!(sign_in(&app, person, PASSWORD, Some(&codes[0])).await, wrong, "an earlier one");
    assert!(sign_in(&app, person, PASSWORD, Some(&codes[2])).await["accessToken"].is_string(), "the next one");

    let recovery = &phone.recovery_codes[3];
    assert!(sign_in(&app, person, PASSWORD, Some(&recovery.to_lowercase())).await["accessToken"].is_string());
    assert_eq!(sign_in(&app, person, PASSWORD, Some(recovery)).await, wrong);
    let other = phone.recovery_codes[4].replace('-', " ");
    assert!(sign_in(&app, person, PASSWORD, Some(&other)).await["accessToken"].is_string());
}

#[tokio::test]
async fn a_sealing_key_changes_and_codes_go_on() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (one, two) = (&hospital.clinician, &hospital.colleague);
    let phone = Phone::enrol(&app, &app.clinician(&hospital)).await;
    let away = Phone::enrol(&app, &app.colleague(&hospital)).await;
    let keys = &app.app.keys;
    let old = keys.ring().keys().iter().find(|key| key.key_use() == KeyUse::Seal).unwrap().id().to_owned();
    let new = Key::random(KeyUse::Seal, None);
    let id = new.id().to_owned();
    keys.replace(keys.ring().with(new).and_then(|ring| ring.promoted(&id)).unwrap());
    assert!(sign_in(&app, one, PASSWORD, Some(&phone.code(&app))).await["accessToken"].is_string());
    keys.replace(keys.ring().without(&old).unwrap());
    app.wait(Duration::seconds(30));
    assert!(sign_in(&app, one, PASSWORD, Some(&phone.code(&app))).await["accessToken"].is_string());
    // Who did not sign in between has lost the app, and not the account.
    is_refused(&sign_in(&app, two, PASSWORD, Some(&away.code(&app))).await, "", "INVALID_CREDENTIALS");
    assert!(sign_in(&app, two, PASSWORD, Some(&away.recovery_codes[0])).await["accessToken"].is_string());
}

#[tokio::test]
async fn wrong_codes_are_counted_like_wrong_passwords_and_a_right_password_without_one_forgets_none() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let person = &hospital.clinician;
    let phone = Phone::enrol(&app, &app.clinician(&hospital)).await;
    for guess in 0..6 {
        assert_eq!(sign_in(&app, person, PASSWORD, None).await["secondFactorRequired"], true, "{guess}");
        is_refused(&sign_in(&app, person, PASSWORD, Some("000000")).await, "", "INVALID_CREDENTIALS");
    }
    let input = json!({ "email": person.email, "password": PASSWORD, "code": phone.code(&app) });
    let answer = app.anonymous().send("signIn", input.clone(), "accessToken").await;
    assert_eq!((answer.status, answer.code()), (429, "RATE_LIMITED"));
    app.wait(Duration::seconds(1));
    let entered = app.anonymous().mutate("signIn", input, "accessToken").await;
    assert!(entered["accessToken"].is_string(), "{entered}");
}

#[tokio::test]
async fn of_twenty_who_use_a_code_at_once_one_gets_in() {
    let app = TestApp::start_sized(8, |_| {}).await;
    let hospital = app.hospital().await;
    let person = &hospital.clinician;
    let phone = Phone::enrol(&app, &app.clinician(&hospital)).await;
    app.wait(Duration::minutes(1));
    for code in [phone.code(&app), phone.recovery_codes[0].clone()] {
        let input = json!({ "email": person.email, "password": PASSWORD, "code": code });
        let attempts = (0..20).map(|_| {
            let (actor, input) = (app.anonymous(), input.clone());
            async move { actor.send("signIn", input, "accessToken").await }
        });
        let answers = futures_util::future::join_all(attempts).await;
        let entered = answers.iter().filter(|answer| answer.body["data"]["signIn"]["accessToken"].is_string()).count();
        assert_eq!(entered, 1, "{answers:?}");
    }
}

#[tokio::test]
async fn who_works_in_several_hospitals_gives_one_code_and_then_chooses() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let person = app.employ(&one, "flo@agency.example", Role::Clinician).await;
    app.employ(&two, "flo@agency.example", Role::Admin).await;
    let phone = Phone::enrol(&app, &app.actor(&person)).await;
    let first = sign_in(&app, &person, PASSWORD, None).await;
    assert_eq!((&first["secondFactorRequired"], &first["choices"]), (&json!(true), &json!([])), "not before the code");
    let code = phone.code(&app);
    let second = sign_in(&app, &person, PASSWORD, Some(&code)).await;
    assert_eq!(second["choices"], json!([{ "slug": one.slug }, { "slug": two.slug }]));
    let input = json!({ "email": person.email, "password": PASSWORD, "code": code, "hospital": two.slug });
    let third = app.anonymous().mutate("signIn", input, "accessToken viewer { role }").await;
    assert_eq!(third["viewer"]["role"], "ADMIN");
    // Another hospital needs no other code, and refreshing none.
    let input = json!({ "staffId": person.staff.to_string() });
    let switched = token(&app, &third).mutate("switchContext", input, "refreshToken").await;
    let input = json!({ "refreshToken": switched["refreshToken"] });
    assert!(app.anonymous().mutate("refreshSession", input, "accessToken").await["accessToken"].is_string());
}

#[tokio::test]
async fn a_second_factor_is_removed_by_who_has_it_and_whose_password_is_enough() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (person, actor) = (&hospital.clinician, app.clinician(&hospital));
    let remove = async |password: &str, code: &str| {
        actor.mutate("removeSecondFactor", json!({ "password": password, "code": code }), "").await
    };
    is_refused(&remove(PASSWORD, "123456").await, "", "SECOND_FACTOR_MISSING");
    let phone = Phone::enrol(&app, &actor).await;
    is_refused(&remove(PASSWORD, "123456").await, "", "INVALID_CREDENTIALS");
    is_refused(&remove("not the password", &phone.code(&app)).await, "", "INVALID_CREDENTIALS");
    is_refused(&remove(PASSWORD, "").await, "code", "BLANK");

    // Beside a second factor eight characters are enough; alone they are not.
    let short = "kq7zv-xy";
    let change = async |from: &str, to: &str| {
        let input = json!({ "currentPassword": from, "newPassword": to });
        actor.mutate("changePassword", input, "endedSessions").await
    };
    is_refused(&change(PASSWORD, "kq7zv-x").await, "newPassword", "TOO_SHORT");
    assert_eq!(change(PASSWORD, short).await["userErrors"], json!([]));
    is_refused(&remove(short, &phone.recovery_codes[0]).await, "password", "TOO_SHORT");
    assert_eq!(change(short, PASSWORD).await["userErrors"], json!([]));

    let input = json!({ "password": PASSWORD, "code": phone.recovery_codes[0] });
    let renewed = actor.mutate("renewRecoveryCodes", input, "recoveryCodes").await;
    assert_eq!(renewed["recoveryCodes"].as_array().unwrap().len(), 10);
    is_refused(&remove(PASSWORD, &phone.recovery_codes[1]).await, "", "INVALID_CREDENTIALS");
    assert_eq!(remove(PASSWORD, renewed["recoveryCodes"][0].as_str().unwrap()).await, json!({ "userErrors": [] }));
    assert!(sign_in(&app, person, PASSWORD, None).await["accessToken"].is_string());
}

#[tokio::test]
async fn a_new_password_by_letter_leaves_the_second_factor() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let person = &app.employ(&hospital, "flo@agency.example", Role::Clinician).await;
    let phone = Phone::enrol(&app, &app.actor(person)).await;
    app.anonymous().mutate("requestPasswordReset", json!({ "email": person.email }), "").await;
    let chosen = "owls prefer no lanterns";
    let input = json!({ "token": app.mail.token(&person.email, 1).await, "newPassword": chosen });
    assert_eq!(app.anonymous().mutate("resetPassword", input, "").await["userErrors"], json!([]));
    assert_eq!(sign_in(&app, person, chosen, None).await["secondFactorRequired"], true);
    assert!(sign_in(&app, person, chosen, Some(&phone.code(&app))).await["accessToken"].is_string());
}

#[tokio::test]
async fn a_hospital_that_requires_one_shows_nothing_to_who_has_none() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let other = app.hospital().await;
    let patient = app.admin(&hospital).patient("A-1").await;
    is_refused(&require(&app, &hospital, true).await, "", "SECOND_FACTOR_MISSING");
    let (admin, nurse) = (app.admin(&hospital), app.clinician(&hospital));
    Phone::enrol(&app, &admin).await;
    let everything = nurse.ask(STATUS).await.data()["viewer"]["permissions"].clone();
    let required = json!({ "hospital": { "secondFactorRequired": true }, "userErrors": [] });
    assert_eq!(require(&app, &hospital, true).await, required);

    // At the next request of a session that was open before.
    let look = format!("{{ patient(id: \"{patient}\") {{ id room }} clinicians {{ nodes {{ name }} }} }}");
    let answer = nurse.ask(&look).await;
    assert_eq!(answer.body["data"], json!({ "patient": null, "clinicians": null }));
    let codes: Vec<&Value> =
        answer.body["errors"].as_array().unwrap().iter().map(|error| &error["extensions"]["code"]).collect();
    assert_eq!(codes, ["FORBIDDEN", "FORBIDDEN"]);
    let input = json!({ "patientId": patient, "taskType": "OTHER", "description": "x" });
    assert_eq!(nurse.send("createTaskLog", input, "taskLog { id }").await.code(), "FORBIDDEN");
    let expected =
        json!({ "permissions": ["PUBLIC", "SIGNED_IN"], "secondFactor": { "enrolled": false, "required": true } });
    assert_eq!(nurse.ask(STATUS).await.data()["viewer"], expected);
    let entered = sign_in(&app, &hospital.clinician, PASSWORD, None).await;
    assert_eq!(entered["viewer"], expected, "who signs in sees it at once");
    assert_eq!(admin.ask(&look).await.data()["patient"]["id"], patient);
    assert_eq!(app.clinician(&other).ask(STATUS).await.data()["viewer"]["permissions"], everything, "elsewhere not");

    let phone = Phone::enrol(&app, &nurse).await;
    assert_eq!(nurse.ask(&look).await.data()["patient"]["room"], "1A", "at the next request");
    let input = json!({ "password": PASSWORD, "code": phone.code(&app) });
    assert_eq!(nurse.mutate("removeSecondFactor", input, "").await["userErrors"], json!([]));
    assert_eq!(nurse.ask(STATUS).await.data()["viewer"], expected);
    assert_eq!(require(&app, &hospital, false).await["userErrors"], json!([]));
    assert_eq!(nurse.ask(STATUS).await.data()["viewer"]["permissions"], everything);
}

#[tokio::test]
async fn an_administrator_helps_who_has_lost_everything_but_only_where_nobody_else_relies_on_it() {
    let app = TestApp::start().await;
    let (here, there) = (app.hospital().await, app.hospital().await);
    let admin = app.admin(&here);
    let reset = async |person: &Person| {
        admin.mutate("resetSecondFactor", json!({ "staffId": person.staff.to_string() }), "staff { name }").await
    };
    let person = &here.clinician;
    is_refused(&reset(person).await, "", "SECOND_FACTOR_MISSING");
    is_refused(&reset(&there.clinician).await, "staffId", "NOT_FOUND");
    let actor = app.clinician(&here);
    Phone::enrol(&app, &actor).await;
    let flo = app.employ(&here, "flo@agency.example", Role::Clinician).await;
    app.employ(&there, "flo@agency.example", Role::Clinician).await;
    let flos = Phone::enrol(&app, &app.actor(&flo)).await;

    assert_eq!(reset(person).await, json!({ "staff": { "name": "Carl Clinician" }, "userErrors": [] }));
    assert_eq!(actor.ask(STATUS).await.status, 401);
    is_refused(&sign_in(&app, person, PASSWORD, None).await, "", "INVALID_CREDENTIALS");
    let chosen = "owls prefer no lanterns";
    let input = json!({ "token": app.mail.token(&person.email, 1).await, "newPassword": chosen });
    assert_eq!(app.anonymous().mutate("resetPassword", input, "").await["userErrors"], json!([]));
    assert!(sign_in(&app, person, chosen, None).await["accessToken"].is_string());

    // The same answer, but nothing happened, and only the owner is told.
    assert_eq!(reset(&flo).await, json!({ "staff": { "name": "Flo Float" }, "userErrors": [] }));
    let letter = app.mail.wait_for("flo@agency.example", 1).await.remove(0);
    assert!(letter.text.contains("was not removed") && !letter.text.contains("#token="), "{letter:?}");
    let entered = sign_in(&app, &flo, PASSWORD, Some(&flos.recovery_codes[0])).await;
    assert_eq!(entered["choices"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_invitation_needs_the_second_factor_of_the_account_that_is_there() {
    let app = TestApp::start().await;
    let (old, new) = (app.hospital().await, app.hospital().await);
    let person = &app.employ(&old, "flo@agency.example", Role::Clinician).await;
    let phone = Phone::enrol(&app, &app.actor(person)).await;
    let input = json!({ "email": person.email, "name": "Flo", "role": "CLINICIAN" });
    app.admin(&new).mutate("inviteStaff", input, "invitation { id }").await;
    let token = app.mail.token(&person.email, 1).await;
    let accept = async |code: Option<&str>| {
        let input = json!({ "token": token, "password": PASSWORD, "code": code });
        let selection = "accessToken secondFactorRequired viewer { hospital { slug } }";
        app.anonymous().mutate("acceptInvitation", input, selection).await
    };
    let question = accept(None).await;
    assert_eq!((&question["secondFactorRequired"], &question["accessToken"]), (&json!(true), &Value::Null));
    is_refused(&accept(Some("123456")).await, "password", "INVALID_CREDENTIALS");
    let code = phone.code(&app);
    assert_eq!(accept(Some(&code)).await["viewer"]["hospital"]["slug"], new.slug);
    is_refused(&sign_in(&app, person, PASSWORD, Some(&code)).await, "", "INVALID_CREDENTIALS");
}
