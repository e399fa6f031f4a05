//! `POST /graphql`: GraphQL over HTTP.
//!
//! A request is read within bounds, then its credential turned into a viewer, its document decided, and only then run. It runs
//! in a task of its own: a client that hangs up cannot stop it halfway, which would leave a database connection in an
//! unknown state.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as GraphqlResponse, ServerError, Value, Variables};
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tracing::Instrument;
use uuid::Uuid;

use super::accept::MediaType;
use super::ending::ending;
use super::{HttpState, PeerAddress, RequestId, client, plain};
use crate::access::{UNAUTHENTICATED, VALIDATION_FAILED};
use crate::app::App;
use crate::audit::{Ending, Receipt, RequestContext};
use crate::auth::PartnerKey;
use crate::domains;
use crate::domains::documents::DocumentHash;
use crate::error::{AppError, ErrorCode};
use crate::graphql::Prepared;
use crate::kernel::{Client, Viewer};
use crate::tenancy::HospitalScope;

/// Longest time to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client sends. Other members are ignored, as the specification asks.
#[derive(Deserialize)]
struct Params {
    query: Option<String>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    variables: Option<serde_json::Map<String, serde_json::Value>>,
    extensions: Option<Extensions>,
}

/// What this server knows of the extensions of a request.
#[derive(Deserialize)]
struct Extensions {
    #[serde(rename = "persistedQuery")]
    persisted_query: Option<PersistedQuery>,
}

/// A document by its hash, as clients of automatic persisted queries send it.
#[derive(Deserialize)]
struct PersistedQuery {
    version: u32,
    #[serde(rename = "sha256Hash")]
    sha256_hash: String,
}

/// What a request comes to.
enum Answer {
    /// Nothing ran: the status that says so, and why. The answer has no `data` then.
    Refused(StatusCode, Vec<ServerError>),
    /// The document ran, all of it or what the viewer may read of it.
    Ran(Box<GraphqlResponse>),
}

pub(super) async fn handle(
    State(state): State<HttpState>,
    Extension(RequestId(id)): Extension<RequestId>,
    peer: Option<Extension<PeerAddress>>,
    request: Request,
) -> Response {
    if request.method() != Method::POST {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Send GraphQL requests with POST.\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let Some(media) = MediaType::wanted(request.headers()) else {
        return plain(StatusCode::NOT_ACCEPTABLE, "Accept application/graphql-response+json or application/json.\n");
    };
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the request as application/json.\n");
    }
    let address =
        peer.map(|Extension(PeerAddress(peer))| client::address(peer, &parts.headers, &state.trusted_proxies));
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let context = RequestContext { id, client: Client::new(user_agent, address), ..RequestContext::default() };
    let body = match read(body, state.max_body_bytes).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    // Asked when everything is there and the document runs next: who sends a body slowly must not outlive the session.
    let viewer = match viewer(&state.app, &parts.headers, &context).await {
        Ok(viewer) => viewer,
        Err(refusal) => return refusal.write(media, id),
    };
    let (answer, receipt) = match params(&body) {
        Ok(params) => execute(&state, viewer, context, params).await,
        Err(message) => unrecorded(refused(StatusCode::BAD_REQUEST, ErrorCode::BadUserInput.as_str(), message)),
    };
    // Written while its events are.
    let written = answer.write(media, id);
    match receipt.durable().await {
        Ok(()) => written,
        Err(error) => unavailable(&error).write(media, id),
    }
}

/// `application/json`, in UTF-8 if it says so.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    parts.next().as_deref() == Some("application/json")
        && parts.all(|part| part.strip_prefix("charset=").is_none_or(|charset| charset.trim_matches('"') == "utf-8"))
}

/// Who sends the request; `None` without a credential. A credential that does not hold is refused, so that nobody takes
/// an answer for strangers for the own.
async fn viewer(app: &App, headers: &HeaderMap, context: &RequestContext) -> Result<Option<Viewer>, Answer> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let credential = value.to_str().ok().and_then(|value| {
        let (scheme, credential) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
    });
    let held = match credential {
        Some(key) if PartnerKey::is_meant(key) => app.partner_keys.verify(key, context).await,
        Some(token) => app.sessions.viewer(token).await,
        None => Ok(None),
    };
    let viewer = held.map_err(|error| {
        tracing::error!(?error, "a credential could not be looked up");
        unavailable(&error)
    })?;
    viewer.map(Some).ok_or_else(|| {
        let message = "The access token or partner key is not valid, or no longer. Sign in again.";
        refused(StatusCode::UNAUTHORIZED, UNAUTHENTICATED, message)
    })
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Response> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(plain(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large, or broke off.\n")),
        Err(_) => Err(plain(StatusCode::REQUEST_TIMEOUT, "The request body took too long.\n")),
    }
}

fn params(body: &[u8]) -> Result<Params, String> {
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err("Batches are not supported: send one request at a time.".into());
    }
    serde_json::from_slice(body).map_err(|error| {
        // serde quotes what it found, which may be a patient's; the place is enough.
        let wrong = if error.is_data() { "is not a GraphQL request" } else { "is not JSON" };
        format!(
            "The body {wrong} (line {}, column {}). Send {{\"query\": \"…\", \"variables\": {{…}}, \"operationName\": \"…\"}}.",
            error.line(),
            error.column()
        )
    })
}

/// The hash of a document, if it is sent by one.
fn hash(sent: Option<PersistedQuery>) -> Result<Option<DocumentHash>, AppError> {
    let Some(sent) = sent else { return Ok(None) };
    let hash = DocumentHash::parse(&sent.sha256_hash).filter(|_| sent.version == 1);
    let message = "extensions.persistedQuery is {\"version\": 1, \"sha256Hash\": \"…\"} with 64 hexadecimal digits.";
    hash.map(Some).ok_or_else(|| AppError::bad_input(message))
}

async fn execute(
    state: &HttpState,
    viewer: Option<Viewer>,
    context: RequestContext,
    params: Params,
) -> (Answer, Receipt) {
    let app = &state.app;
    let Params { query, operation_name, variables, extensions } = params;
    let found = match hash(extensions.and_then(|extensions| extensions.persisted_query)) {
        Ok(hash) => app.persisted.find(query, hash).await,
        Err(error) => Err(error),
    };
    let document = match found {
        Ok(document) => document,
        Err(error) => {
            return unrecorded(refused(StatusCode::BAD_REQUEST, error.code().as_str(), error.message()));
        }
    };
    let variables = variables.map_or_else(Variables::default, |map| Variables::from_json(map.into()));
    let caller = app.caller(viewer.as_ref());
    let plan = match app.documents.prepare(&document.text, operation_name.as_deref(), &variables, &caller) {
        Ok(plan) => plan,
        Err(error) => return unrecorded(Answer::Refused(StatusCode::BAD_REQUEST, vec![error])),
    };
    let operation = plan.operation_name().map(ToOwned::to_owned);
    let context = RequestContext { operation, shape: Some(plan.shape.clone()), ..context };
    let scope =
        viewer.map(|viewer| HospitalScope::new(app.database.clone(), app.clock.clone(), viewer, context.clone()));
    if plan.operation() == OperationType::Mutation
        && let Some(scope) = scope.as_ref().filter(|scope| scope.viewer.only_reads())
    {
        let error = AppError::only_reads();
        let receipt = scope.leave_events(Ending { is_mutation: true, asks: true, ..Ending::default() });
        return (refused(StatusCode::FORBIDDEN, error.code().as_str(), error.message()), receipt);
    }
    let running =
        tokio::spawn(run(app.clone(), plan.clone(), variables, scope.map(Arc::new), context).in_current_span());
    match tokio::time::timeout(state.request_timeout, running).await {
        Ok(Ok((answer, receipt))) => {
            if matches!(answer, Answer::Ran(_)) {
                app.persisted.ran(&document, plan.operation_name(), app.clock.now());
            }
            (answer, receipt)
        }
        Ok(Err(_)) => {
            let message = "Something went wrong on our side. Give us the requestId and we will find out what.";
            unrecorded(refused(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal.as_str(), message))
        }
        // The task goes on to its end, which the timeouts of the database bound.
        Err(_) => {
            let message = "The answer took too long. Ask for less, or again later.";
            unrecorded(refused(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Timeout.as_str(), message))
        }
    }
}

/// Runs the document. The answer must not leave before the receipt says that what it shows is recorded.
async fn run(
    app: Arc<App>,
    plan: Arc<Prepared>,
    variables: Variables,
    scope: Option<Arc<HospitalScope>>,
    context: RequestContext,
) -> (Answer, Receipt) {
    let mut response = match plan.request(variables) {
        Some(request) => {
            let mut request = request.data(context);
            if let Some(scope) = &scope {
                request = domains::loaders(request.data(scope.clone()).data(app.explainer.clone()), scope);
            }
            app.schema.execute(request).await
        }
        None => GraphqlResponse::default(),
    };
    // The library's own validation found a fault: nothing ran. Every other error has the path of a field.
    if !response.errors.is_empty() && response.errors.iter().all(|error| error.path.is_empty()) {
        response.errors.iter_mut().for_each(|error| set_code(error, VALIDATION_FAILED));
        return unrecorded(Answer::Refused(StatusCode::BAD_REQUEST, response.errors));
    }
    plan.patch(&mut response);
    let mut receipt = Receipt::nothing();
    if let Some(scope) = scope {
        // Handed over first: the snapshot ends while the events are written.
        receipt =
            scope.leave_events(ending(plan.operation(), app.documents.asks_for_more_than_sign_in(&plan), &response));
        if let Err(error) = scope.close().await {
            tracing::warn!(%error, "a snapshot did not end well");
        }
    }
    (Answer::Ran(Box::new(response)), receipt)
}

/// An answer of which the audit trail says nothing: nothing ran, and nobody's data is in it.
fn unrecorded(answer: Answer) -> (Answer, Receipt) {
    (answer, Receipt::nothing())
}

fn unavailable(error: &AppError) -> Answer {
    refused(StatusCode::SERVICE_UNAVAILABLE, error.code().as_str(), error.message())
}

fn refused(status: StatusCode, code: &str, message: impl Into<String>) -> Answer {
    let mut error = ServerError::new(message, None);
    set_code(&mut error, code);
    Answer::Refused(status, vec![error])
}

/// Gives an error that has no code this one.
fn set_code(error: &mut ServerError, code: &str) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", code);
    }
}

/// Completes an error: every one has a code, and a fault the id under which the log tells more.
fn complete(error: &mut ServerError, id: Uuid) {
    // Without a code, it is what the library finds wrong with the value of an argument.
    set_code(error, ErrorCode::BadUserInput.as_str());
    let extensions = error.extensions.get_or_insert_default();
    let faults = [ErrorCode::Internal, ErrorCode::Unavailable].map(ErrorCode::as_str);
    if matches!(extensions.get("code"), Some(Value::String(code)) if faults.contains(&code.as_str())) {
        extensions.set("requestId", id.simple().to_string());
    }
}

impl Answer {
    fn write(self, media: MediaType, id: Uuid) -> Response {
        let (status, body) = match self {
            Self::Ran(mut response) => {
                response.errors.iter_mut().for_each(|error| complete(error, id));
                (StatusCode::OK, serde_json::to_vec(&response))
            }
            Self::Refused(status, mut errors) => {
                errors.iter_mut().for_each(|error| complete(error, id));
                (status_for(status, media, &errors), serde_json::to_vec(&json!({ "errors": errors })))
            }
        };
        let Ok(body) = body else {
            tracing::error!("an answer could not be written");
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side.\n");
        };
        let mut response = (status, [(header::CONTENT_TYPE, media.as_str())], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Clients of the older media type take any status but 200 for a fault of the transport and read no errors from it; so a
/// document that is refused is a 200 for them. What was no GraphQL request at all, or no document of this server, is a fault for
/// everyone.
fn status_for(status: StatusCode, media: MediaType, errors: &[ServerError]) -> StatusCode {
    let code = |error: &ServerError| error.extensions.as_ref().and_then(|extensions| extensions.get("code").cloned());
    let refusals = [ErrorCode::BadUserInput, ErrorCode::DocumentNotRegistered].map(|code| Value::from(code.as_str()));
    let was_graphql = !errors.iter().filter_map(code).any(|code| refusals.contains(&code));
    if media == MediaType::Json && status == StatusCode::BAD_REQUEST && was_graphql { StatusCode::OK } else { status }
}
