//! HTTP: one router, GraphQL over it, GraphiQL beside it, health for whoever watches.
//!
//! | path | answers |
//! |---|---|
//! | `POST /graphql` | the API (GraphQL over HTTP) |
//! | `/graphiql` | the explorer, when it is switched on |
//! | `/.well-known/jwks.json` | the public keys that verify access tokens |
//! | `/livez` | 200 while the process runs |
//! | `/readyz` | 200 when requests can be served, 503 with the reason otherwise |

mod accept;
mod answer;
mod bounded;
mod client;
mod ending;
mod full;
pub mod graphiql;
mod graphql;
mod health;
mod jwks;
mod origin;
mod server;

use std::net::IpAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use ipnet::IpNet;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;
use uuid::Uuid;

use crate::app::App;
use crate::limits::{Gate, GateBounds};
pub use full::MOST_TOLD;
use graphiql::Graphiql;
pub use server::{Limits, serve};

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct HttpState {
    /// The API.
    pub app: Arc<App>,
    /// The explorer, when it is switched on.
    pub graphiql: Option<Arc<Graphiql>>,
    /// Which requests run, and which wait.
    pub gate: Gate,
    /// Longest time for one request.
    pub request_timeout: Duration,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// Origins of pages that may call the API.
    pub cors_origins: Vec<HeaderValue>,
    /// Proxies whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Set when the server stops: it is alive, and wants no new requests.
    pub stopping: Arc<AtomicBool>,
}

impl HttpState {
    /// The defaults for an app, without explorer.
    pub fn new(app: Arc<App>) -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self {
            gate: Gate::new(GateBounds::new(app.database.pool_size(), processors)),
            app,
            graphiql: None,
            request_timeout: Duration::from_secs(10),
            max_body_bytes: 65_536,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            stopping: Arc::default(),
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Who is at the other end of the connection: the client, or a proxy.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub IpAddr);

/// The id of a request: in its log lines, in its answer's `x-request-id`, and in `extensions.requestId` of a fault.
#[derive(Clone, Copy, Debug)]
pub struct RequestId(pub Uuid);

/// All routes.
pub fn router(state: HttpState) -> Router {
    let explorer = if state.graphiql.is_some() { graphiql::routes() } else { Router::new() };
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(state.cors_origins.clone()))
        .allow_methods([Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .max_age(Duration::from_secs(600));
    Router::new()
        .route("/graphql", any(graphql::handle))
        .layer(cors)
        .route(jwks::PATH, get(jwks::jwks))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/", get(|| async { Redirect::temporary("/graphiql") }))
        .merge(explorer)
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing here. The API is at /graphql.\n") })
        .layer(from_fn(observe))
        .with_state(state)
}

/// Gives each request an id and a log line, and each answer the headers that keep it private.
async fn observe(mut request: Request, next: Next) -> Response {
    let id = Uuid::now_v7();
    request.extensions_mut().insert(RequestId(id));
    let span = tracing::info_span!("request", id = %id.simple());
    let (method, path) = (request.method().clone(), known_path(request.uri().path()));
    let started = std::time::Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.simple().to_string()) {
        headers.insert("x-request-id", id);
    }
    // OWASP REST Security Cheat Sheet: nothing of an API belongs into a cache, a frame, or a guess about its type.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    let (status, micros) = (response.status().as_u16(), started.elapsed().as_micros());
    tracing::info!(parent: &span, %method, path, status, micros, "answered");
    response
}

/// A path as it may be logged: our own, never what a stranger typed.
fn known_path(path: &str) -> &'static str {
    match path {
        "/graphql" => "/graphql",
        "/livez" => "/livez",
        "/readyz" => "/readyz",
        jwks::PATH => jwks::PATH,
        _ if path.starts_with("/graphiql") => "/graphiql",
        _ => "other",
    }
}

/// A short answer for people and scripts.
fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
