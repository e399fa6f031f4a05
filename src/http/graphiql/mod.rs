//! GraphiQL at `/graphiql`, complete without the internet.
//!
//! GraphiQL itself comes from one npm package, fetched once, pinned by its SHA-512 and kept in the cache directory; nothing
//! of it is part of this project. Until it is there, or where it cannot be had, the page says so. The page around it is
//! ours, with a content security policy that lets the browser talk to this server only.

mod bundle;

use std::sync::{Arc, RwLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use serde::Serialize;

use super::HttpState;
use crate::packages::{NpmPackage, Packages};

const PAGE: &str = include_str!("page.html");
const MISSING: &str = include_str!("missing.html");

/// GraphiQL, its editor and its workers in one file.
const PACKAGE: NpmPackage = NpmPackage {
    name: "@graphql-yoga/render-graphiql",
    version: "5.24.1",
    sha512: "mLFvBekZujetoh7M9jokYkQtrjrmiKD5KSTfV6ivMAFNgV8KcLAJeVAH8QOOg6Wvj47+DNBvdlx0R5O2JjtN/A==",
};

/// The editor sets styles on its elements; everything else comes from this server, as files.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// A sign-in that the page offers.
#[derive(Clone, Debug, Serialize)]
pub struct Persona {
    /// Who.
    pub label: &'static str,
    /// The address to sign in with; none for a partner.
    pub email: Option<&'static str>,
    /// The key of a partner; none for a person.
    pub key: Option<String>,
    /// The hospital to sign in to.
    pub hospital: &'static str,
}

/// The sign-ins of the demo data, and their one password.
#[derive(Clone, Debug, Serialize)]
pub struct Demo {
    /// The password.
    pub password: &'static str,
    /// Who can sign in.
    pub people: Vec<Persona>,
}

/// The page and what it is made of.
#[derive(Debug)]
pub struct Graphiql {
    page: String,
    bundle: RwLock<Loaded>,
}

#[derive(Debug)]
enum Loaded {
    /// Why it is not there, without what strangers need not know.
    Not(&'static str),
    Bundle(Arc<Files>),
}

/// The bundle as bytes to send.
#[derive(Debug)]
struct Files {
    script: Bytes,
    style: Bytes,
    editor_worker: Bytes,
    graphql_worker: Bytes,
    json_worker: Bytes,
}

#[derive(Serialize)]
struct Settings<'a> {
    endpoint: &'static str,
    demo: Option<&'a Demo>,
}

impl Graphiql {
    /// The page, still without GraphiQL. With `demo`, it offers those sign-ins.
    pub fn new(demo: Option<&Demo>) -> Self {
        let settings = serde_json::to_string(&Settings { endpoint: "/graphql", demo }).unwrap_or_default();
        // In a script element `<` could end it; in JSON it can only stand in a string, where this is the same character.
        let page = PAGE.replace("__SETTINGS__", &settings.replace('<', "\\u003c"));
        Self { page, bundle: RwLock::new(Loaded::Not("It is being downloaded just now: try again in a few seconds.")) }
    }

    /// Gets GraphiQL from the cache, or downloads it once. Blocks while it does.
    pub fn load(&self, packages: &Packages) {
        let loaded = fetch(packages).map_or_else(
            |reason| {
                tracing::warn!(reason, "GraphiQL is not available; the API is");
                Loaded::Not("It could not be downloaded. The log of the server says why.")
            },
            |files| Loaded::Bundle(Arc::new(files)),
        );
        // Nobody panics while holding this lock, so it is never poisoned; if it were, the page would stay as it is.
        if let Ok(mut bundle) = self.bundle.write() {
            *bundle = loaded;
        }
    }

    fn files(&self) -> Result<Arc<Files>, &'static str> {
        match self.bundle.read().as_deref() {
            Ok(Loaded::Bundle(files)) => Ok(files.clone()),
            Ok(Loaded::Not(reason)) => Err(reason),
            Err(_) => Err("The server cannot tell."),
        }
    }
}

fn fetch(packages: &Packages) -> Result<Files, String> {
    let directory = packages.fetch(&PACKAGE).map_err(|error| error.to_string())?;
    let path = directory.join("esm").join("graphiql.js");
    let source =
        std::fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let bundle = bundle::split(&source)?;
    Ok(Files {
        script: bundle.script.into(),
        style: bundle.style.into(),
        editor_worker: bundle.editor_worker.into(),
        graphql_worker: bundle.graphql_worker.into(),
        json_worker: bundle.json_worker.into(),
    })
}

/// The routes of the page.
pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/graphiql", get(page)).route("/graphiql/assets/{file}", get(asset))
}

async fn page(State(state): State<HttpState>) -> Response {
    let Some(graphiql) = &state.graphiql else { return StatusCode::NOT_FOUND.into_response() };
    match graphiql.files() {
        Ok(_) => file("text/html; charset=utf-8", Bytes::from(graphiql.page.clone())),
        Err(reason) => {
            let page = MISSING.replace("__REASON__", reason);
            (StatusCode::SERVICE_UNAVAILABLE, file("text/html; charset=utf-8", Bytes::from(page))).into_response()
        }
    }
}

async fn asset(State(state): State<HttpState>, Path(name): Path<String>) -> Response {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    const STYLE: &str = "text/css; charset=utf-8";
    let own = match name.as_str() {
        "page.js" => Some((SCRIPT, include_str!("page.js"))),
        "page.css" => Some((STYLE, include_str!("page.css"))),
        "operations.graphql" => Some(("text/plain; charset=utf-8", include_str!("operations.graphql"))),
        _ => None,
    };
    if let Some((kind, text)) = own {
        return file(kind, Bytes::from_static(text.as_bytes()));
    }
    let files = state.graphiql.as_ref().and_then(|graphiql| graphiql.files().ok());
    let Some(files) = files else { return StatusCode::NOT_FOUND.into_response() };
    match name.as_str() {
        "graphiql.js" => file(SCRIPT, files.script.clone()),
        "graphiql.css" => file(STYLE, files.style.clone()),
        "editor.worker.js" => file(SCRIPT, files.editor_worker.clone()),
        "graphql.worker.js" => file(SCRIPT, files.graphql_worker.clone()),
        "json.worker.js" => file(SCRIPT, files.json_worker.clone()),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A worker takes its policy from its own answer, so every file carries it.
fn file(kind: &'static str, bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, POLICY)], bytes).into_response()
}
