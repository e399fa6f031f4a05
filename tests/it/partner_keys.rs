//! A partner's key gives exactly its share.

use chrono::Duration;
use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

const EVERYTHING: &str = "{
    viewer { id name email role permissions staff { name } hospital { slug } }
    patients { nodes { id room status mrn firstName lastName dateOfBirth contactPhone contactEmail } }
    taskLogs { nodes { id description notes patient { room mrn } clinician { name } } }
}";

/// The last part of each path that was refused.
fn refused(body: &Value) -> Vec<String> {
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    let last = |error: &Value| error["path"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
    errors.iter().map(last).collect()
}

#[tokio::test]
async fn a_key_reads_its_share_of_one_hospital_and_each_grant_adds_one_thing() {
    let app = TestApp::start().await;
    let (hospital, other) = (app.hospital().await, app.hospital().await);
    let admin = app.admin(&hospital);
    let patient = admin.patient("MRN-1").await;
    app.admin(&other).patient("FOREIGN-1").await;
    let input = json!({ "patientId": patient, "taskType": "VITALS", "description": "Pulse 72", "notes": "Restless" });
    app.clinician(&hospital).mutate("createTaskLog", input, "taskLog { id }").await;

    let plain = admin.partner_key(json!([])).await.ask(EVERYTHING).await;
    let data = &plain.body["data"];
    assert_eq!(data["viewer"]["role"], "PARTNER");
    assert_eq!(data["viewer"]["name"], "Registry");
    assert_eq!(data["viewer"]["email"], Value::Null);
    assert_eq!(data["viewer"]["permissions"], json!(["PUBLIC", "SIGNED_IN", "READ_PATIENTS", "READ_TASK_LOGS"]));
    assert_eq!(data["viewer"]["hospital"]["slug"], hospital.slug);
    let row = json!({ "id": patient, "room": "1A", "status": "ADMITTED", "mrn": null, "firstName": null, "lastName": null,
        "dateOfBirth": null, "contactPhone": null, "contactEmail": null });
    assert_eq!(data["patients"]["nodes"], json!([row]));
    assert_eq!(data["taskLogs"]["nodes"][0]["description"], "Pulse 72");
    let identity = ["mrn", "firstName", "lastName", "dateOfBirth"];
    let mut expected = vec!["staff"];
    expected.extend(identity);
    expected.extend(["contactPhone", "contactEmail", "notes", "mrn", "clinician"]);
    assert_eq!(refused(&plain.body), expected);

    let with_identity = admin.partner_key(json!(["READ_PATIENT_IDENTITY"])).await.ask(EVERYTHING).await;
    assert_eq!(with_identity.body["data"]["patients"]["nodes"][0]["mrn"], "MRN-1");
    assert_eq!(refused(&with_identity.body), ["staff", "contactPhone", "contactEmail", "notes", "clinician"]);
}

#[tokio::test]
async fn a_key_changes_nothing_and_signs_nobody_in() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let partner = app.admin(&hospital).partner_key(json!(["READ_TASK_NOTES", "READ_PATIENT_IDENTITY"])).await;
    let schema = partner.ask("{ __schema { mutationType { fields { name args { name } } } } }").await;
    let mutations = schema.data()["__schema"]["mutationType"]["fields"].as_array().unwrap().clone();
    assert!(mutations.len() >= 12);
    // Right inputs would not matter: the refusal comes before anything looks at them.
    let email = &hospital.clinician.email;
    let sign_in = format!(
        "mutation {{ signIn(input: {{ email: \"{email}\", password: \"a password for tests\" }}) {{ accessToken }} }}"
    );
    let answer = partner.ask(&sign_in).await;
    assert_eq!((answer.status, answer.code()), (403, "FORBIDDEN"));
    assert_eq!(answer.body.get("data"), None);
    for mutation in mutations {
        let name = mutation["name"].as_str().unwrap();
        let mut kind = name.to_owned();
        kind[..1].make_ascii_uppercase();
        let query = match mutation["args"].as_array().unwrap().len() {
            0 => format!("mutation {{ {name} {{ __typename }} }}"),
            _ => format!("mutation($input: {kind}Input!) {{ {name}(input: $input) {{ __typename }} }}"),
        };
        let answer = partner.ask_with(&query, json!({ "input": {} })).await;
        assert_eq!((answer.status, answer.code()), (403, "FORBIDDEN"), "{name}");
    }
}

#[tokio::test]
async fn a_revoked_an_expired_and_a_mistyped_key_are_no_key() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let partner = admin.partner_key(json!([])).await;
    let ask = async |actor: &Actor| actor.ask("{ viewer { id } }").await;
    let id = ask(&partner).await.data()["viewer"]["id"].clone();

    let payload = admin.mutate("revokePartnerKey", json!({ "id": id }), "partnerKey { status revokedAt }").await;
    assert_eq!(payload["partnerKey"], json!({ "status": "REVOKED", "revokedAt": "2026-03-01T12:00:00Z" }));
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let revoked = ask(&partner).await;
    assert_eq!((revoked.status, revoked.code()), (401, "UNAUTHENTICATED"));

    let second = admin.partner_key(json!([])).await;
    assert_eq!(ask(&second).await.status, 200);
    app.wait(Duration::days(306));
    assert_eq!(ask(&second).await, revoked, "expired");

    let mut wrong = second.clone();
    wrong.token =
        wrong.token.map(|key| format!("{}{}", &key[..key.len() - 1], if key.ends_with('A') { "B" } else { "A" }));
    assert_eq!(ask(&wrong).await, revoked);
}

#[tokio::test]
async fn administrators_make_list_and_rotate_keys_and_nobody_else_does() {
    let app = TestApp::start().await;
    let (hospital, other) = (app.hospital().await, app.hospital().await);
    let admin = app.admin(&hospital);
    let fields = "partnerKey { name permissions allowedNetworks status expiresAt lastUsedAt createdBy { name } } key";
    let input = json!({ "name": "Registry", "permissions": ["READ_TASK_NOTES"], "expiresAt": "2026-06-01T00:00:00Z",
        "allowedNetworks": ["127.0.0.9/8", "2001:db8::1"] });
    let payload = admin.mutate("createPartnerKey", input.clone(), fields).await;
    let expected = json!({ "name": "Registry", "status": "ACTIVE", "expiresAt": "2026-06-01T00:00:00Z", "lastUsedAt": null,
        "permissions": ["PUBLIC", "SIGNED_IN", "READ_PATIENTS", "READ_TASK_LOGS", "READ_TASK_NOTES"],
        "allowedNetworks": ["127.0.0.0/8", "2001:db8::1/128"], "createdBy": { "name": "Ada Admin" } });
    assert_eq!(payload["partnerKey"], expected);
    let key = payload["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("plk_"));
    let stored: Vec<String> = sea_orm::sqlx::query_scalar("SELECT partner_keys::text FROM partner_keys")
        .fetch_all(&mut app.database.superuser().await)
        .await
        .unwrap();
    assert!(!stored.iter().any(|row| row.contains(&key[50..80])), "only a hash is kept");

    let partner = Actor::new(&app.url, Some(key));
    assert_eq!(partner.ask("{ viewer { id } }").await.status, 200);
    admin.mutate("createPartnerKey", input.clone(), fields).await;
    let third = admin.mutate("createPartnerKey", input, fields).await;
    assert_eq!(third["userErrors"][0]["code"], "TAKEN", "two of one name are enough to rotate");
    let listed = admin.ask("{ partnerKeys { totalCount nodes { name lastUsedAt } } }").await;
    assert_eq!(listed.data()["partnerKeys"]["totalCount"], 2);

    let elsewhere =
        json!({ "name": "Elsewhere", "expiresAt": "2026-06-01T00:00:00Z", "allowedNetworks": ["203.0.113.0/24"] });
    let payload = admin.mutate("createPartnerKey", elsewhere, "key").await;
    let outside = Actor::new(&app.url, payload["key"].as_str().map(str::to_owned));
    assert_eq!(outside.ask("{ viewer { id } }").await.status, 401, "this is not an allowed network");

    let bad = json!({ "name": " ", "permissions": ["READ_PATIENT_CONTACT", "MANAGE_STAFF"], "expiresAt": "2027-03-02T12:00:01Z",
        "allowedNetworks": ["everywhere"] });
    let payload = admin.mutate("createPartnerKey", bad, "key").await;
    let codes: Vec<_> =
        payload["userErrors"].as_array().unwrap().iter().map(|e| e["field"][0].as_str().unwrap()).collect();
    assert_eq!(codes, ["name", "permissions", "allowedNetworks", "expiresAt"]);

    let id = partner.ask("{ viewer { id } }").await.data()["viewer"]["id"].clone();
    let foreign = app.admin(&other).mutate("revokePartnerKey", json!({ "id": id }), "partnerKey { id }").await;
    assert_eq!(foreign["userErrors"][0]["code"], "NOT_FOUND");
    for actor in [app.clinician(&hospital), partner] {
        assert_eq!(actor.ask("{ partnerKeys { nodes { id } } }").await.code(), "FORBIDDEN");
    }
}
