//! Joining a hospital by invitation, and the letters that carry it.

use chrono::Duration;
use patient_logger::kernel::{InvitationId, Role};
use sea_orm::sqlx;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Hospital, PASSWORD, TestApp, user_errors, with};

const TOKENS: &str = "accessToken refreshToken secondFactorRequired
    viewer { name email role permissions hospital { slug } secondFactor { enrolled required } }";
const CHOSEN: &str = "the kettle sings at dawn";
const NORA: &str = "nora@nurses.example";

fn nora() -> Value {
    json!({ "email": NORA, "name": "Nora Nurse", "role": "CLINICIAN" })
}

async fn invite(app: &TestApp, hospital: &Hospital) -> Value {
    let payload = app.admin(hospital).mutate("inviteStaff", nora(), "invitation { id status email }").await;
    assert_eq!(payload["userErrors"], json!([]));
    payload["invitation"].clone()
}

async fn accept(app: &TestApp, token: &str, password: &str) -> Value {
    app.anonymous().mutate("acceptInvitation", json!({ "token": token, "password": password }), TOKENS).await
}

async fn sign_in(app: &TestApp, password: &str) -> Value {
    let input = json!({ "email": NORA, "password": password });
    app.anonymous().mutate("signIn", input, "accessToken choices { slug } secondFactorRequired").await
}

async fn list(app: &TestApp, hospital: &Hospital) -> Vec<Value> {
    let query = "{ staffInvitations { totalCount nodes { id email name role status expiresAt invitedBy { name } staff { name } } } }";
    let answer = app.admin(hospital).ask(query).await;
    let list = &answer.data()["staffInvitations"];
    let nodes = list["nodes"].as_array().unwrap().clone();
    assert_eq!(list["totalCount"], nodes.len());
    nodes
}

#[tokio::test]
async fn somebody_is_invited_chooses_a_password_and_is_in() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let input = with(&nora(), json!({ "email": " Nora@Nurses.Example" }));
    let payload = app.admin(&hospital).mutate("inviteStaff", input, "invitation { id status email expiresAt }").await;
    let id = &payload["invitation"]["id"];
    let invited = json!({ "id": id, "status": "PENDING", "email": NORA, "expiresAt": "2026-03-04T12:00:00Z" });
    assert_eq!(payload, json!({ "invitation": invited, "userErrors": [] }));
    let letter = app.mail.wait_for(NORA, 1).await.remove(0);
    assert!(letter.text.contains("Subject: Invitation to Patient Logger from Hospital 0"), "{letter:?}");
    assert!(letter.text.contains("https://ward.example/app/accept-invitation#token=pli_"), "{letter:?}");

    let token = letter.token();
    let input = json!({ "token": token, "password": CHOSEN, "name": " Nora van Dijk " });
    let joined = app.anonymous().mutate("acceptInvitation", input, TOKENS).await;
    assert_eq!(joined["userErrors"], json!([]));
    assert_eq!(joined["viewer"]["name"], "Nora van Dijk");
    assert_eq!((&joined["viewer"]["email"], &joined["viewer"]["role"]), (&json!(NORA), &json!("CLINICIAN")));
    assert!(joined["refreshToken"].as_str().unwrap().starts_with("plr_"));
    let nurse = Actor::new(&app.url, joined["accessToken"].as_str().map(str::to_owned));
    assert_eq!(nurse.ask("{ hospital { slug } }").await.data()["hospital"]["slug"], hospital.slug);
    assert!(sign_in(&app, CHOSEN).await["accessToken"].is_string());
    let expected = json!({ "id": id, "email": NORA, "name": "Nora Nurse", "role": "CLINICIAN", "status": "ACCEPTED",
        "expiresAt": "2026-03-04T12:00:00Z", "invitedBy": { "name": "Ada Admin" }, "staff": { "name": "Nora van Dijk" } });
    assert_eq!(list(&app, &hospital).await, [expected]);

    let again = app.admin(&hospital).mutate("inviteStaff", nora(), "invitation { id }").await;
    assert_eq!(user_errors(&again), [("email".into(), "TAKEN".into())]);
    let revoked = app.admin(&hospital).mutate("revokeInvitation", json!({ "id": id }), "invitation { id }").await;
    assert_eq!(user_errors(&revoked), [("id".into(), "INVALID".into())]);
    // What was stored cannot be used.
    let hash: Vec<u8> = sqlx::query_scalar("SELECT token_hash FROM invitations")
        .fetch_one(&mut app.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(hash.len(), 32);
    assert!(!token.as_bytes().windows(32).any(|part| part == hash));
}

#[tokio::test]
async fn a_token_that_is_used_old_revoked_replaced_or_made_up_is_one_answer() {
    let app = TestApp::start().await;
    let (hospital, other) = (app.hospital().await, app.hospital().await);
    let none = accept(&app, "nonsense", CHOSEN).await;
    assert_eq!(user_errors(&none), [("token".into(), "INVALID_TOKEN".into())]);

    let first = invite(&app, &hospital).await;
    let replaced = app.mail.token(NORA, 1).await;
    let second = invite(&app, &hospital).await;
    let revoked = app.mail.token(NORA, 2).await;
    let statuses = |nodes: Vec<Value>| nodes.iter().map(|node| node["status"].clone()).collect::<Vec<_>>();
    assert_eq!(statuses(list(&app, &hospital).await), ["PENDING", "REVOKED"]);
    assert_ne!(first["id"], second["id"]);
    for _ in 0..2 {
        let id = json!({ "id": second["id"] });
        let payload = app.admin(&hospital).mutate("revokeInvitation", id, "invitation { status }").await;
        assert_eq!(payload, json!({ "invitation": { "status": "REVOKED" }, "userErrors": [] }));
    }
    invite(&app, &hospital).await;
    let expired = app.mail.token(NORA, 3).await;
    app.wait(Duration::hours(72));
    assert_eq!(statuses(list(&app, &hospital).await), ["EXPIRED", "REVOKED", "REVOKED"]);
    invite(&app, &hospital).await;
    let good = app.mail.token(NORA, 4).await;
    app.wait(Duration::hours(71));

    // The secret of one hospital's invitation under the name of another's.
    invite(&app, &other).await;
    let elsewhere = app.mail.token(NORA, 5).await;
    let mixed = graft(&good, &elsewhere);
    for token in [&replaced, &revoked, &expired, &mixed, &good[4..], &good.to_uppercase(), &format!("{good}A"), ""] {
        assert_eq!(accept(&app, token, CHOSEN).await, none, "{token}");
    }
    // A mistake does not use it up.
    assert_eq!(user_errors(&accept(&app, &good, "short").await), [("password".into(), "TOO_SHORT".into())]);
    assert!(accept(&app, &good, CHOSEN).await["accessToken"].is_string());
    assert_eq!(accept(&app, &good, CHOSEN).await, none);
    assert_eq!(accept(&app, &elsewhere, CHOSEN).await["viewer"]["hospital"]["slug"], other.slug);
}

/// The hospital and id of one token with the secret of another, and a right checksum.
fn graft(secret_of: &str, names_of: &str) -> String {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let decode = |token: &str| BASE64_URL_SAFE_NO_PAD.decode(&token[4..]).unwrap();
    let body = [&decode(names_of)[..32], &decode(secret_of)[32..64]].concat();
    let sum = <sha2::Sha256 as sha2::Digest>::digest(&body);
    format!("pli_{}", BASE64_URL_SAFE_NO_PAD.encode([&body, &sum[..4]].concat()))
}

#[tokio::test]
async fn of_fifty_who_accept_at_once_one_joins() {
    let app = TestApp::start_sized(8, |_| {}).await;
    let hospital = app.hospital().await;
    invite(&app, &hospital).await;
    let token = app.mail.token(NORA, 1).await;
    let payloads = futures_util::future::join_all((0..50).map(|_| answer_to(&app, &token))).await;
    let joined = payloads.iter().filter(|payload| payload["accessToken"].is_string()).count();
    assert_eq!(joined, 1, "{payloads:?}");
    let staff = app.admin(&hospital).ask("{ staff(filter: { text: \"nora\" }) { totalCount } }").await;
    assert_eq!(staff.data()["staff"]["totalCount"], 1);
}

/// What comes of accepting while many do: also that the server has too much to do.
async fn answer_to(app: &TestApp, token: &str) -> Value {
    let input = json!({ "token": token, "password": CHOSEN });
    let answer = app.anonymous().send("acceptInvitation", input, TOKENS).await;
    answer.body["data"]["acceptInvitation"].clone()
}

#[tokio::test]
async fn an_invitation_never_changes_an_account_that_works_elsewhere_and_tells_nobody_of_it() {
    let app = TestApp::start().await;
    let (old, new) = (app.hospital().await, app.hospital().await);
    app.employ(&old, NORA, Role::Clinician).await;
    let unknown = with(&nora(), json!({ "email": "unknown@nurses.example" }));
    let selection = "invitation { status role }";
    let known = app.admin(&new).mutate("inviteStaff", nora(), selection).await;
    assert_eq!(known, app.admin(&new).mutate("inviteStaff", unknown, selection).await);

    let token = app.mail.token(NORA, 1).await;
    let refused = accept(&app, &token, CHOSEN).await;
    assert_eq!(user_errors(&refused), [("password".into(), "INVALID_CREDENTIALS".into())]);
    assert!(sign_in(&app, PASSWORD).await["accessToken"].is_string(), "the password is the one it was");
    let joined = accept(&app, &token, PASSWORD).await;
    assert_eq!(joined["viewer"]["hospital"]["slug"], new.slug);
    let choices = json!([{ "slug": old.slug }, { "slug": new.slug }]);
    assert_eq!(sign_in(&app, PASSWORD).await["choices"], choices);
    assert_eq!(user_errors(&sign_in(&app, CHOSEN).await), [(String::new(), "INVALID_CREDENTIALS".into())]);
}

#[tokio::test]
async fn what_an_administrator_sets_up_in_somebodys_name_opens_no_other_hospital_and_ends_when_the_owner_appears() {
    let app = TestApp::start().await;
    let (old, new) = (app.hospital().await, app.hospital().await);
    // An administrator makes the account, signs in as its owner, chooses a password and adds a second factor.
    let input = with(&nora(), json!({ "initialPassword": PASSWORD }));
    app.admin(&old).mutate("createStaff", input, "staff { id }").await;
    let entered = sign_in(&app, PASSWORD).await;
    let impostor = Actor::new(&app.url, entered["accessToken"].as_str().map(str::to_owned));
    let theirs = "owls prefer no lanterns";
    let input = json!({ "currentPassword": PASSWORD, "newPassword": theirs });
    assert_eq!(impostor.mutate("changePassword", input, "").await["userErrors"], json!([]));
    let secret = impostor.mutate("startSecondFactor", json!({ "password": theirs }), "secret").await;
    let secret = totp_rs::Secret::try_from_base32(secret["secret"].as_str().unwrap()).unwrap();
    let time = u64::try_from(app.now().timestamp()).unwrap();
    let code = totp_rs::Builder::new().with_secret(secret).build().unwrap().generate(time).to_string();
    assert_eq!(impostor.mutate("confirmSecondFactor", json!({ "code": code }), "").await["userErrors"], json!([]));

    invite(&app, &new).await;
    let token = app.mail.token(NORA, 1).await;
    let refused = accept(&app, &token, theirs).await;
    assert_eq!(user_errors(&refused), [("password".into(), "INVALID_CREDENTIALS".into())]);
    assert!(refused["userErrors"][0]["message"].as_str().unwrap().contains("Choose your own first"));

    app.anonymous().mutate("requestPasswordReset", json!({ "email": NORA }), "").await;
    let reset = app.mail.token(NORA, 2).await;
    let input = json!({ "token": reset, "newPassword": CHOSEN });
    assert_eq!(app.anonymous().mutate("resetPassword", input, "").await["userErrors"], json!([]));
    assert_eq!(impostor.ask("{ viewer { id } }").await.status, 401);
    let joined = accept(&app, &token, CHOSEN).await;
    assert_eq!(joined["viewer"]["hospital"]["slug"], new.slug);
    assert_eq!(joined["viewer"]["secondFactor"], json!({ "enrolled": false, "required": false }));
}

#[tokio::test]
async fn who_was_deactivated_does_not_come_back_by_invitation() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    invite(&app, &hospital).await;
    let early = app.mail.token(NORA, 1).await;
    let nora = app.employ(&hospital, NORA, Role::Clinician).await;
    let id = json!({ "id": nora.staff.to_string() });
    app.admin(&hospital).mutate("deactivateStaff", id, "staff { id }").await;
    assert_eq!(user_errors(&accept(&app, &early, PASSWORD).await), [("email".into(), "TAKEN".into())]);
    let again = app.admin(&hospital).mutate("inviteStaff", self::nora(), "invitation { id }").await;
    assert_eq!(user_errors(&again), [("email".into(), "TAKEN".into())]);
}

#[tokio::test]
async fn invitations_of_another_hospital_are_not_there() {
    let app = TestApp::start().await;
    let (here, there) = (app.hospital().await, app.hospital().await);
    let theirs = invite(&app, &there).await["id"].as_str().unwrap().to_owned();
    assert_eq!(list(&app, &here).await, [Value::Null; 0]);
    let message = "There is no such invitation in your hospital.";
    for id in [theirs.clone(), InvitationId(Uuid::now_v7()).to_string()] {
        let payload = app.admin(&here).mutate("revokeInvitation", json!({ "id": id }), "invitation { id }").await;
        let none = json!([{ "code": "NOT_FOUND", "field": ["id"], "message": message }]);
        assert_eq!(payload, json!({ "invitation": null, "userErrors": none }));
    }
    assert_eq!(list(&app, &there).await[0]["status"], "PENDING");
    let refused = app.clinician(&there).send("inviteStaff", nora(), "invitation { id }").await;
    assert_eq!(refused.refusals(), [("inviteStaff".to_owned(), "MANAGE_STAFF".to_owned())]);
}

#[tokio::test]
async fn a_form_shows_all_its_mistakes_at_once_and_sends_nothing() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let bad = json!({ "email": "nora@x.example\r\nBcc: all@x.example", "name": " ", "role": "PARTNER" });
    let payload = admin.mutate("inviteStaff", bad, "invitation { id }").await;
    let errors = [("name", "BLANK"), ("email", "INVALID"), ("role", "INVALID")];
    assert_eq!(user_errors(&payload), errors.map(|(field, code)| (field.to_owned(), code.to_owned())));
    assert_eq!(list(&app, &hospital).await, [Value::Null; 0]);

    invite(&app, &hospital).await;
    let token = app.mail.token(NORA, 1).await;
    let input = json!({ "token": token, "name": "No\u{202e}ra", "password": "Hospital 0 Hospital 0" });
    let payload = app.anonymous().mutate("acceptInvitation", input, TOKENS).await;
    let errors = [("name", "INVALID"), ("password", "GUESSABLE")];
    assert_eq!(user_errors(&payload), errors.map(|(field, code)| (field.to_owned(), code.to_owned())));
}

#[tokio::test]
async fn a_letter_is_tried_again_after_a_passing_fault_and_no_answer_waits_for_it() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    app.mail.refuse(&["451 later", "451 later"]);
    invite(&app, &hospital).await;
    assert!(app.mail.token(NORA, 1).await.starts_with("pli_"));
    assert_eq!(app.mail.refused(), 2);

    // What a mail server refuses for good is not sent again, and keeps nobody else waiting.
    app.mail.refuse(&["550 <nora@nurses.example> is nobody"]);
    invite(&app, &hospital).await;
    let other = with(&nora(), json!({ "email": "other@nurses.example" }));
    app.admin(&hospital).mutate("inviteStaff", other, "invitation { id }").await;
    app.mail.wait_for("other@nurses.example", 1).await;
    assert_eq!((app.mail.refused(), app.mail.letters_to(NORA).len()), (3, 1));
}
