//! HTTP around the API: what gets in, what comes out, and what happens when a client or the database misbehaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use patient_logger::app::AppOptions;
use patient_logger::graphql::Introspection;
use patient_logger::http::graphiql::Graphiql;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Actor, TestApp};

const RESPONSE: &str = "application/graphql-response+json";

/// The hidden machinery: an answer with one of these words shows it.
const INSIDES: [&str; 12] = [
    "SQLSTATE",
    "42501",
    "57P01",
    "3D000",
    "permission denied",
    "relation",
    "constraint",
    "secret_rule",
    "patients_",
    "postgres",
    "sqlx",
    "panicked",
];

/// What a client sees of an answer.
#[derive(Debug)]
struct Seen {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Seen {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let seen = Self { status, headers, text: response.text().await.unwrap() };
        for word in INSIDES {
            assert!(!seen.text.contains(word), "\"{word}\" in {}", seen.text);
        }
        seen
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} {}", self.status, self.text))
    }

    #[track_caller]
    fn code(&self) -> String {
        self.body()["errors"][0]["extensions"]["code"].as_str().unwrap_or("none").to_owned()
    }
}

/// Sends a body as JSON.
async fn send(actor: &Actor, body: impl Into<reqwest::Body>) -> Seen {
    let request = actor.post().header("content-type", "application/json").header("accept", RESPONSE).body(body);
    Seen::of(request.send().await.unwrap()).await
}

/// Writes bytes on a connection of its own and reads until the server closes it or has nothing more to say.
async fn raw(url: &str, parts: &[&[u8]], pause: Duration) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let mut answer = Vec::new();
    for part in parts {
        // The server may have closed already: what it said is what counts.
        if stream.write_all(part).await.is_err() {
            break;
        }
        let _ = tokio::time::timeout(pause, stream.read_buf(&mut answer)).await;
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_api_takes_json_by_post_and_nothing_else() {
    let app = TestApp::start().await;
    let url = format!("{}/graphql", app.url);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = r#"{"query":"{ __typename }"}"#;
    for (kind, status) in [
        (Some("application/json"), 200),
        (Some("application/json; charset=utf-8"), 200),
        (Some("Application/JSON;charset=\"UTF-8\""), 200),
        (Some("application/json; charset=latin1"), 415),
        (Some("application/json, text/plain"), 415),
        (Some("application/jsonx"), 415),
        (Some("application/graphql"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("multipart/form-data; boundary=x"), 415),
        (Some("text/plain"), 415),
        (Some(""), 415),
        (None, 415),
    ] {
        let mut request = client.post(&url).body(body);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let seen = Seen::of(request.send().await.unwrap()).await;
        assert_eq!(seen.status, status, "{kind:?} {}", seen.text);
    }
    for (accept, status, kind) in [
        (RESPONSE, 200, "application/graphql-response+json; charset=utf-8"),
        ("application/json", 200, "application/json; charset=utf-8"),
        ("*/*", 200, "application/json; charset=utf-8"),
        ("text/html, application/graphql-response+json;q=0.1", 200, "application/graphql-response+json; charset=utf-8"),
        ("text/html", 406, "text/plain; charset=utf-8"),
        ("application/json;q=0", 406, "text/plain; charset=utf-8"),
    ] {
        let request = client.post(&url).header("content-type", "application/json").header("accept", accept).body(body);
        let seen = Seen::of(request.send().await.unwrap()).await;
        assert_eq!((seen.status, seen.header("content-type")), (status, Some(kind)), "{accept}");
    }
    let by_url = format!("{url}?query=mutation%7B__typename%7D");
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE] {
        for url in [&url, &by_url] {
            let request = client.request(method.clone(), url).header("content-type", "application/json").body(body);
            let seen = Seen::of(request.send().await.unwrap()).await;
            assert_eq!((seen.status, seen.header("allow")), (405, Some("POST")), "{method}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused_and_never_quoted() {
    let app = TestApp::start().await;
    let actor = app.anonymous();
    for body in [
        "",
        "null",
        "1",
        "\"canary\"",
        "{",
        "{}",
        "{} {}",
        r#"{"query":"{ __typename }"} canary"#,
        r#"{"query":1}"#,
        r#"{"query":null}"#,
        r#"{"query":["canary"]}"#,
        r#"{"query":"{ __typename }","query":"{ canary }"}"#,
        r#"{"variables":{"canary":1}}"#,
        r#"{"query":"{ __typename }","variables":[]}"#,
        r#"{"query":"{ __typename }","variables":"canary"}"#,
        r#"{"query":"{ __typename }","operationName":7}"#,
        r#"{"query":"{ __typename }","extensions":"canary"}"#,
        "[]",
        r#" [{"query":"{ __typename }"},{"query":"{ __typename }"}]"#,
        "\u{feff}{\"query\":\"{ __typename }\"}",
    ] {
        let seen = send(&actor, body.to_owned()).await;
        assert_eq!((seen.status, seen.code().as_str()), (400, "BAD_USER_INPUT"), "{body}");
        assert!(!seen.text.contains("canary"), "{}", seen.text);
        assert!(seen.body().get("data").is_none(), "{}", seen.text);
    }
    assert_eq!(send(&actor, vec![b'{', 0xff, 0xfe]).await.status, 400);
    let gzip = actor
        .post()
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(vec![0x1f, 0x8b, 8, 0]);
    assert_eq!(Seen::of(gzip.send().await.unwrap()).await.status, 400, "nothing is unpacked");

    for body in [
        r#"{"query":"{ __typename }","variables":null,"operationName":null,"extensions":null}"#,
        r#"{"query":"{ __typename }","variables":{},"extensions":{"a":1},"stranger":[1]}"#,
        r#" {"query":"query A { __typename } query B { t: __typename }","operationName":"A"}"#,
    ] {
        assert_eq!(send(&actor, body.to_owned()).await.body(), json!({ "data": { "__typename": "Query" } }), "{body}");
    }
    // A document that is refused is a 400 for those who read statuses, and a 200 for clients of the older type.
    for query in ["{ nothing }", "{", "query A { __typename } query B { __typename }"] {
        let body = json!({ "query": query }).to_string();
        let seen = send(&actor, body.clone()).await;
        assert_eq!((seen.status, seen.body().get("data")), (400, None), "{query}");
        let older =
            actor.post().header("content-type", "application/json").header("accept", "application/json").body(body);
        let older = Seen::of(older.send().await.unwrap()).await;
        assert_eq!((older.status, older.body()), (200, seen.body()), "{query}");
    }
}

#[tokio::test]
async fn a_request_has_the_size_that_it_may_have_and_no_more() {
    let app = TestApp::start().await;
    let actor = app.anonymous();
    let request = r#"{"query":"{ __typename }"}"#;
    let sized = |size: usize| request.to_owned() + &" ".repeat(size - request.len());
    assert_eq!(send(&actor, sized(65_536)).await.status, 200);
    let large = send(&actor, sized(65_537)).await;
    assert_eq!((large.status, large.text.as_str()), (413, "The request body is too large, or broke off.\n"));

    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let quick = Duration::from_millis(5);
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    let chunked = format!("{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    let mut parts = vec![chunked.as_bytes()];
    parts.extend([chunk.as_bytes(); 6]);
    assert!(raw(&app.url, &parts, quick).await.starts_with("HTTP/1.1 413 "), "also without a length in front");

    let padded = |size: usize| {
        format!("{head}connection: close\r\nx-pad: {}\r\ncontent-length: 2\r\n\r\n{{}}", "a".repeat(size))
    };
    assert!(
        raw(&app.url, &[padded(15_000).as_bytes()], quick).await.starts_with("HTTP/1.1 400 "),
        "headers of 15 KB are read"
    );
    assert!(
        raw(&app.url, &[padded(17_000).as_bytes()], quick).await.starts_with("HTTP/1.1 431 "),
        "headers of 17 KB are not"
    );
    // What is not HTTP at all, and two lengths, of which a proxy might believe the other.
    let two = format!("{head}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}x");
    for nonsense in ["GET\r\n\r\n", "\u{16}\u{3}\u{1}", two.as_str()] {
        let answer = raw(&app.url, &[nonsense.as_bytes()], quick).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert_eq!(send(&actor, sized(100)).await.status, 200);
}

#[tokio::test]
async fn who_sends_slowly_is_cut_off() {
    let app = TestApp::start().await;
    let trickle = async |start: String| {
        let began = Instant::now();
        let mut parts = vec![start.as_bytes()];
        parts.extend([b"x".as_slice(); 20]);
        let answer = raw(&app.url, &parts, Duration::from_millis(500)).await;
        (answer, began.elapsed())
    };
    let ((head, head_took), (body, body_took)) = tokio::join!(
        trickle("POST /graphql HTTP/1.1\r\nhost: x\r\nx-slow: ".into()),
        trickle(
            "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
                .into()
        ),
    );
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408 "), "{head}");
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
    // One byte after the other does not begin the five seconds anew.
    for took in [head_took, body_took] {
        assert!((Duration::from_secs(4)..Duration::from_secs(9)).contains(&took), "{took:?}");
    }
}

#[tokio::test]
async fn a_credential_that_does_not_hold_is_a_401_that_says_so() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let token = app.clinician(&hospital).token.unwrap();
    let body = json!({ "query": "{ viewer { id } }" });
    for header in
        ["Bearer nonsense", "Bearer", "Bearer ", "Basic YTpi", "nonsense", &token, &format!("Bearer {token} {token}")]
    {
        for accept in [RESPONSE, "application/json"] {
            let request = app.anonymous().post().header("authorization", header).header("accept", accept).json(&body);
            let seen = Seen::of(request.send().await.unwrap()).await;
            assert_eq!((seen.status, seen.header("www-authenticate")), (401, Some("Bearer")), "{header}");
            let message = "The access token or partner key is not valid, or no longer. Sign in again.";
            let expected = json!({ "errors": [{ "message": message, "extensions": { "code": "UNAUTHENTICATED" } }] });
            assert_eq!(seen.body(), expected);
        }
    }
    for header in [format!("Bearer {token}"), format!("bearer  {token}")] {
        let seen =
            Seen::of(app.anonymous().post().header("authorization", header).json(&body).send().await.unwrap()).await;
        assert_eq!(
            (seen.status, &seen.body()["data"]["viewer"]["id"]),
            (200, &json!(hospital.clinician.staff.to_string()))
        );
    }
}

#[tokio::test]
async fn every_answer_is_private_and_has_an_id_of_its_own() {
    let app = TestApp::start_with(|state| state.graphiql = Some(Arc::new(Graphiql::new(None)))).await;
    let hospital = app.hospital().await;
    let clinician = app.clinician(&hospital);
    let json = |body: &str| ("POST", "/graphql", "application/json", body.to_owned());
    let mut ids = Vec::new();
    for ((method, path, kind, body), status) in [
        (json(r#"{"query":"{ viewer { id } }"}"#), 200),
        (json(r#"{"query":"{ staff { nodes { email } } }"}"#), 200),
        (json(r#"{"query":"{ nothing }"}"#), 400),
        (json("nonsense"), 400),
        (json(&" ".repeat(65_537)), 413),
        (("POST", "/graphql", "text/plain", String::new()), 415),
        (("GET", "/graphql", "", String::new()), 405),
        (("OPTIONS", "/graphql", "", String::new()), 200),
        (("GET", "/", "", String::new()), 307),
        (("GET", "/livez", "", String::new()), 200),
        (("POST", "/livez", "", String::new()), 405),
        (("GET", "/readyz", "", String::new()), 200),
        (("GET", "/graphiql", "", String::new()), 503),
        (("GET", "/graphiql/assets/page.js", "", String::new()), 200),
        (("GET", "/graphiql/assets/..%2f..%2fCargo.toml", "", String::new()), 404),
        (("GET", "/graphiql/assets/nothing", "", String::new()), 404),
        (("GET", "/nothing", "", String::new()), 404),
        (("GET", "/%00%0d%0a", "", String::new()), 404),
    ] {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = client.request(method.parse().unwrap(), format!("{}{path}", app.url)).header("accept", RESPONSE);
        let request = request.bearer_auth(clinician.token.as_ref().unwrap()).header("content-type", kind).body(body);
        let seen = Seen::of(request.send().await.unwrap()).await;
        assert_eq!(seen.status, status, "{method} {path} {}", seen.text);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(seen.header(name), Some(value), "{method} {path}");
        }
        let policy = seen.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path} {policy}");
        assert_eq!(seen.header("server"), None);
        let id = seen.header("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 32);
        ids.push(id);
    }
    let requests = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), requests);
}

#[tokio::test]
async fn pages_of_listed_origins_may_call_and_others_may_not() {
    let open = |state: &mut patient_logger::http::HttpState| {
        state.cors_origins = vec!["https://ward.example".parse().unwrap()]
    };
    let (listed, closed) = (TestApp::start_with(open).await, TestApp::start().await);
    for (app, origin, allowed) in [
        (&listed, "https://ward.example", Some("https://ward.example")),
        (&listed, "https://ward.example.evil.example", None),
        (&listed, "http://ward.example", None),
        (&listed, "https://WARD.example", None),
        (&listed, "null", None),
        (&closed, "https://ward.example", None),
    ] {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/graphql", app.url);
        let preflight = client
            .request(Method::OPTIONS, &url)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, content-type");
        let preflight = Seen::of(preflight.send().await.unwrap()).await;
        assert_eq!(preflight.header("access-control-allow-origin"), allowed, "{origin}");
        // Also an answer that is a refusal: the page has to be able to read why.
        for (status, token) in [(200, None), (401, Some("nonsense"))] {
            let status = if allowed.is_some() { status } else { 403 };
            let mut request = client.post(&url).header("origin", origin).json(&json!({ "query": "{ __typename }" }));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let seen = Seen::of(request.send().await.unwrap()).await;
            assert_eq!((seen.status, seen.header("access-control-allow-origin")), (status, allowed), "{origin}");
            assert_eq!(seen.header("access-control-allow-credentials"), None);
        }
        if allowed.is_some() {
            let list = |name: &str| preflight.header(name).unwrap().to_ascii_lowercase();
            assert_eq!(list("access-control-allow-methods"), "post");
            assert_eq!(list("access-control-allow-headers"), "authorization,content-type");
            assert!(list("vary").contains("origin"));
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_is_turned_away_whatever_it_sends() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let own = app.url.clone();
    let over_tls = own.replace("http://", "https://");
    let body = json!({ "query": "mutation { signOut { userErrors { code } } }" });
    for origin in
        ["null", "https://evil.example", "http://127.0.0.1", "http://localhost", &format!("{own}.evil.example")]
    {
        for token in [None, app.clinician(&hospital).token] {
            let actor = Actor::new(&app.url, token);
            let seen = Seen::of(actor.post().header("origin", origin).json(&body).send().await.unwrap()).await;
            let text = "Pages of this origin may not call the API. CORS_ORIGINS lists those that may.\n";
            assert_eq!((seen.status, seen.text.as_str()), (403, text), "{origin}");
        }
    }
    let clinician = app.clinician(&hospital);
    assert_eq!(
        clinician.ask("{ viewer { role } }").await.data()["viewer"]["role"],
        "CLINICIAN",
        "nobody was signed out"
    );
    for origin in [&own, &over_tls] {
        let request = clinician.post().header("origin", origin).json(&json!({ "query": "{ viewer { role } }" }));
        assert_eq!(Seen::of(request.send().await.unwrap()).await.status, 200, "{origin}");
    }
}

#[tokio::test]
async fn the_schema_is_shown_to_staff_and_kept_from_partners_and_strangers() {
    let options = AppOptions { introspection: Introspection::Staff, ..AppOptions::default() };
    let app = TestApp::start_as(options).await;
    let hospital = app.hospital().await;
    let (admin, partner) = (app.admin(&hospital), app.admin(&hospital).partner_key(json!([])).await);
    let documents = [
        "{ __schema { types { name } } }",
        "{ a: __type(name: \"Patient\") { fields { name } } }",
        "query IntrospectionQuery { ...F } fragment F on Query { __schema { types { name } } }",
        "{ ... on Query { ... @include(if: true) { __schema { types { name } } } } }",
    ];
    for document in documents {
        for who in [&admin, &app.clinician(&hospital)] {
            assert!(who.ask(document).await.data().to_string().contains("name"), "{document}");
        }
        for (who, code) in [(&partner, "FORBIDDEN"), (&app.anonymous(), "UNAUTHENTICATED")] {
            let answer = who.ask(document).await;
            assert_eq!(answer.code(), code, "{document}");
            let data = answer.body["data"].as_object().unwrap();
            assert!(data.len() == 1 && data.values().all(Value::is_null), "{}", answer.body);
        }
    }
    let names = "{ __typename taskLogs { __typename } }";
    let answer = partner.ask(names).await;
    assert_eq!(*answer.data(), json!({ "__typename": "Query", "taskLogs": { "__typename": "TaskLogConnection" } }));
    for who in [&partner, &app.anonymous()] {
        assert_eq!(
            who.ask("{ _service { sdl } }").await.body["errors"][0]["message"],
            "Type \"Query\" has no field \"_service\"."
        );
        for (near, far) in [
            ("{ taskLog }", "{ taskLogz }"),
            ("{ patientz { nodes { id } } }", "{ xxxxxxxx { nodes { id } } }"),
            ("{ taskLogs(firzt: 1) { __typename } }", "{ taskLogs(xxxxx: 1) { __typename } }"),
        ] {
            for document in [near, far] {
                let body = who.ask(document).await.body.to_string();
                assert!(!body.to_lowercase().contains("did you mean"), "{document}: {body}");
            }
        }
    }
    let asked =
        "query($d: String!) { explainAccess(document: $d, as: { role: PARTNER }) { allowed fields { path needs } } }";
    let explained = admin.ask_with(asked, json!({ "d": documents[0] })).await;
    assert_eq!(explained.data()["explainAccess"]["allowed"], false, "{}", explained.body);
}

/// A connection above the test's database: to take it away and give it back.
async fn above(app: &TestApp) -> (PgConnection, String) {
    let mut url = url::Url::parse(&app.database.superuser_url()).unwrap();
    let name = url.path().trim_start_matches('/').to_owned();
    url.set_path("postgres");
    (PgConnection::connect(url.as_str()).await.unwrap(), name)
}

async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

#[tokio::test]
async fn without_its_database_the_server_lives_is_not_ready_and_comes_back() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let clinician = app.clinician(&hospital);
    let get = async |path: &str| Seen::of(reqwest::get(format!("{}{path}", app.url)).await.unwrap()).await;
    let ready = json!({ "ready": true, "reason": null, "redis": null, "version": env!("CARGO_PKG_VERSION") });
    assert_eq!(get("/readyz").await.body(), ready);

    let (mut above, name) = above(&app).await;
    let terminate = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    run(&mut above, terminate).await;
    // A connection goes a moment after it is told to.
    let rename = format!("ALTER DATABASE {name} RENAME TO {name}_away");
    while sqlx::raw_sql(AssertSqlSafe(rename.clone())).execute(&mut above).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..6 {
        let seen = get("/readyz").await;
        let reason = "the database cannot be reached";
        let expected = json!({ "ready": false, "reason": reason, "redis": null, "version": env!("CARGO_PKG_VERSION") });
        assert_eq!((seen.status, seen.body()), (503, expected));
        let seen =
            Seen::of(clinician.post().json(&json!({ "query": "{ hospital { name } }" })).send().await.unwrap()).await;
        // Whether the session stands cannot be asked, so nothing runs.
        assert_eq!((seen.status, seen.code().as_str()), (503, "UNAVAILABLE"));
        assert_eq!(seen.body()["errors"][0]["extensions"]["requestId"].as_str(), seen.header("x-request-id"));
    }
    assert_eq!(get("/livez").await.status, 200);
    let answer = app.anonymous().ask("{ viewer { role } }").await;
    assert_eq!(*answer.data(), json!({ "viewer": null }), "what needs no database still works");

    run(&mut above, format!("ALTER DATABASE {name}_away RENAME TO {name}")).await;
    assert_eq!(get("/readyz").await.body(), ready);
    assert_eq!(clinician.ask("{ hospital { slug } }").await.data()["hospital"]["slug"], hospital.slug);
}

#[tokio::test]
async fn a_server_at_another_schema_version_than_its_database_is_not_ready() {
    let app = TestApp::start().await;
    let sql = "INSERT INTO seaql_migrations VALUES ('m29990101_000001_future', 0)";
    run(&mut app.database.superuser().await, sql.into()).await;
    let seen = Seen::of(reqwest::get(format!("{}/readyz", app.url)).await.unwrap()).await;
    assert_eq!((seen.status, &seen.body()["reason"]), (503, &json!("the database is at another schema version")));
}

#[tokio::test]
async fn a_fault_of_ours_shows_an_id_and_nothing_else() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let patient = app.admin(&hospital).patient("MRN-1").await;
    let clinician = app.clinician(&hospital);
    let mut superuser = app.database.superuser().await;
    let create = format!(
        "mutation {{ createTaskLog(input: {{ patientId: \"{patient}\", taskType: OTHER, description: \"secret\" }}) {{ taskLog {{ id }} }} }}"
    );
    let show = format!("{{ patient(id: \"{patient}\") {{ id }} }}");
    for (damage, query, path) in [
        ("REVOKE SELECT ON task_logs FROM patient_logger_app", "{ taskLogs { nodes { id } } }", "taskLogs"),
        (
            "GRANT SELECT ON task_logs TO patient_logger_app; ALTER TABLE task_logs ADD CONSTRAINT secret_rule CHECK (description <> 'secret')",
            create.as_str(),
            "createTaskLog",
        ),
        ("ALTER TABLE patients RENAME COLUMN room TO chamber", "{ patients { nodes { id } } }", "patients"),
        (
            "ALTER TABLE patients RENAME COLUMN chamber TO room; ALTER TABLE patients DROP CONSTRAINT patients_status_check; UPDATE patients SET status = 'canary'",
            show.as_str(),
            "patient",
        ),
    ] {
        run(&mut superuser, damage.into()).await;
        let request = clinician.post().header("accept", RESPONSE).json(&json!({ "query": query }));
        let seen = Seen::of(request.send().await.unwrap()).await;
        let mut body = seen.body();
        body["errors"][0].as_object_mut().unwrap().remove("locations");
        let message = "Something went wrong on our side. Give us the requestId and we will find out what.";
        let extensions = json!({ "code": "INTERNAL", "requestId": seen.header("x-request-id") });
        let errors = json!([{ "message": message, "path": [path], "extensions": extensions }]);
        assert_eq!((seen.status, body), (200, json!({ "data": { path: null }, "errors": errors })), "{damage}");
    }
    assert_eq!(clinician.ask("{ hospital { slug } }").await.data()["hospital"]["slug"], hospital.slug);
}

#[tokio::test]
async fn what_takes_too_long_ends_with_a_timeout() {
    let app = TestApp::start_with(|state| state.request_timeout = Duration::from_millis(300)).await;
    let hospital = app.hospital().await;
    let patient = app.admin(&hospital).patient("MRN-1").await;
    let clinician = app.clinician(&hospital);
    let mut superuser = app.database.superuser().await;
    let mut lock = superuser.begin().await.unwrap();
    sqlx::query("LOCK TABLE patients IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let query = json!({ "query": format!("{{ patient(id: \"{patient}\") {{ id }} }}") });
    let seen = Seen::of(clinician.post().header("accept", RESPONSE).json(&query).send().await.unwrap()).await;
    let message = "The answer took too long. Ask for less, or again later.";
    assert_eq!(
        (seen.status, seen.body()),
        (503, json!({ "errors": [{ "message": message, "extensions": { "code": "TIMEOUT" } }] }))
    );
    lock.rollback().await.unwrap();
    let seen = Seen::of(clinician.post().json(&query).send().await.unwrap()).await;
    assert_eq!(seen.body()["data"]["patient"]["id"], patient);
}

#[tokio::test]
async fn a_row_that_somebody_else_holds_for_too_long_is_busy_and_no_fault() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let patient = app.admin(&hospital).patient("MRN-1").await;
    let mut superuser = app.database.superuser().await;
    let mut lock = superuser.begin().await.unwrap();
    sqlx::query("SELECT FROM patients FOR UPDATE").fetch_all(&mut *lock).await.unwrap();
    let query = format!("mutation {{ archivePatient(input: {{ id: \"{patient}\" }}) {{ patient {{ id }} }} }}");
    let answer = app.admin(&hospital).ask(&query).await;
    assert_eq!((answer.status, answer.code()), (200, "UNAVAILABLE"), "{}", answer.body);
}

#[tokio::test]
async fn clients_that_hang_up_midway_leave_nothing_behind_for_the_other_hospital() {
    for pool in [1, 2, 4] {
        let app = TestApp::start_sized(pool, |_| {}).await;
        let hospitals = [app.hospital().await, app.hospital().await];
        let mut people = Vec::new();
        for hospital in &hospitals {
            let patient = app.admin(hospital).patient(&hospital.slug).await;
            app.clinician(hospital).task_log(&patient, &hospital.slug).await;
            people.push((hospital.slug.clone(), patient, app.clinician(hospital)));
        }
        let ask = async |(slug, patient, actor): (String, String, Actor), number: usize| {
            let write = format!(
                "mutation {{ createTaskLog(input: {{ patientId: \"{patient}\", taskType: OTHER, description: \"{slug}\" }}) {{ taskLog {{ patient {{ mrn }} }} }} }}"
            );
            let read = "{ hospital { slug } patients { nodes { mrn taskLogs { nodes { description } } } } taskLogs(first: 100) { nodes { description } } }";
            let query = if number.is_multiple_of(4) { write.as_str() } else { read };
            let answer = actor.ask(query).await;
            let text = answer.data().to_string();
            let other = if slug == "hospital-0" { "hospital-1" } else { "hospital-0" };
            assert!(text.contains(&slug) && !text.contains(other), "{slug} sees {text}");
        };
        // Eight at a time, as if eight people worked at once; every third one hangs up after 0 to 14 milliseconds.
        let mut running = tokio::task::JoinSet::new();
        for number in 0..100 {
            if running.len() == 8 {
                running.join_next().await.unwrap().unwrap();
            }
            let one = ask(people[number % 2].clone(), number);
            if number.is_multiple_of(3) {
                let _ = tokio::time::timeout(Duration::from_millis((number % 15) as u64), one).await;
            } else {
                running.spawn(one);
            }
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
        let mut superuser = app.database.superuser().await;
        // What was begun before somebody hung up runs to its end.
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        let mut left: i64 = 1;
        for _ in 0..100 {
            left = sqlx::query_scalar(open).fetch_one(&mut superuser).await.unwrap();
            if left == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(left, 0, "a session was left idle in a transaction, with {pool} connections");
        for number in 1..9 {
            ask(people[number % 2].clone(), number).await;
        }
        let strangers =
            "SELECT count(*) FROM task_logs l JOIN patients p ON p.id = l.patient_id WHERE l.description <> p.mrn";
        let strangers: i64 = sqlx::query_scalar(strangers).fetch_one(&mut superuser).await.unwrap();
        assert_eq!(strangers, 0, "a log went to another hospital");
    }
}

/// A way to PostgreSQL on which each `BEGIN` takes a fifth of a second. Gives the address to use in place of `url`.
async fn slow_begin(url: String) -> String {
    let mut address = url::Url::parse(&url).unwrap();
    let socket =
        address.query_pairs().find(|(name, _)| name == "host").map(|(_, host)| format!("{host}/.s.PGSQL.5432"));
    let server = format!("{}:{}", address.host_str().unwrap(), address.port().unwrap_or(5432));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    address.set_query(Some("sslmode=disable"));
    address.set_host(Some("127.0.0.1")).unwrap();
    address.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            match &socket {
                Some(socket) => tokio::spawn(relay(client, tokio::net::UnixStream::connect(socket).await.unwrap())),
                None => tokio::spawn(relay(client, TcpStream::connect(&server).await.unwrap())),
            };
        }
    });
    address.into()
}

async fn relay(client: TcpStream, server: impl AsyncRead + AsyncWrite + Send + 'static) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut bytes = vec![0; 65_536];
    while let Ok(size @ 1..) = from_client.read(&mut bytes).await {
        if bytes[..size].windows(6).any(|words| words == b"BEGIN ") {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if to_server.write_all(&bytes[..size]).await.is_err() {
            break;
        }
    }
    let _ = to_server.shutdown().await;
    let _ = back.await;
}

#[tokio::test]
async fn a_client_that_hangs_up_while_a_transaction_opens_leaves_none_open() {
    let app = TestApp::start_through(2, slow_begin, |_| {}).await;
    let hospitals = [app.hospital().await, app.hospital().await];
    let mut superuser = app.database.superuser().await;
    for round in 0..6 {
        let actor = app.clinician(&hospitals[round % 2]);
        let asked = tokio::time::timeout(Duration::from_millis(60), actor.ask("{ hospital { slug } }")).await;
        assert!(asked.is_err(), "the client was gone before the transaction was open");
        // What was begun ends by itself, and not only when the next request comes by.
        tokio::time::sleep(Duration::from_millis(600)).await;
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE '%in transaction%'";
        let open: i64 = sqlx::query_scalar(open).fetch_one(&mut superuser).await.unwrap();
        assert_eq!(open, 0, "after {round} clients hung up");
    }
    for hospital in &hospitals {
        assert_eq!(app.admin(hospital).ask("{ hospital { slug } }").await.data()["hospital"]["slug"], hospital.slug);
    }
}
