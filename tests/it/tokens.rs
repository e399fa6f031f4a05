//! Access tokens: nothing is one but what was issued, and keys are changed while people work.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use patient_logger::auth::Tokens;
use patient_logger::kernel::{Clock, Role};
use patient_logger::keys::{Key, KeyFile, KeyRing, KeyUse, Keys};
use serde_json::{Value, json};

use crate::support::{Actor, Person, TestApp, scratch};

/// What a forger knows who has even the key: a token in parts, and a hand that signs.
struct Forge {
    key: ed25519_dalek::SigningKey,
    header: Value,
    claims: Value,
}

impl Forge {
    fn of(app: &TestApp, person: &Person) -> Self {
        let set: Value = serde_json::from_str(&app.app.keys.ring().to_private_json()).unwrap();
        let secret = decode(set["keys"][0]["d"].as_str().unwrap());
        let token = app.actor(person).token.unwrap();
        let part = |at| serde_json::from_slice(&decode(token.split('.').nth(at).unwrap())).unwrap();
        Self {
            key: ed25519_dalek::SigningKey::from_bytes(&secret.try_into().unwrap()),
            header: part(0),
            claims: part(1),
        }
    }

    /// Signs any two texts with the right key.
    fn sign(&self, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", encode(header), encode(claims));
        let signature = ed25519_dalek::Signer::sign(&self.key, text.as_bytes());
        format!("{text}.{}", encode(signature.to_bytes()))
    }

    fn with_header(&self, member: &str, value: Value) -> String {
        self.sign(&changed(&self.header, member, value), &self.claims.to_string())
    }

    fn with_claim(&self, member: &str, value: Value) -> String {
        self.sign(&self.header.to_string(), &changed(&self.claims, member, value))
    }

    fn shifted(&self, claim: &str, seconds: i64) -> String {
        self.with_claim(claim, json!(self.claims[claim].as_i64().unwrap() + seconds))
    }
}

/// An object as text with one member set, or left out for null.
fn changed(object: &Value, member: &str, value: Value) -> String {
    let mut object = object.clone();
    match value {
        Value::Null => drop(object.as_object_mut().unwrap().remove(member)),
        value => object[member] = value,
    }
    object.to_string()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Status and body of an answer to the `authorization` header.
async fn knock(app: &TestApp, header: &[u8]) -> (u16, String) {
    let header = reqwest::header::HeaderValue::from_bytes(header).unwrap();
    let request = app.anonymous().post().header("authorization", header).json(&json!({ "query": "{ viewer { id } }" }));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers().get("www-authenticate").is_some(), response.status() == 401);
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn nothing_is_a_token_but_what_was_issued() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let person = &hospital.clinician;
    let good = app.actor(person).token.unwrap();
    let forge = Forge::of(&app, person);
    let (header, claims) = (forge.header.to_string(), forge.claims.to_string());
    let parts: Vec<&str> = good.split('.').collect();
    assert_eq!(forge.header.as_object().unwrap().keys().collect::<Vec<_>>(), ["alg", "kid", "typ"]);
    assert_eq!(
        knock(&app, format!("Bearer {}", forge.sign(&header, &claims)).as_bytes()).await.0,
        200,
        "the forge works"
    );

    let now = app.now();
    let stranger = Tokens::new(Keys::random(), Duration::from_secs(600), Clock::from_fn(move || now));
    let stranger = stranger.issue(person.staff, person.hospital, Role::Admin, person.session).unwrap().token;
    let unknown = encode(changed(&forge.header, "kid", json!("x".repeat(43))));
    let hs256 = {
        // HMAC with the public key as its secret, which a verifier that trusts `alg` would accept.
        let public = jsonwebtoken::EncodingKey::from_secret(forge.key.verifying_key().as_bytes());
        let header = jsonwebtoken::Header {
            typ: Some("at+jwt".into()),
            kid: Some(app.app.keys.ring().signing().id.clone()),
            ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, &forge.claims, &public).unwrap()
    };
    let mut trailing = good.clone();
    // The last character of a signature has two bits that say nothing.
    let last = trailing.pop().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    trailing.push(alphabet.chars().nth(alphabet.find(last).unwrap() ^ 1).unwrap());
    let duplicate = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(forge.key.verifying_key().as_bytes()) });
    let none = encode(changed(&forge.header, "alg", json!("none")));

    let mut tokens: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("a word", "x".into()),
        ("three words", "a.b.c".into()),
        ("dots", "..".into()),
        ("no signature", parts[..2].join(".")),
        ("an empty signature", format!("{}.{}.", parts[0], parts[1])),
        ("a fourth part", format!("{good}.x")),
        ("one character more", format!("{good}A")),
        ("one character less", good[..good.len() - 1].into()),
        ("padding", format!("{good}==")),
        ("trailing bits", trailing),
        ("a signature of zeros", format!("{}.{}.{}", parts[0], parts[1], encode([0; 64]))),
        ("the parts in another order", [parts[1], parts[0], parts[2]].join(".")),
        ("capitals", good.to_uppercase()),
        ("the alphabet of base64", good.replace(['-', '_'], "+").replacen('A', "/", 1)),
        ("a space within", good.replacen('.', ". ", 1)),
        ("two tokens", format!("{good} {good}")),
        ("two tokens with a comma", format!("{good},{good}")),
        ("quotes", format!("\"{good}\"")),
        ("ten thousand characters", "9".repeat(10_000)),
        ("a huge claim", forge.with_claim("jti", json!("x".repeat(9_000)))),
        ("another installation's", stranger),
        ("a kid that nobody knows", format!("{unknown}.{}.{}", parts[1], parts[2])),
        ("alg none", format!("{none}.{}.", parts[1])),
        ("alg none, signed", forge.with_header("alg", json!("none"))),
        ("alg NonE", forge.with_header("alg", json!("NonE"))),
        ("HS256 with the public key", hs256),
        ("alg Ed25519", forge.with_header("alg", json!("Ed25519"))),
        ("alg as a list", forge.with_header("alg", json!(["EdDSA"]))),
        ("no alg", forge.with_header("alg", Value::Null)),
        ("typ JWT", forge.with_header("typ", json!("JWT"))),
        ("typ in other words", forge.with_header("typ", json!("application/at+jwt"))),
        ("no typ", forge.with_header("typ", Value::Null)),
        ("no kid", forge.with_header("kid", Value::Null)),
        ("a kid with a path", forge.with_header("kid", json!("../../../dev/null"))),
        ("a kid that is a number", forge.with_header("kid", json!(0))),
        ("the key in the header", forge.with_header("jwk", jwk)),
        ("a place of the key", forge.with_header("jku", json!("https://elsewhere.example/jwks.json"))),
        ("a certificate", forge.with_header("x5c", json!(["MIIB"]))),
        ("a place of a certificate", forge.with_header("x5u", json!("https://elsewhere.example/x.pem"))),
        ("crit", forge.with_header("crit", json!(["exp"]))),
        ("an unencoded payload", forge.with_header("b64", json!(false))),
        ("compressed", forge.with_header("zip", json!("DEF"))),
        ("kid twice", forge.sign(&duplicate(&header, "\"kid\":\"x\""), &claims)),
        ("role twice", forge.sign(&header, &duplicate(&claims, "\"role\":\"ADMIN\""))),
        ("exp twice", forge.sign(&header, &duplicate(&claims, "\"exp\":9999999999"))),
        ("no object", forge.sign(&header, "[]")),
        ("no JSON", forge.sign(&header, &claims[..claims.len() - 1])),
        ("more behind the JSON", forge.sign(&header, &format!("{claims} {{}}"))),
        ("a claim that nobody knows", forge.with_claim("hospitals", json!(["*"]))),
        ("ended", forge.shifted("exp", -606)),
        ("ended when the leeway has", forge.shifted("exp", -605)),
        ("not yet", forge.shifted("nbf", 6)),
        ("issued after its end", forge.shifted("exp", -601)),
        ("issued after its beginning", forge.shifted("iat", 1)),
        ("ends in a fraction of a second", forge.with_claim("exp", json!(forge.claims["exp"].as_f64().unwrap() + 0.5))),
        ("ends never", forge.with_claim("exp", json!(i64::MAX))),
        ("began before time", forge.with_claim("nbf", json!(i64::MIN))),
        ("another issuer", forge.with_claim("iss", json!("https://elsewhere.example"))),
        ("two issuers", forge.with_claim("iss", json!(["patient-logger", "other"]))),
        ("another audience", forge.with_claim("aud", json!("another-api"))),
        ("two audiences", forge.with_claim("aud", json!(["patient-logger-api", "another-api"]))),
        ("another role's name", forge.with_claim("role", json!("admin"))),
        ("another person", forge.with_claim("sub", forge_id(&hospital.admin, &app))),
        ("another hospital", forge.with_claim("hid", json!(uuid::Uuid::now_v7()))),
        ("another session", forge.with_claim("sid", json!(uuid::Uuid::now_v7()))),
    ];
    let names: Vec<String> = forge.claims.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["aud", "exp", "hid", "iat", "iss", "jti", "nbf", "role", "sid", "sub"]);
    for name in &names {
        tokens.push(("a claim missing", forge.with_claim(name, Value::Null)));
        for value in [json!({}), json!([]), json!(true), json!("x")] {
            tokens.push(("a claim of another type", forge.with_claim(name, value)));
        }
        let null = claims.replacen(&format!("\"{name}\":{}", forge.claims[name]), &format!("\"{name}\":null"), 1);
        tokens.push(("a claim that is null", forge.sign(&header, &null)));
    }
    let expected = knock(&app, b"Bearer x").await;
    assert_eq!(expected.0, 401);
    let mut distinct = std::collections::BTreeSet::new();
    for (idea, token) in tokens {
        assert_eq!(knock(&app, format!("Bearer {token}").as_bytes()).await, expected, "{idea}: {token}");
        distinct.insert(idea);
    }
    assert!(distinct.len() >= 60);
    for header in [
        format!("Basic {good}"),
        format!("Token {good}"),
        format!("Bearer: {good}"),
        format!("Bearer\t{good}"),
        good.clone(),
        "Bearer".into(),
    ] {
        assert_eq!(knock(&app, header.as_bytes()).await, expected, "{header}");
    }
    assert_eq!(knock(&app, &[b"Bearer \xff", good.as_bytes()].concat()).await, expected);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(knock(&app, format!("{scheme} {good}").as_bytes()).await.0, 200, "{scheme}");
    }
}

/// How a person stands in `sub`.
fn forge_id(person: &Person, app: &TestApp) -> Value {
    Forge::of(app, person).claims["sub"].clone()
}

/// The public keys as anybody sees them.
async fn published(url: &str) -> Vec<Value> {
    let response = Actor::new(url, None).client.get(format!("{url}/.well-known/jwks.json")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/jwk-set+json");
    assert_eq!(response.headers()["cache-control"], "public, max-age=60");
    response.json::<Value>().await.unwrap()["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn anybody_can_verify_a_token_with_the_published_keys_and_nothing_secret_is_among_them() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let token = app.clinician(&hospital).token.unwrap();
    let keys = published(&app.url).await;
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!(key.as_object().unwrap().keys().collect::<Vec<_>>(), ["alg", "crv", "kid", "kty", "use", "x"]);
    // As a stranger's library does it, from the standard's members alone.
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.set_audience(&["patient-logger-api"]);
    validation.set_issuer(&["patient-logger"]);
    validation.validate_exp = false; // the clock of the test is not the system's
    let verifier = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let verified = jsonwebtoken::decode::<Value>(&token, &verifier, &validation).unwrap();
    assert_eq!(verified.header.kid.as_deref(), key["kid"].as_str());
    assert_eq!(verified.claims["role"], "CLINICIAN");
}

#[tokio::test]
async fn keys_change_under_running_requests_and_nobody_notices() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    for number in 0..3 {
        app.admin(&hospital).patient(&format!("M{number}")).await;
    }
    let cursor = app.clinician(&hospital).ask("{ patients(first: 1) { pageInfo { endCursor } } }").await;
    let cursor = cursor.data()["patients"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    let old = app.clinician(&hospital);
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (stop, old, cursor) = (stop.clone(), old.clone(), cursor.clone());
            let (url, tokens, person) = (app.url.clone(), app.app.tokens.clone(), hospital.clinician.clone());
            tokio::spawn(async move {
                let mut asked = 0;
                while !stop.load(Ordering::Relaxed) {
                    let new = tokens.issue(person.staff, person.hospital, person.role, person.session).unwrap();
                    for actor in [&Actor::new(&url, Some(new.token)), &old] {
                        let after = json!({ "after": cursor });
                        let query = "query($after: String) { patients(first: 1, after: $after) { nodes { mrn } } }";
                        let answer = actor.ask_with(query, after).await;
                        assert_eq!(answer.data()["patients"]["nodes"][0]["mrn"], "M1");
                        asked += 1;
                    }
                }
                asked
            })
        })
        .collect();

    let ring = || app.app.keys.ring();
    let pause = || tokio::time::sleep(Duration::from_millis(150));
    let first: Vec<String> = ring().keys().iter().map(|key| key.id().to_owned()).collect();
    let mut added = Vec::new();
    for key_use in [KeyUse::Sign, KeyUse::Seal] {
        let key = Key::random(key_use, None);
        added.push(key.id().to_owned());
        app.app.keys.replace(ring().with(key).unwrap());
    }
    assert_eq!(published(&app.url).await.len(), 2, "published before it signs");
    assert_eq!(ring().signing().id, first[0]);
    pause().await;
    for id in &added {
        app.app.keys.replace(ring().promoted(id).unwrap());
    }
    assert_eq!(ring().signing().id, added[0]);
    pause().await;
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        assert!(worker.await.unwrap() > 0);
    }

    let new = app.clinician(&hospital);
    for id in &first {
        app.app.keys.replace(ring().without(id).unwrap());
    }
    assert_eq!(old.ask("{ viewer { id } }").await.status, 401, "what the retired key signed");
    assert_eq!(new.ask("{ viewer { id } }").await.status, 200);
    let query = format!("{{ patients(first: 1, after: \"{cursor}\") {{ nodes {{ mrn }} }} }}");
    let (sealed, nonsense) = (new.ask(&query).await, new.ask(&query.replace(&cursor, "x")).await);
    assert_eq!(sealed.code(), "BAD_USER_INPUT");
    assert_eq!(sealed.body, nonsense.body, "what the retired key sealed is as any broken cursor");
}

/// `patient-logger keys …`; what it prints, and why it fails.
fn keys(file: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patient-logger"));
    let ended = command.env_clear().arg("keys").args(arguments).arg("--keys-file").arg(file).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if ended.status.success() { Ok(text(ended.stdout)) } else { Err(text(ended.stderr)) }
}

#[tokio::test]
async fn the_command_changes_the_file_and_the_servers_follow() {
    let directory = scratch("keys");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("keys.json");
    assert!(keys(&file, &["list"]).unwrap_err().contains("keys.json cannot be used"));
    let made = keys(&file, &["init"]).unwrap();
    assert!(made.contains(" signs ") && made.contains(" seals "), "{made}");
    assert!(keys(&file, &["init"]).unwrap_err().contains("exists"));
    let ring = KeyFile::new(&file).read().unwrap();
    let (signing, sealing) = (ring.keys()[0].id().to_owned(), ring.keys()[1].id().to_owned());
    let server = Keys::new(ring);
    let watching = tokio::spawn(KeyFile::new(&file).watch(server.clone()));
    let followed = async |ring: KeyRing| {
        for _ in 0..100 {
            if server.ring().to_private_json() == ring.to_private_json() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the server did not follow");
    };

    let added = keys(&file, &["add", "sig"]).unwrap();
    let ring = KeyFile::new(&file).read().unwrap();
    let new = ring.keys()[2].id().to_owned();
    assert!(added.contains(&new) && ring.signing().id == signing, "{added}");
    followed(ring).await;
    assert!(keys(&file, &["retire", &signing]).unwrap_err().contains("in use"));
    assert!(keys(&file, &["retire", &sealing]).unwrap_err().contains("--nothing-is-sealed-with-it"));
    assert!(keys(&file, &["promote", "nonsense"]).unwrap_err().contains("0 keys have an id"));
    keys(&file, &["promote", &new]).unwrap();
    // Somebody breaks the file for a moment.
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, "{").unwrap();
    assert!(keys(&file, &["promote", &new]).unwrap_err().contains("is not a set of keys"));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(server.ring().verifying(&signing).is_some(), "the old keys hold");
    std::fs::write(&file, good).unwrap();
    followed(KeyFile::new(&file).read().unwrap()).await;
    keys(&file, &["retire", &signing]).unwrap();
    followed(KeyFile::new(&file).read().unwrap()).await;
    assert!(server.ring().verifying(&signing).is_none());
    keys(&file, &["add", "enc"]).unwrap();
    let second = KeyFile::new(&file).read().unwrap().keys()[2].id().to_owned();
    keys(&file, &["promote", &second]).unwrap();
    keys(&file, &["retire", &sealing, "--nothing-is-sealed-with-it"]).unwrap();
    let left = keys(&file, &["list"]).unwrap();
    assert_eq!(left.lines().count(), 2, "{left}");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "and nothing is left beside it");
    watching.abort();
}
