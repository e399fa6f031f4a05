//! Sessions: how they begin, go on, and end.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Duration;
use patient_logger::kernel::{Role, SessionId, StaffId};
use sea_orm::sqlx;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::{Actor, Answer, Hospital, PASSWORD, TestApp, user_errors};

const TOKENS: &str = "accessToken expiresAt refreshToken refreshExpiresAt viewer { id role hospital { slug } }";

/// A browser in which somebody is signed in.
#[derive(Clone)]
struct Browser {
    actor: Actor,
    refresh: String,
}

impl Browser {
    async fn sign_in(app: &TestApp, email: &str, hospital: &Hospital) -> Self {
        let input = json!({ "email": email, "password": PASSWORD, "hospital": hospital.slug });
        let payload = app.anonymous().mutate("signIn", input, TOKENS).await;
        Self::of(app, &payload).unwrap_or_else(|| panic!("{payload}"))
    }

    fn of(app: &TestApp, payload: &Value) -> Option<Self> {
        let text = |name: &str| payload[name].as_str().map(str::to_owned);
        Some(Self { actor: Actor::new(&app.url, Some(text("accessToken")?)), refresh: text("refreshToken")? })
    }

    /// The same browser with new tokens; `None` when it has to sign in again.
    async fn refreshed(&self, app: &TestApp) -> Option<Self> {
        let payload = refresh(app, &self.refresh).await;
        let browser = Self::of(app, &payload);
        if browser.is_none() {
            assert_eq!(payload, refresh(app, "nonsense").await, "every refusal is the same");
        }
        browser
    }

    async fn status(&self) -> u16 {
        let statuses =
            [self.actor.ask("{ __typename }").await.status, self.actor.ask("{ viewer { id } }").await.status];
        assert_eq!(statuses[0], statuses[1]);
        statuses[0]
    }

    /// The id of its session.
    async fn session(&self) -> String {
        let sessions = self.sessions().await;
        let current: Vec<&Value> = sessions.iter().filter(|session| session["current"] == true).collect();
        assert_eq!(current.len(), 1, "{sessions:?}");
        current[0]["id"].as_str().unwrap().to_owned()
    }

    async fn sessions(&self) -> Vec<Value> {
        let query = "{ viewer { sessions { id device address createdAt lastUsedAt expiresAt revokedAt current } } }";
        self.actor.ask(query).await.data()["viewer"]["sessions"].as_array().unwrap().clone()
    }

    async fn end(&self, mutation: &str, selection: &str) -> Value {
        let query = format!("mutation {{ {mutation} {{ {selection} userErrors {{ code }} }} }}");
        self.actor.ask(&query).await.data()[mutation].clone()
    }

    async fn switch(&self, staff: StaffId) -> Value {
        self.actor.mutate("switchContext", json!({ "staffId": staff.to_string() }), TOKENS).await
    }
}

async fn refresh(app: &TestApp, token: &str) -> Value {
    app.anonymous().mutate("refreshSession", json!({ "refreshToken": token }), TOKENS).await
}

/// A hospital, and its clinician in a browser.
async fn signed_in() -> (TestApp, Hospital, Browser) {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let browser = Browser::sign_in(&app, &hospital.clinician.email, &hospital).await;
    (app, hospital, browser)
}

/// The answer to a token that is none.
async fn refused(app: &TestApp) -> Answer {
    Actor::new(&app.url, Some("nonsense".into())).ask("{ viewer { id } }").await
}

#[tokio::test]
async fn a_session_goes_on_as_long_as_it_is_refreshed_in_time() {
    let (app, hospital, browser) = signed_in().await;
    app.wait(Duration::minutes(14) + Duration::seconds(59));
    assert_eq!(browser.status().await, 401, "the access token has ended before the session");
    let payload = refresh(&app, &browser.refresh).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["expiresAt"], "2026-03-01T12:24:59Z");
    assert_eq!(payload["refreshExpiresAt"], "2026-03-01T12:29:59Z");
    assert_eq!(payload["viewer"]["id"], hospital.clinician.staff.to_string());
    assert_eq!(payload["viewer"]["hospital"]["slug"], hospital.slug);
    let next = Browser::of(&app, &payload).unwrap();
    assert!(next.refresh.starts_with("plr_") && next.refresh != browser.refresh);
    assert_eq!(next.status().await, 200);

    app.wait(Duration::minutes(15) + Duration::seconds(1));
    assert!(next.refreshed(&app).await.is_none(), "15 minutes and a second without a refresh");
    assert_eq!(Browser::sign_in(&app, &hospital.clinician.email, &hospital).await.status().await, 200);
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_however_active() {
    let (app, _, mut browser) = signed_in().await;
    for _ in 0..71 {
        app.wait(Duration::minutes(10));
        browser = browser.refreshed(&app).await.unwrap();
    }
    app.wait(Duration::minutes(9) + Duration::seconds(59));
    let payload = refresh(&app, &browser.refresh).await;
    let end = "2026-03-02T00:00:00Z";
    assert_eq!((&payload["expiresAt"], &payload["refreshExpiresAt"]), (&json!(end), &json!(end)));
    let last = Browser::of(&app, &payload).unwrap();
    assert_eq!(last.status().await, 200);
    app.wait(Duration::seconds(2));
    assert_eq!(last.status().await, 401, "12 hours and a second");
    assert!(last.refreshed(&app).await.is_none());
}

#[tokio::test]
async fn fifty_refreshes_at_once_give_one_child() {
    let (app, _, browser) = signed_in().await;
    let asked = (0..50).map(|_| refresh(&app, &browser.refresh));
    let payloads = futures_util::future::join_all(asked).await;
    let children: HashSet<&str> = payloads.iter().filter_map(|payload| payload["refreshToken"].as_str()).collect();
    assert_eq!((payloads.len(), children.len()), (50, 1), "{payloads:?}");
    assert!(payloads.iter().all(|payload| payload["accessToken"].is_string()));
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM refresh_tokens")
        .fetch_one(&mut app.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(stored, 2, "the first token and its child");
    let child = Browser::of(&app, &payloads[7]).unwrap();
    assert!(child.refreshed(&app).await.is_some());
}

#[tokio::test]
async fn a_lost_answer_is_given_again_for_ten_seconds() {
    let (app, _, browser) = signed_in().await;
    let first = browser.refreshed(&app).await.unwrap();
    app.wait(Duration::seconds(10));
    let again = browser.refreshed(&app).await.unwrap();
    assert_eq!(first.refresh, again.refresh);
    assert_eq!((first.status().await, again.status().await), (200, 200));
    app.wait(Duration::seconds(1));
    assert!(browser.refreshed(&app).await.is_none(), "that was a second too late");
    for ended in [&browser, &first, &again] {
        assert_eq!(ended.status().await, 401, "and ended the session");
        assert!(ended.refreshed(&app).await.is_none());
    }
}

#[tokio::test]
async fn a_parent_whose_child_was_used_ends_the_session_even_within_ten_seconds() {
    let (app, hospital, first) = signed_in().await;
    let bystander = Browser::sign_in(&app, &hospital.clinician.email, &hospital).await;
    let second = first.refreshed(&app).await.unwrap();
    let third = second.refreshed(&app).await.unwrap();
    // The grace holds for the immediate parent.
    assert_eq!(second.refreshed(&app).await.unwrap().refresh, third.refresh);
    assert_eq!(third.status().await, 200);
    assert!(first.refreshed(&app).await.is_none());
    for browser in [&first, &second, &third] {
        assert_eq!(browser.status().await, 401);
        assert!(browser.refreshed(&app).await.is_none());
    }
    assert_eq!(bystander.status().await, 200, "another session of the same person goes on");
}

#[tokio::test]
async fn a_token_that_nobody_was_given_ends_nothing() {
    let (app, _, browser) = signed_in().await;
    let good = &browser.refresh;
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&good[4..]).unwrap();
    // Another secret with a right checksum, for the same session.
    bytes[40] ^= 1;
    let sum = <sha2::Sha256 as sha2::Digest>::digest(&bytes[..64]);
    bytes[64..].copy_from_slice(&sum[..4]);
    let forged = format!("plr_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let answer = refresh(&app, "nonsense").await;
    assert_eq!(user_errors(&answer), [(String::new(), "INVALID_SESSION".to_owned())]);
    assert_eq!(answer["accessToken"], Value::Null);
    for wrong in [&forged, "", "plr_", &good[4..], &good[..good.len() - 1], &good.to_uppercase()] {
        assert_eq!(refresh(&app, wrong).await, answer, "{wrong}");
    }
    assert!(browser.refreshed(&app).await.is_some());
}

#[tokio::test]
async fn each_credential_works_only_where_it_belongs() {
    let (app, hospital, browser) = signed_in().await;
    let as_access = Actor::new(&app.url, Some(browser.refresh.clone())).ask("{ viewer { id } }").await;
    assert_eq!(as_access, refused(&app).await);
    let partner = app.admin(&hospital).partner_key(json!([])).await;
    for token in [browser.actor.token.clone().unwrap(), partner.token.clone().unwrap()] {
        assert_eq!(refresh(&app, &token).await, refresh(&app, "nonsense").await);
    }
    let answer = partner.ask("{ viewer { sessions { id } contexts { slug } } }").await;
    assert_eq!(answer.data()["viewer"], json!({ "sessions": [], "contexts": [] }));
    let answer = partner.ask("mutation { signOut { session { id } } }").await;
    assert_eq!((answer.status, answer.code()), (403, "FORBIDDEN"));
    let answer =
        app.anonymous().ask("mutation { signOut { session { id } } signOutEverywhere { endedSessions } }").await;
    let codes: Vec<&Value> =
        answer.body["errors"].as_array().unwrap().iter().map(|error| &error["extensions"]["code"]).collect();
    assert_eq!(codes, ["UNAUTHENTICATED", "UNAUTHENTICATED"]);
}

#[tokio::test]
async fn signing_out_ends_this_session_at_the_next_request_and_no_other() {
    let (app, hospital, browser) = signed_in().await;
    let other = Browser::sign_in(&app, &hospital.clinician.email, &hospital).await;
    let id = browser.session().await;
    let ended = browser.end("signOut", "session { id revokedAt current }").await;
    let session = json!({ "id": id, "revokedAt": "2026-03-01T12:00:00Z", "current": true });
    assert_eq!(ended, json!({ "session": session, "userErrors": [] }));
    assert_eq!(browser.actor.ask("{ viewer { id } }").await, refused(&app).await);
    assert!(browser.refreshed(&app).await.is_none());
    assert_eq!(other.status().await, 200);
    assert!(other.refreshed(&app).await.is_some());
}

#[tokio::test]
async fn signing_out_everywhere_ends_what_the_account_has_open_in_every_hospital_and_nobody_elses() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let here = app.employ(&one, "flo@agency.example", Role::Clinician).await;
    let there = app.employ(&two, "flo@agency.example", Role::Admin).await;
    let browsers = [
        Browser::sign_in(&app, "flo@agency.example", &one).await,
        Browser::sign_in(&app, "flo@agency.example", &one).await,
        Browser::sign_in(&app, "flo@agency.example", &two).await,
    ];
    let ended = browsers[0].end("signOutEverywhere", "endedSessions").await;
    // Each person of the tests has one session more.
    assert_eq!(ended, json!({ "endedSessions": 5, "userErrors": [] }));
    for browser in &browsers {
        assert_eq!(browser.status().await, 401);
        assert!(browser.refreshed(&app).await.is_none());
    }
    for person in [&here, &there] {
        assert_eq!(app.actor(person).ask("{ viewer { id } }").await.status, 401);
    }
    for hospital in [&one, &two] {
        assert_eq!(app.clinician(hospital).ask("{ viewer { id } }").await.status, 200);
    }
}

#[tokio::test]
async fn a_person_sees_where_she_is_signed_in_and_ends_one_of_these() {
    let (app, hospital, browser) = signed_in().await;
    let ward = app
        .anonymous()
        .post()
        .header("user-agent", "Ward tablet 7\t(Firefox)")
        .json(&json!({ "query": format!(
            "mutation {{ signIn(input: {{ email: \"{}\", password: \"{PASSWORD}\" }}) {{ {TOKENS} }} }}",
            hospital.clinician.email
        ) }))
        .send()
        .await
        .unwrap();
    let payload: Value = ward.json().await.unwrap();
    let tablet = Browser::of(&app, &payload["data"]["signIn"]).unwrap();
    let sessions = browser.sessions().await;
    let shown = |name: &str| sessions.iter().map(|session| session[name].clone()).collect::<Vec<_>>();
    assert_eq!(shown("device"), [json!("Ward tablet 7(Firefox)"), json!(null), json!("a test")]);
    assert_eq!(shown("address"), [json!("127.0.0.1"), json!("127.0.0.1"), json!(null)]);
    assert_eq!(shown("current"), [json!(false), json!(true), json!(false)]);
    assert_eq!(sessions[0]["createdAt"], "2026-03-01T12:00:00Z");
    assert_eq!(sessions[0]["expiresAt"], "2026-03-01T12:15:00Z");

    app.wait(Duration::minutes(2));
    assert_eq!(tablet.status().await, 200);
    let used = async || browser.sessions().await[0]["lastUsedAt"].clone();
    for _ in 0..100 {
        if used().await == "2026-03-01T12:02:00Z" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(used().await, "2026-03-01T12:02:00Z");

    let id = tablet.session().await;
    for _ in 0..2 {
        let ended =
            browser.actor.mutate("revokeSession", json!({ "id": id }), "session { id revokedAt current }").await;
        assert_eq!(ended["session"], json!({ "id": id, "revokedAt": "2026-03-01T12:02:00Z", "current": false }));
    }
    assert_eq!(tablet.status().await, 401);
    assert!(tablet.refreshed(&app).await.is_none());
    assert_eq!(browser.status().await, 200);
    assert!(browser.sessions().await.iter().all(|session| session["id"] != *id));
}

#[tokio::test]
async fn sessions_of_others_are_not_there() {
    let (app, hospital, browser) = signed_in().await;
    let other = app.hospital().await;
    let colleague = Browser::sign_in(&app, &hospital.colleague.email, &hospital).await;
    let foreign = Browser::sign_in(&app, &other.clinician.email, &other).await;
    let ids = [colleague.session().await, foreign.session().await, SessionId(Uuid::now_v7()).to_string()];
    let own: Vec<Value> = browser.sessions().await.iter().map(|session| session["id"].clone()).collect();
    assert!(!ids.iter().any(|id| own.contains(&json!(id))));
    let mut answers = Vec::new();
    for id in &ids {
        for actor in [&browser.actor, &app.admin(&hospital)] {
            answers.push(actor.send("revokeSession", json!({ "id": id }), "session { id }").await);
        }
        assert_eq!(
            browser.actor.ask(&format!("{{ node(id: \"{id}\") {{ id }} }}")).await.body["data"]["node"],
            Value::Null
        );
    }
    assert_eq!(user_errors(&answers[0].data()["revokeSession"]), [("id".to_owned(), "NOT_FOUND".to_owned())]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((colleague.status().await, foreign.status().await), (200, 200));
    let answer = browser.actor.send("revokeSession", json!({ "id": hospital.id.to_string() }), "session { id }").await;
    assert_eq!(answer.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_new_role_and_a_deactivation_hold_at_the_next_request() {
    let (app, hospital, browser) = signed_in().await;
    let admin = app.admin(&hospital);
    let patient = admin.patient("MRN-1").await;
    let contact = format!("{{ viewer {{ role }} node(id: \"{patient}\") {{ ... on Patient {{ contactPhone }} }} }}");
    let id = hospital.clinician.staff.to_string();
    assert_eq!(browser.actor.ask(&contact).await.refusals().len(), 1);

    admin.mutate("updateStaff", json!({ "id": id, "role": "ADMIN" }), "staff { role }").await;
    let promoted = browser.actor.ask(&contact).await;
    assert_eq!(promoted.data()["viewer"]["role"], "ADMIN");
    assert_eq!(promoted.data()["node"]["contactPhone"], "+44 20 7946 0000");
    admin.mutate("updateStaff", json!({ "id": id, "role": "CLINICIAN" }), "staff { role }").await;
    let demoted = browser.actor.ask(&contact).await;
    assert_eq!((demoted.refusals().len(), &demoted.body["data"]["viewer"]["role"]), (1, &json!("CLINICIAN")));

    admin.mutate("deactivateStaff", json!({ "id": id }), "staff { status }").await;
    assert_eq!(browser.actor.ask(&contact).await, refused(&app).await);
    assert_eq!(browser.status().await, 401);
    assert!(browser.refreshed(&app).await.is_none());
    assert_eq!(app.clinician(&hospital).ask("{ __typename }").await.status, 401);
}

#[tokio::test]
async fn a_session_belongs_to_one_member_of_staff() {
    // A token of ours that names somebody else's session, or one that never was, is none.
    let (app, hospital, _) = signed_in().await;
    let other = app.hospital().await;
    let person = &hospital.clinician;
    for (session, hospital_id) in [
        (hospital.admin.session, person.hospital),
        (other.clinician.session, person.hospital),
        (person.session, other.id),
        (SessionId(Uuid::now_v7()), person.hospital),
    ] {
        let token = app.app.tokens.issue(person.staff, hospital_id, Role::Admin, session).unwrap().token;
        let answer = Actor::new(&app.url, Some(token)).ask("{ viewer { id } }").await;
        assert_eq!(answer, refused(&app).await);
    }
    // The role in a token is nobody's role.
    let token = app.app.tokens.issue(person.staff, person.hospital, Role::Admin, person.session).unwrap().token;
    let answer = Actor::new(&app.url, Some(token)).ask("{ viewer { role } }").await;
    assert_eq!(answer.data()["viewer"]["role"], "CLINICIAN");
}

#[tokio::test]
async fn a_person_works_in_two_hospitals_at_once_and_each_session_stays_in_its_own() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let here = app.employ(&one, "flo@agency.example", Role::Clinician).await;
    let there = app.employ(&two, "flo@agency.example", Role::Admin).await;
    let first = Browser::sign_in(&app, "flo@agency.example", &one).await;
    let contexts = first.actor.ask("{ viewer { contexts { staffId slug name role current } } }").await;
    let expected = json!([
        { "staffId": here.staff.to_string(), "slug": one.slug, "name": "Hospital 0", "role": "CLINICIAN", "current": true },
        { "staffId": there.staff.to_string(), "slug": two.slug, "name": "Hospital 1", "role": "ADMIN", "current": false },
    ]);
    assert_eq!(contexts.data()["viewer"]["contexts"], expected);
    let alone = app.clinician(&one).ask("{ viewer { contexts { slug } } }").await;
    assert_eq!(alone.data()["viewer"]["contexts"], json!([{ "slug": one.slug }]));

    app.wait(Duration::minutes(9));
    let payload = first.switch(there.staff).await;
    assert_eq!(
        payload["viewer"],
        json!({ "id": there.staff.to_string(), "role": "ADMIN", "hospital": { "slug": two.slug } })
    );
    let second = Browser::of(&app, &payload).unwrap();
    let who = async |browser: &Browser| {
        let answer = browser.actor.ask("{ viewer { role hospital { slug } } }").await;
        answer.data()["viewer"].clone()
    };
    for _ in 0..10 {
        let (a, b) = tokio::join!(who(&first), who(&second));
        assert_eq!(a, json!({ "role": "CLINICIAN", "hospital": { "slug": one.slug } }));
        assert_eq!(b, json!({ "role": "ADMIN", "hospital": { "slug": two.slug } }));
    }
    // One can be ended without the other.
    second.end("signOut", "session { id }").await;
    assert_eq!((first.status().await, second.status().await), (200, 401));

    let unknown = first.switch(StaffId(Uuid::now_v7())).await;
    assert_eq!(user_errors(&unknown), [("staffId".to_owned(), "NOT_FOUND".to_owned())]);
    for staff in [two.clinician.staff, one.admin.staff] {
        assert_eq!(first.switch(staff).await, unknown, "somebody else");
    }
    let input = json!({ "id": there.staff.to_string() });
    app.admin(&two).mutate("deactivateStaff", input, "staff { id }").await;
    assert_eq!(first.switch(there.staff).await, unknown, "not any more");
}

#[tokio::test]
async fn switching_the_context_does_not_prolong_a_sign_in() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let here = app.employ(&one, "flo@agency.example", Role::Clinician).await;
    let there = app.employ(&two, "flo@agency.example", Role::Clinician).await;
    let mut browser = Browser::sign_in(&app, "flo@agency.example", &one).await;
    for staff in [there.staff, here.staff].into_iter().cycle().take(71) {
        app.wait(Duration::minutes(10));
        browser = browser.refreshed(&app).await.unwrap();
        browser = Browser::of(&app, &browser.switch(staff).await).unwrap();
    }
    app.wait(Duration::minutes(10) + Duration::seconds(1));
    assert!(browser.refreshed(&app).await.is_none(), "12 hours and a second after the password");
}

#[tokio::test]
async fn what_a_thief_has_switched_to_ends_with_the_session_that_was_stolen() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    app.employ(&one, "flo@agency.example", Role::Clinician).await;
    let there = app.employ(&two, "flo@agency.example", Role::Admin).await;
    let owner = Browser::sign_in(&app, "flo@agency.example", &one).await;
    let unrelated = Browser::sign_in(&app, "flo@agency.example", &two).await;
    let thief = owner.refreshed(&app).await.unwrap();
    let elsewhere = Browser::of(&app, &thief.switch(there.staff).await).unwrap();
    app.wait(Duration::seconds(11));
    assert_eq!(elsewhere.status().await, 200);
    assert!(owner.refreshed(&app).await.is_none());
    assert_eq!((thief.status().await, elsewhere.status().await, unrelated.status().await), (401, 401, 200));
    assert!(elsewhere.refreshed(&app).await.is_none());
}

#[tokio::test]
async fn the_database_holds_no_token() {
    let (app, _, browser) = signed_in().await;
    let second = browser.refreshed(&app).await.unwrap();
    let mut superuser = app.database.superuser().await;
    let sql = "SELECT sessions::text FROM sessions UNION ALL SELECT refresh_tokens::text FROM refresh_tokens";
    let dump = sqlx::query_scalar::<_, String>(sql).fetch_all(&mut superuser).await.unwrap().join("\n");
    for browser in [&browser, &second] {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&browser.refresh[4..]).unwrap();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let secret = &bytes[32..64];
        assert!(dump.contains(&hex(&<sha2::Sha256 as sha2::Digest>::digest(secret))), "its hash is there");
        for part in secret.chunks(8) {
            assert!(!dump.contains(&hex(part)));
        }
        assert!(!dump.contains(&browser.refresh[60..80]));
        assert!(!dump.contains(&browser.actor.token.as_ref().unwrap()[..40]));
    }
}

#[tokio::test]
async fn the_door_to_other_contexts_opens_for_a_session_that_stands_and_in_its_own_hospital() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let here = app.employ(&one, "flo@agency.example", Role::Clinician).await;
    app.employ(&two, "flo@agency.example", Role::Admin).await;
    let mut connection = app.database.app().await;
    let mut door = async |hospital: &str, session: Uuid| -> i64 {
        sqlx::query("SELECT set_config('app.current_hospital_id', $1, false)")
            .bind(hospital)
            .execute(&mut connection)
            .await
            .unwrap();
        let sql = "SELECT count(*) FROM context_door($1)";
        sqlx::query_scalar(sql).bind(session).fetch_one(&mut connection).await.unwrap()
    };
    let (here_id, there_id) = (one.id.0.to_string(), two.id.0.to_string());
    assert_eq!(door(&here_id, here.session.0).await, 2);
    assert_eq!(door(&there_id, here.session.0).await, 0, "from another hospital");
    assert_eq!(door("", here.session.0).await, 0, "from none");
    assert_eq!(door(&here_id, Uuid::now_v7()).await, 0, "for no session");
    let sql = "UPDATE sessions SET revoked_at = now() WHERE id = $1";
    sqlx::query(sql).bind(here.session.0).execute(&mut app.database.superuser().await).await.unwrap();
    assert_eq!(door(&here_id, here.session.0).await, 0, "for a session that has ended");
}

#[tokio::test]
async fn who_has_not_chosen_the_own_password_has_one_context() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let input =
        json!({ "email": "new@person.example", "name": "New", "role": "CLINICIAN", "initialPassword": PASSWORD });
    let mut staff = Vec::new();
    for hospital in [&one, &two] {
        let payload = app.admin(hospital).mutate("createStaff", input.clone(), "staff { id }").await;
        staff.push(StaffId::parse(payload["staff"]["id"].as_str().unwrap()).unwrap());
    }
    // An administrator who hires somebody must not get the other hospitals of that person.
    let browser = Browser::sign_in(&app, "new@person.example", &one).await;
    let answer = browser.actor.ask("{ viewer { contexts { slug } } }").await;
    assert_eq!(answer.data()["viewer"]["contexts"], json!([{ "slug": one.slug }]));
    let refused = browser.switch(staff[1]).await;
    assert_eq!(user_errors(&refused), [("staffId".to_owned(), "NOT_FOUND".to_owned())]);
}

#[tokio::test]
async fn the_answer_to_a_sign_in_can_show_the_sessions() {
    let (app, hospital, browser) = signed_in().await;
    let input = json!({ "email": hospital.clinician.email, "password": PASSWORD });
    let selection = "viewer { sessions { current } contexts { slug current } }";
    let payload = app.anonymous().mutate("signIn", input, selection).await;
    let expected = json!({
        "sessions": [{ "current": true }, { "current": false }, { "current": false }],
        "contexts": [{ "slug": hospital.slug, "current": true }],
    });
    assert_eq!(payload["viewer"], expected);
    let input = json!({ "refreshToken": browser.refresh });
    let payload = app.anonymous().mutate("refreshSession", input, selection).await;
    assert_eq!(payload["viewer"]["contexts"], expected["contexts"]);
}

#[tokio::test]
async fn after_signing_out_nothing_is_opened_in_the_same_document() {
    let (_, hospital, browser) = signed_in().await;
    let staff = hospital.clinician.staff;
    let query = format!(
        "mutation {{ signOut {{ session {{ id }} }}
            switchContext(input: {{ staffId: \"{staff}\" }}) {{ accessToken userErrors {{ code }} }} }}"
    );
    let answer = browser.actor.ask(&query).await;
    assert_eq!(answer.data()["switchContext"], json!({ "accessToken": null, "userErrors": [{ "code": "NOT_FOUND" }] }));
}

#[tokio::test]
async fn no_switch_outruns_signing_out_everywhere() {
    let app = TestApp::start().await;
    let hospitals = [app.hospital().await, app.hospital().await, app.hospital().await];
    let mut staff = Vec::new();
    for hospital in &hospitals {
        staff.push(app.employ(hospital, "flo@agency.example", Role::Clinician).await.staff);
    }
    let mut browsers = Vec::new();
    for hospital in &hospitals {
        browsers.push(Browser::sign_in(&app, "flo@agency.example", hospital).await);
    }
    let switch = async |browser: &Browser, staff: StaffId| {
        let query = format!("mutation($input: SwitchContextInput!) {{ switchContext(input: $input) {{ {TOKENS} }} }}");
        browser.actor.ask_with(&query, json!({ "input": { "staffId": staff.to_string() } })).await
    };
    let switches = (0..30).map(|number| switch(&browsers[number % 2 + 1], staff[number % 3]));
    let (_, switched) =
        tokio::join!(browsers[0].end("signOutEverywhere", "endedSessions"), futures_util::future::join_all(switches));
    for answer in switched {
        if let Some(opened) = Browser::of(&app, &answer.body["data"]["switchContext"]) {
            assert_eq!(opened.status().await, 401);
        }
    }
    let open: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND staff_id = ANY ($1)")
            .bind(staff.iter().map(|staff| staff.0).collect::<Vec<_>>())
            .fetch_one(&mut app.database.superuser().await)
            .await
            .unwrap();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn asking_about_a_session_leaves_no_hospital_behind() {
    let (app, hospital, browser) = signed_in().await;
    let session = SessionId::parse(&browser.session().await).unwrap();
    let mut connection = app.database.app().await;
    let mut asked = async |hospital: Uuid| -> Vec<Uuid> {
        let sql = "SELECT staff_id FROM session_standings_door(ARRAY[$1], ARRAY[$2], ARRAY[timestamptz '2026-03-01T12:00:00Z'])";
        let found = sqlx::query_scalar(sql).bind(hospital).bind(session.0).fetch_all(&mut connection).await.unwrap();
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM staff").fetch_one(&mut connection).await.unwrap();
        assert_eq!(seen, 0, "the next statement is in no hospital");
        found
    };
    assert_eq!(asked(hospital.id.0).await, [hospital.clinician.staff.0]);
    assert!(asked(app.hospital().await.id.0).await.is_empty());
}

#[tokio::test]
async fn a_body_that_comes_slowly_does_not_outlive_its_session() {
    let (app, _, browser) = signed_in().await;
    let body = r#"{"query":"{ viewer { id } }"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
         authorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        browser.actor.token.as_ref().unwrap(),
        body.len()
    );
    let mut statuses = Vec::new();
    for end in [false, true] {
        let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(format!("{head}{}", &body[..10]).as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        if end {
            browser.end("signOut", "session { id }").await;
        }
        stream.write_all(&body.as_bytes()[10..]).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        statuses.push(answer[..12].to_owned());
    }
    assert_eq!(statuses, ["HTTP/1.1 200", "HTTP/1.1 401"]);
}
