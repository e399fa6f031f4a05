//! Staff: joining, changing, leaving.

use patient_logger::kernel::{Role, StaffId};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::support::{Actor, Answer, TestApp, user_errors, with};

const STAFF: &str = "staff { id name role email status createdAt updatedAt version }";
const PASSWORD: &str = "correct horse battery";

fn nora() -> Value {
    json!({ "email": "nora@nurses.example", "name": "Nora Nurse", "role": "CLINICIAN", "initialPassword": PASSWORD })
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> Value {
    let selection = "accessToken viewer { id name role }";
    app.anonymous().mutate("signIn", json!({ "email": email, "password": password }), selection).await
}

#[tokio::test]
async fn a_member_of_staff_joins_signs_in_changes_and_leaves_and_the_work_stays() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let patient = admin.patient("A-1").await;
    let input = with(&nora(), json!({ "email": " Nora@Nurses.Example ", "name": " No\u{308}ra 護 " }));
    let payload = admin.mutate("createStaff", input, STAFF).await;
    let id = &payload["staff"]["id"];
    let (noon, later) = ("2026-03-01T12:00:00Z", "2026-03-01T12:01:00Z");
    let staff = json!({ "id": id, "name": "Nöra 護", "role": "CLINICIAN", "email": "nora@nurses.example",
        "status": "ACTIVE", "createdAt": noon, "updatedAt": noon, "version": 1 });
    assert_eq!(payload, json!({ "staff": staff, "userErrors": [] }));

    let entered = sign_in(&app, "nora@nurses.example", PASSWORD).await;
    assert_eq!(entered["viewer"], json!({ "id": id, "name": "Nöra 護", "role": "CLINICIAN" }));
    let nurse = Actor::new(&app.url, entered["accessToken"].as_str().map(str::to_owned));
    let log = nurse.task_log(&patient, "Pulse 72").await;

    app.wait(chrono::Duration::minutes(1));
    let change = json!({ "id": id, "expectedVersion": 1, "name": "Nora Jones", "role": "ADMIN" });
    let payload = admin.mutate("updateStaff", change.clone(), STAFF).await;
    let promoted = with(&staff, json!({ "name": "Nora Jones", "role": "ADMIN", "updatedAt": later, "version": 2 }));
    assert_eq!(payload, json!({ "staff": promoted, "userErrors": [] }));
    let conflict = json!([{ "code": "VERSION_CONFLICT", "field": ["expectedVersion"],
        "message": "You expected version 1; it is at version 2. Read it again and decide anew." }]);
    assert_eq!(admin.mutate("updateStaff", change, STAFF).await, json!({ "staff": null, "userErrors": conflict }));
    let payload = admin.mutate("deactivateStaff", json!({ "id": id, "expectedVersion": 1 }), STAFF).await;
    assert_eq!(payload, json!({ "staff": null, "userErrors": conflict }));
    for nothing in
        [json!({ "id": id }), json!({ "id": id, "name": " Nora Jones ", "role": "ADMIN", "expectedVersion": 2 })]
    {
        assert_eq!(
            admin.mutate("updateStaff", nothing, STAFF).await["staff"],
            promoted,
            "what changes nothing makes no version"
        );
    }
    let entered = sign_in(&app, "nora@nurses.example", PASSWORD).await;
    assert_eq!(entered["viewer"], json!({ "id": id, "name": "Nora Jones", "role": "ADMIN" }));

    let payload = admin.mutate("deactivateStaff", json!({ "id": id, "expectedVersion": 2 }), STAFF).await;
    let left = with(&promoted, json!({ "status": "DEACTIVATED", "version": 3 }));
    assert_eq!(payload, json!({ "staff": left, "userErrors": [] }));
    let refused = sign_in(&app, "nora@nurses.example", PASSWORD).await;
    assert_eq!(refused, sign_in(&app, "nora@nurses.example", "not the password").await);
    assert_eq!(user_errors(&refused), [(String::new(), "INVALID_CREDENTIALS".to_owned())]);

    let query = "query($log: ID!) { taskLog(id: $log) { description clinician { name } }
        staff(filter: { text: \"nora\" }) { nodes { name taskLogs { totalCount } } }
        clinicians { nodes { name } } }";
    let expected = json!({
        "taskLog": { "description": "Pulse 72", "clinician": { "name": "Nora Jones" } },
        "staff": { "nodes": [{ "name": "Nora Jones", "taskLogs": { "totalCount": 1 } }] },
        "clinicians": { "nodes": [{ "name": "Carl Clinician" }, { "name": "Dora Doctor" }] },
    });
    for actor in [&admin, &app.clinician(&hospital)] {
        assert_eq!(*actor.ask_with(query, json!({ "log": log })).await.data(), expected);
    }
    let gone = json!({ "staff": null, "userErrors": [
        { "code": "DEACTIVATED", "field": ["id"], "message": "This member of staff is deactivated." },
    ] });
    assert_eq!(admin.mutate("updateStaff", json!({ "id": id, "role": "CLINICIAN" }), STAFF).await, gone);
    assert_eq!(admin.mutate("deactivateStaff", json!({ "id": id }), STAFF).await, gone);
    assert_eq!(user_errors(&admin.mutate("createStaff", nora(), STAFF).await), [("email".into(), "TAKEN".into())]);
}

#[tokio::test]
async fn a_form_shows_all_its_mistakes_at_once_and_nobody_joins() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let everybody = "{ staff { nodes { id name role version } } }";
    let before = admin.ask(everybody).await;
    let mistakes =
        json!({ "email": "nora", "name": "\u{202e}aroN", "role": "ADMIN", "initialPassword": "fourteen chars" });
    let expected = json!({ "staff": null, "userErrors": [
        { "code": "INVALID", "field": ["name"],
          "message": "name has control characters or characters that change the direction of writing." },
        { "code": "INVALID", "field": ["email"],
          "message": "email must be an e-mail address such as ann@example.org." },
        { "code": "TOO_SHORT", "field": ["initialPassword"],
          "message": "initialPassword must have at least 15 characters." },
    ] });
    assert_eq!(admin.mutate("createStaff", mistakes, STAFF).await, expected);
    let message = "Somebody with this e-mail address works in your hospital already, or did and was deactivated.";
    let taken = json!({ "staff": null, "userErrors": [{ "code": "TAKEN", "field": ["email"], "message": message }] });
    let input = with(&nora(), json!({ "email": hospital.colleague.email.to_uppercase() }));
    assert_eq!(admin.mutate("createStaff", input, STAFF).await, taken);

    let id = hospital.colleague.staff.to_string();
    let payload = admin.mutate("updateStaff", json!({ "id": id, "name": null, "role": null }), STAFF).await;
    assert_eq!(user_errors(&payload), [("name".into(), "BLANK".into()), ("role".into(), "BLANK".into())]);
    for (name, code) in [
        ("", "BLANK"),
        (" \u{3000}\u{3164}", "BLANK"),
        (&"n".repeat(101), "TOO_LONG"),
        ("a\0", "INVALID"),
        ("a\nb", "INVALID"),
    ] {
        for (mutation, input) in [("createStaff", nora()), ("updateStaff", json!({ "id": id }))] {
            let payload = admin.mutate(mutation, with(&input, json!({ "name": name })), STAFF).await;
            assert_eq!(user_errors(&payload), [("name".into(), code.into())], "{mutation} {name:?}");
        }
    }
    let long = format!("{}@x.example", "a".repeat(245));
    let twice = format!("{}@x.example", "İ".repeat(200));
    for email in [
        "",
        "@",
        "a@",
        "@x.example",
        "a@example",
        "a@.example",
        "a@x.",
        "a b@x.example",
        "a@x@x.example",
        "a\0@x.example",
        "a@x.example\n",
        &long,
        &twice,
    ] {
        let payload = admin.mutate("createStaff", with(&nora(), json!({ "email": email })), STAFF).await;
        assert_eq!(user_errors(&payload), [("email".into(), "INVALID".into())], "{email:?}");
    }
    assert_eq!(admin.ask(everybody).await, before);
}

/// So many characters, some of which can be taken apart, and not easy to guess.
fn rhyme(length: usize) -> String {
    let text = "Fünf Mägde schälen Äpfel hinter der Mühle, während im Hof der Öltank überläuft; der Müller zählt Säcke, ein Kätzchen döst im Körbchen.";
    assert!(text.chars().count() >= length);
    text.chars().take(length).collect()
}

#[tokio::test]
async fn a_password_has_15_to_128_characters_of_any_script_and_opens_the_account_however_it_is_typed() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let join = |number: usize, password: String| {
        let input = json!({ "email": format!("p{number}@x.example"), "initialPassword": password });
        admin.mutate("createStaff", with(&nora(), input), "staff { id }")
    };
    for (password, code) in [
        ("é".repeat(14), "TOO_SHORT"),
        // Two code points, one character.
        ("e\u{301}".repeat(14), "TOO_SHORT"),
        (rhyme(129), "TOO_LONG"),
        ("p".repeat(15), "GUESSABLE"),
        (String::new(), "TOO_SHORT"),
        (format!("{PASSWORD}\0"), "INVALID"),
        (format!("{PASSWORD}\n"), "INVALID"),
        (format!("{PASSWORD}\u{9f}"), "INVALID"),
    ] {
        assert_eq!(
            user_errors(&join(0, password.clone()).await),
            [("initialPassword".into(), code.into())],
            "{password:?}"
        );
    }
    for (number, (chosen, typed)) in [
        (rhyme(15), rhyme(15)),
        (" мой пароль 密码 🔑 ñ".into(), " мой пароль 密码 🔑 n\u{303}".into()),
        (rhyme(128).nfd().collect(), rhyme(128)),
        (rhyme(128), rhyme(128).nfd().collect()),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(join(number, chosen.clone()).await["userErrors"], json!([]), "{chosen:?}");
        let email = format!("p{number}@x.example");
        assert_eq!(sign_in(&app, &email, &typed).await["userErrors"], json!([]), "{typed:?}");
        let more = sign_in(&app, &email, &format!("{typed}p")).await;
        assert_eq!(user_errors(&more), [(String::new(), "INVALID_CREDENTIALS".to_owned())], "{typed:?} and one more");
    }
}

#[tokio::test]
async fn an_address_signs_in_however_it_is_typed() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let payload =
        admin.mutate("createStaff", with(&nora(), json!({ "email": "Zoe\u{308}@Mu\u{308}ller.example" })), STAFF).await;
    assert_eq!(payload["staff"]["email"], "zoë@müller.example");
    for email in ["zoë@müller.example", " ZOË@MÜLLER.EXAMPLE", "zoe\u{308}@mu\u{308}ller.example"] {
        assert_eq!(sign_in(&app, email, PASSWORD).await["viewer"]["id"], payload["staff"]["id"], "{email:?}");
    }
    for email in ["zoë@müller.example\0", "zoe@muller.example"] {
        assert_eq!(
            user_errors(&sign_in(&app, email, PASSWORD).await),
            [(String::new(), "INVALID_CREDENTIALS".to_owned())],
            "{email:?}"
        );
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let other = app.hospital().await;
    app.employ(&other, "elsewhere@admin.example", Role::Admin).await;
    let admin = app.admin(&hospital);
    let id = hospital.admin.staff.to_string();
    let last = |field: &str| {
        let message = "This is the last active administrator of your hospital. Make somebody else one first.";
        json!({ "staff": null, "userErrors": [{ "code": "LAST_ADMIN", "field": [field], "message": message }] })
    };
    let demote = json!({ "id": id, "role": "CLINICIAN", "name": "Ada Former" });
    assert_eq!(admin.mutate("deactivateStaff", json!({ "id": id }), STAFF).await, last("id"));
    assert_eq!(admin.mutate("updateStaff", demote.clone(), STAFF).await, last("role"));
    let renamed =
        admin.mutate("updateStaff", json!({ "id": id, "name": "Ada Lovelace" }), "staff { name role version }").await;
    assert_eq!(renamed["staff"], json!({ "name": "Ada Lovelace", "role": "ADMIN", "version": 2 }));

    let second = json!({ "id": hospital.clinician.staff.to_string(), "role": "ADMIN" });
    assert_eq!(admin.mutate("updateStaff", second.clone(), STAFF).await["staff"]["role"], "ADMIN");
    let demoted = admin.mutate("updateStaff", demote, "staff { name role version }").await;
    assert_eq!(
        demoted["staff"],
        json!({ "name": "Ada Former", "role": "CLINICIAN", "version": 3 }),
        "now there is another"
    );
    // The first has lost the permission with the role, at once; the second has it.
    let refused = admin.send("deactivateStaff", json!({ "id": second["id"] }), STAFF).await;
    assert_eq!(refused.code(), "FORBIDDEN");
    let promoted = app.clinician(&hospital);
    assert_eq!(promoted.mutate("deactivateStaff", json!({ "id": second["id"] }), STAFF).await, last("id"));
}

#[tokio::test]
async fn of_two_administrators_who_remove_each_other_one_stays() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let mut stays = hospital.admin.clone();
    for round in 0..20 {
        let rival = app.employ(&hospital, &format!("rival-{round}@admin.example"), Role::Admin).await;
        let remove = |actor: Actor, person: StaffId| async move {
            let (mutation, input) = match round % 2 {
                0 => ("deactivateStaff", json!({ "id": person.to_string() })),
                _ => ("updateStaff", json!({ "id": person.to_string(), "role": "CLINICIAN" })),
            };
            let answer = actor.send(mutation, input, "staff { id }").await;
            (mutation, answer)
        };
        let (one, two) = tokio::join!(remove(app.actor(&stays), rival.staff), remove(app.actor(&rival), stays.staff));
        let removed = |(mutation, answer): &(&str, Answer)| !answer.body["data"][mutation]["staff"].is_null();
        let (lost, winner) = if removed(&one) { (two, stays) } else { (one, rival) };
        // Whoever comes second is the last administrator by then, or none any more.
        match lost.1.body.get("errors") {
            Some(_) => assert!(["FORBIDDEN", "UNAUTHENTICATED"].contains(&lost.1.code()), "round {round}"),
            None => {
                let field = ["id", "role"][round % 2].to_owned();
                let errors = user_errors(&lost.1.data()[lost.0]);
                assert_eq!(errors, [(field, "LAST_ADMIN".to_owned())], "round {round}");
            }
        }
        stays = winner;
        let admins = "{ staff(filter: { roles: [ADMIN], statuses: [ACTIVE] }) { nodes { id } } }";
        let left = app.actor(&stays).ask(admins).await.data()["staff"]["nodes"].clone();
        assert_eq!(left, json!([{ "id": stays.staff.to_string() }]), "round {round}");
    }
}

#[tokio::test]
async fn nobody_but_an_administrator_changes_staff() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let everybody = "{ staff { nodes { id name role status version } } }";
    let before = app.admin(&hospital).ask(everybody).await;
    let document = "mutation($new: CreateStaffInput!, $id: ID!) {
        createStaff(input: $new) { staff { id } }
        updateStaff(input: { id: $id, role: ADMIN }) { staff { id } userErrors { code } }
        deactivateStaff(input: { id: $id }) { staff { id } }
    }";
    let variables = json!({ "new": nora(), "id": hospital.clinician.staff.to_string() });
    for (actor, code) in [(app.clinician(&hospital), "FORBIDDEN"), (app.anonymous(), "UNAUTHENTICATED")] {
        let answer = actor.ask_with(document, variables.clone()).await;
        let fields = ["createStaff", "updateStaff", "deactivateStaff"];
        assert_eq!(answer.refusals(), fields.map(|field| (field.to_owned(), "MANAGE_STAFF".to_owned())));
        assert_eq!(answer.body["data"], json!({ "createStaff": null, "updateStaff": null, "deactivateStaff": null }));
        assert!(answer.body["errors"].as_array().unwrap().iter().all(|error| error["extensions"]["code"] == code));
    }
    assert_eq!(app.admin(&hospital).ask(everybody).await, before);
}

#[tokio::test]
async fn a_foreign_member_of_staff_is_answered_like_one_that_does_not_exist() {
    let app = TestApp::start().await;
    let (here, there) = (app.hospital().await, app.hospital().await);
    let admin = app.admin(&here);
    let message = "There is no such member of staff in your hospital.";
    let none = json!({ "staff": null, "userErrors": [{ "code": "NOT_FOUND", "field": ["id"], "message": message }] });
    for mutation in ["updateStaff", "deactivateStaff"] {
        for id in [there.clinician.staff, there.admin.staff, StaffId(Uuid::now_v7())] {
            let input = json!({ "id": id.to_string(), "expectedVersion": 9 });
            assert_eq!(admin.mutate(mutation, input, STAFF).await, none);
        }
        let wrong = admin.send(mutation, json!({ "id": here.id.to_string() }), STAFF).await;
        let message =
            format!("\"{}\" is the id of a hospital; the id of a member of staff begins with \"stf_\".", here.id);
        assert_eq!((wrong.code(), &wrong.body["errors"][0]["message"]), ("BAD_USER_INPUT", &json!(message)));
    }
    let theirs = app.admin(&there).ask("{ staff { nodes { status version } } }").await;
    let untouched = json!({ "status": "ACTIVE", "version": 1 });
    assert_eq!(theirs.data()["staff"]["nodes"], json!([untouched, untouched, untouched]));
}

#[tokio::test]
async fn a_creation_that_is_sent_again_adds_nobody_and_its_key_keeps_no_password() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let input = with(&nora(), json!({ "idempotencyKey": "k" }));
    let first = admin.mutate("createStaff", input.clone(), STAFF).await;
    assert_eq!(first["userErrors"], json!([]));
    assert_eq!(admin.mutate("createStaff", input.clone(), STAFF).await, first);
    // The key is bound to who joins. The password leaves no trace beside its own hash, so it cannot be compared.
    let again = with(&input, json!({ "initialPassword": "another long password" }));
    assert_eq!(admin.mutate("createStaff", again, STAFF).await, first);
    let other = admin.mutate("createStaff", with(&input, json!({ "role": "ADMIN" })), STAFF).await;
    assert_eq!(user_errors(&other), [("idempotencyKey".into(), "IDEMPOTENCY_KEY_REUSED".into())]);
    assert_eq!(sign_in(&app, "nora@nurses.example", PASSWORD).await["userErrors"], json!([]));
}
