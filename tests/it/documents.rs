//! Documents by hash: sent before, or registered.

use std::path::{Path, PathBuf};
use std::process::Command;

use patient_logger::app::AppOptions;
use patient_logger::domains::documents::{DocumentHash, DocumentMode, refresh};
use patient_logger::redis::Redis;
use sea_orm::sqlx::{self, AssertSqlSafe};
use serde_json::{Value, json};

use crate::support::{Actor, Answer, RedisServer, TestApp, scratch, until};

/// The extension that names a document by its hash.
fn by_hash(text: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": DocumentHash::of(text).to_string() } })
}

async fn send(actor: &Actor, body: Value) -> Answer {
    let request = actor.post().header("accept", "application/graphql-response+json").json(&body);
    let response = request.send().await.unwrap();
    Answer { status: response.status().as_u16(), body: response.json().await.unwrap() }
}

async fn served(mode: DocumentMode) -> TestApp {
    TestApp::start_as(AppOptions { documents: mode, ..AppOptions::default() }).await
}

#[tokio::test]
async fn a_document_that_was_sent_once_with_its_hash_is_known_by_it_to_everybody() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician) = (app.admin(&hospital), app.clinician(&hospital));
    let text = "query Q($n: Int) { viewer { role } patients(first: $n) { nodes { contactPhone } } }";
    let alone = json!({ "extensions": by_hash(text), "variables": { "n": 3 } });
    let unknown = send(&clinician, alone.clone()).await;
    assert_eq!((unknown.status, unknown.code()), (400, "PERSISTED_QUERY_NOT_FOUND"));
    assert_eq!(unknown.body["errors"][0]["message"], "PersistedQueryNotFound", "the words that clients look for");
    // For the clients that read 200 only, too.
    let older = clinician.post().header("accept", "application/json").json(&alone).send().await.unwrap();
    assert_eq!(older.status(), 200);

    let both = json!({ "query": text, "extensions": by_hash(text), "variables": { "n": 3 } });
    assert_eq!(send(&admin, both).await.data()["viewer"]["role"], "ADMIN");
    admin.patient("M1").await;
    // What it gives is decided anew for each who asks.
    let answer = send(&clinician, alone.clone()).await;
    assert_eq!(answer.body["data"]["viewer"]["role"], "CLINICIAN");
    assert_eq!(answer.code(), "FORBIDDEN");
    assert_eq!(send(&admin, alone).await.data()["patients"]["nodes"][0]["contactPhone"], "+44 20 7946 0000");
}

#[tokio::test]
async fn only_what_ran_and_says_nothing_of_a_patient_is_remembered() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let clinician = app.clinician(&hospital);
    for (text, remembered) in [
        ("{ viewer { id } }", true),
        ("{ patients(first: 2, orderBy: { field: NAME, direction: ASC }) { nodes { id } } }", true),
        ("{ nothing }", false),
        ("{ viewer {", false),
        ("{ viewer { id } } # Mrs Canary", false),
        ("{ patients(filter: { search: \"Canary\" }) { nodes { id } } }", false),
        ("{ patients(filter: { search: \"\"\"Canary\"\"\" }) { nodes { id } } }", false),
    ] {
        send(&clinician, json!({ "query": text, "extensions": by_hash(text) })).await;
        let answer = send(&clinician, json!({ "extensions": by_hash(text) })).await;
        assert_eq!(answer.status == 200, remembered, "{text}: {}", answer.body);
        assert_eq!(answer.body.to_string().contains("PERSISTED_QUERY_NOT_FOUND"), !remembered, "{text}");
    }
    // A text alone is nothing that anybody will ask for by its hash.
    let text = "{ viewer { name } }";
    clinician.ask(text).await.data();
    assert_eq!(send(&clinician, json!({ "extensions": by_hash(text) })).await.code(), "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test]
async fn a_hash_that_is_not_the_documents_is_refused_and_teaches_nothing() {
    let app = TestApp::start().await;
    let (mine, other) = ("{ __typename }", "{ t: __typename }");
    let hash = DocumentHash::of(mine).to_string();
    let persisted =
        |version: Value, hash: Value| json!({ "persistedQuery": { "version": version, "sha256Hash": hash } });
    for extensions in [
        by_hash(other),
        persisted(json!(2), json!(hash)),
        persisted(json!("1"), json!(hash)),
        persisted(json!(1), json!(hash[1..])),
        persisted(json!(1), json!(format!("{hash}0"))),
        persisted(json!(1), json!(hash.replace(|c: char| c.is_ascii_digit(), "g"))),
        persisted(json!(1), json!("é".repeat(32))),
        persisted(json!(1), json!("")),
        persisted(json!(1), Value::Null),
        json!({ "persistedQuery": {} }),
        json!({ "persistedQuery": "x" }),
        json!({ "persistedQuery": [1] }),
    ] {
        let answer = send(&app.anonymous(), json!({ "query": mine, "extensions": extensions })).await;
        assert_eq!((answer.status, answer.code()), (400, "BAD_USER_INPUT"), "{extensions}");
    }
    for text in [mine, other] {
        let answer = send(&app.anonymous(), json!({ "extensions": by_hash(text) })).await;
        assert_eq!(answer.code(), "PERSISTED_QUERY_NOT_FOUND", "{text}");
    }
    for nothing in [
        json!({}),
        json!({ "query": null }),
        json!({ "extensions": {} }),
        json!({ "extensions": { "persistedQuery": null } }),
    ] {
        assert_eq!(send(&app.anonymous(), nothing.clone()).await.code(), "BAD_USER_INPUT", "{nothing}");
    }
    let capitals = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash.to_uppercase() } });
    assert_eq!(send(&app.anonymous(), json!({ "query": mine, "extensions": capitals })).await.status, 200);
}

#[tokio::test]
async fn servers_with_one_redis_share_documents_and_believe_nothing_else_that_it_says() {
    let mut server = RedisServer::absent();
    server.run();
    let start = async || {
        let redis = Redis::open(&server.url()).unwrap();
        until("connected", || redis.is_up()).await;
        TestApp::start_as(AppOptions { redis: Some(redis), ..AppOptions::default() }).await
    };
    let (one, two) = (start().await, start().await);
    let text = "{ shared: __typename }";
    send(&one.anonymous(), json!({ "query": text, "extensions": by_hash(text) })).await.data();
    let quoted = "{ roles @include(if: true) { name } } # Mrs Canary";
    send(&one.anonymous(), json!({ "query": quoted, "extensions": by_hash(quoted) })).await.data();
    let key = format!("patient-logger:1:document:{}", DocumentHash::of(text));
    for _ in 0..100 {
        if server.ask::<bool>(&["EXISTS", &key]).await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(server.ask::<Vec<String>>(&["KEYS", "*"]).await, [key.as_str()], "and no other");
    assert!(server.ask::<i64>(&["TTL", &key]).await > 80_000);
    // Somebody who can write to Redis cannot change what a hash means.
    let forged = "{ forged: __typename }";
    let place = format!("patient-logger:1:document:{}", DocumentHash::of(forged));
    server.ask::<()>(&["SET", &place, "{ roles { name } }"]).await;
    // On a busy machine Redis may be late once, which is a miss.
    let mut answer = send(&two.anonymous(), json!({ "extensions": by_hash(text) })).await;
    for _ in 0..20 {
        if answer.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        answer = send(&two.anonymous(), json!({ "extensions": by_hash(text) })).await;
    }
    assert_eq!(answer.data()["shared"], "Query");
    assert_eq!(
        send(&two.anonymous(), json!({ "extensions": by_hash(forged) })).await.code(),
        "PERSISTED_QUERY_NOT_FOUND"
    );
    server.kill();
    assert_eq!(send(&two.anonymous(), json!({ "extensions": by_hash(text) })).await.data()["shared"], "Query");
    send(&two.anonymous(), json!({ "query": forged, "extensions": by_hash(forged) })).await.data();
}

/// `patient-logger documents …` on the database of an app; what it prints, and why it fails.
fn documents(app: &TestApp, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patient-logger"));
    command.env_clear().env("DATABASE_URL", app.database.app_url()).env("DATABASE_OWNER_URL", app.database.owner_url());
    let ended = command.arg("documents").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if ended.status.success() { Ok(text(ended.stdout)) } else { Err(text(ended.stderr)) }
}

/// Files with these contents in an empty directory.
fn files(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = scratch(name);
    let _ = std::fs::remove_dir_all(&directory);
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

fn path(directory: &Path, file: &str) -> String {
    directory.join(file).display().to_string()
}

const WARD: &str = "query Ward($id: ID!) { patient(id: $id) { ...P } }\n\nquery Me { viewer { role } }\n\n\
                    mutation Log($input: CreateTaskLogInput!) { createTaskLog(input: $input) { taskLog { id } } }\n\n\
                    fragment P on Patient { room contactPhone }\n";

#[tokio::test]
async fn what_is_registered_is_served_and_nothing_else_is_even_parsed() {
    let app = served(DocumentMode::Registered).await;
    let hospital = app.hospital().await;
    let clinician = app.clinician(&hospital);
    let viewer = "{ viewer { id } }";
    let manifest = json!({ (DocumentHash::of(viewer).to_string()): viewer }).to_string();
    let directory =
        files("registered", &[("ward/ward.graphql", WARD), ("persisted.json", &manifest), ("notes.txt", "x")]);
    assert_eq!(documents(&app, &["list"]).unwrap(), "");
    let me = json!({ "query": WARD, "operationName": "Me" });
    assert_eq!(send(&clinician, me.clone()).await.code(), "DOCUMENT_NOT_REGISTERED");

    let printed =
        documents(&app, &["register", &path(&directory, "ward"), &path(&directory, "persisted.json")]).unwrap();
    assert!(printed.contains("Registered 2 of 2"), "{printed}");
    assert!(documents(&app, &["register", &path(&directory, "")]).unwrap().contains("Registered 0 of 1"), "again");
    let list = documents(&app, &["list"]).unwrap();
    assert!(list.contains(&DocumentHash::of(WARD).to_string()) && list.contains("Ward"), "{list}");
    refresh(&app.app.database, &app.app.persisted).await.unwrap();

    assert_eq!(send(&clinician, me).await.data()["viewer"]["role"], "CLINICIAN");
    assert_eq!(app.app.persisted.registered().len(), 2);
    for body in [
        json!({ "query": viewer }),
        json!({ "extensions": by_hash(viewer) }),
        json!({ "query": viewer, "extensions": by_hash(viewer) }),
        json!({ "extensions": by_hash(WARD), "operationName": "Me" }),
    ] {
        assert!(send(&clinician, body.clone()).await.data()["viewer"].is_object(), "{body}");
    }
    let mut refusals = Vec::new();
    for text in [
        "{ viewer { id } } ",
        "{viewer{id}}",
        "{ viewer { role } }",
        "{ __typename }",
        "{ __schema { types { name } } }",
        "{ viewer {",
        "[[[[",
        "",
        &"[".repeat(20_000),
    ] {
        for body in [json!({ "query": text }), json!({ "query": text, "extensions": by_hash(text) })] {
            let answer = send(&clinician, body).await;
            assert_eq!((answer.status, answer.code()), (400, "DOCUMENT_NOT_REGISTERED"), "{text}");
            refusals.push(answer.body);
        }
        refusals.push(send(&clinician, json!({ "extensions": by_hash(text) })).await.body);
    }
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "a typo and a bomb get one answer");
    let older = clinician.post().header("accept", "application/json").json(&json!({ "query": "{ x }" })).send().await;
    assert_eq!(older.unwrap().status(), 400, "also for clients of the older media type");

    let hash = DocumentHash::of(viewer).to_string();
    assert!(documents(&app, &["remove", "0123456789abcdef"]).unwrap_err().contains("not exactly one"));
    assert!(documents(&app, &["remove", ""]).unwrap_err().contains("not exactly one"));
    documents(&app, &["remove", &hash[..12]]).unwrap();
    refresh(&app.app.database, &app.app.persisted).await.unwrap();
    assert_eq!(send(&clinician, json!({ "query": viewer })).await.code(), "DOCUMENT_NOT_REGISTERED");
}

#[tokio::test]
async fn a_document_that_does_not_fit_the_schema_is_named_by_file_and_line_and_nothing_is_registered() {
    let app = served(DocumentMode::Any).await;
    let good = "{ viewer { id } }";
    let sha1 = json!({ "a9993e364706816aba3e25717850c26c9cd0d89d": good }).to_string();
    let apollo = |id: &str| {
        let operation = json!({ "id": id, "name": "Q", "type": "query", "body": good });
        json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [operation] }).to_string()
    };
    let directory = files(
        "faulty",
        &[
            ("good.graphql", good),
            ("unknown.graphql", "query A { viewer { id } }\nquery B {\n  viewer { pager }\n}"),
            ("argument.graphql", "query A {\n  taskLogs(firzt: 1) { nodes { id } }\n}"),
            ("type.graphql", "query A {\n  taskLogs(first: \"x\") { nodes { id } }\n}"),
            ("parse.gql", "query A {\n  viewer {\n"),
            ("fragment.graphql", "fragment F on Viewer { id }"),
            ("empty.graphql", ""),
            ("sha1.json", &sha1),
            ("list.json", "[1]"),
            ("broken.json", "{"),
            ("apollo.json", &apollo(&DocumentHash::of(good).to_string())),
            ("wrong.json", &apollo(&DocumentHash::of("{ x }").to_string())),
        ],
    );
    for (file, says) in [
        ("unknown.graphql", vec!["unknown.graphql:3:12: ", "pager"]),
        ("argument.graphql", vec!["argument.graphql:2:", "firzt"]),
        ("type.graphql", vec!["type.graphql:2:", "first"]),
        ("parse.gql", vec!["parse.gql:3:"]),
        ("fragment.graphql", vec!["fragment.graphql"]),
        ("empty.graphql", vec!["empty.graphql"]),
        ("sha1.json", vec!["sha1.json, a9993e", "hashAlgorithm: 'sha256'"]),
        ("wrong.json", vec!["is not the SHA-256"]),
        ("list.json", vec!["is not a manifest"]),
        ("broken.json", vec!["broken.json:1:1", "not JSON"]),
        ("absent.graphql", vec!["absent.graphql cannot be read"]),
    ] {
        let error =
            documents(&app, &["register", &path(&directory, "good.graphql"), &path(&directory, file)]).unwrap_err();
        assert!(says.iter().all(|words| error.contains(words)), "{file}: {error}");
    }
    assert_eq!(documents(&app, &["list"]).unwrap(), "");
    documents(&app, &["register", &path(&directory, "apollo.json")]).unwrap();
    assert_eq!(documents(&app, &["list"]).unwrap().lines().count(), 1);
    // Where everything is served, a client may send the hash of a registered document without ever sending its text.
    refresh(&app.app.database, &app.app.persisted).await.unwrap();
    assert_eq!(
        send(&app.anonymous(), json!({ "extensions": by_hash(good) })).await.body["data"],
        json!({ "viewer": null })
    );
}

#[tokio::test]
async fn the_servers_role_reads_documents_and_cannot_write_them() {
    let app = TestApp::start().await;
    let mut connection = app.database.app().await;
    for sql in [
        "INSERT INTO documents VALUES (sha256('x'), 'x', '', now())",
        "UPDATE documents SET text = text",
        "DELETE FROM documents",
        "TRUNCATE documents",
    ] {
        assert!(sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.is_err(), "{sql}");
    }
    let mut owner = app.database.owner().await;
    let sql = "INSERT INTO documents VALUES (sha256('y'), 'x', '', now())";
    assert!(sqlx::query(sql).execute(&mut owner).await.is_err(), "no text under another's hash");
}
