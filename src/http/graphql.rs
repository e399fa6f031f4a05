//! `POST /graphql`: GraphQL over HTTP.
//!
//! A request is read within bounds, then its credential turned into a viewer, its document decided and paid for, and only then
//! run. It runs in a task of its own: a client that hangs up cannot stop it halfway, which would leave a database connection in an
//! unknown state.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as GraphqlResponse, Variables};
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use tracing::Instrument;

use super::accept::MediaType;
use super::answer::{Answer, set_code};
use super::ending::ending;
use super::{HttpState, PeerAddress, RequestId, client, origin, plain};
use crate::access::{UNAUTHENTICATED, VALIDATION_FAILED, fields_of};
use crate::app::App;
use crate::audit::{Ending, Receipt, RequestContext};
use crate::auth::PartnerKey;
use crate::domains;
use crate::domains::documents::{DocumentHash, FoundDocument};
use crate::error::{AppError, ErrorCode};
use crate::graphql::Decided;
use crate::kernel::{Client, HospitalId, Viewer};
use crate::limits::{Charge, Pass};
use crate::tenancy::HospitalScope;

/// Longest time to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the answer waits that tells somebody to come back later. Who does so is not hurt; who asks again at once cannot keep
/// the server busy with it, to the harm of others.
const UNHEEDED: Duration = Duration::from_millis(200);
/// Faults of one document that are told; the library finds one for each of four hundred equal arguments.
const FAULTS_TOLD: usize = 20;

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
#[derive(Default, Deserialize)]
struct Extensions {
    #[serde(rename = "persistedQuery")]
    persisted_query: Option<PersistedQuery>,
    /// Whether the answer is to tell in `extensions.cost` what it cost.
    #[serde(default)]
    cost: bool,
}

/// A document by its hash, as clients of automatic persisted queries send it.
#[derive(Deserialize)]
struct PersistedQuery {
    version: u32,
    #[serde(rename = "sha256Hash")]
    sha256_hash: String,
}

/// A request that may run as soon as it is paid for.
struct Prepared {
    document: FoundDocument,
    plan: Arc<Decided>,
    variables: Variables,
    shows_cost: bool,
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
    if origin::is_foreign(request.headers(), &state.cors_origins) {
        let text = "Pages of this origin may not call the API. CORS_ORIGINS lists those that may.\n";
        return plain(StatusCode::FORBIDDEN, text);
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
    // Asked when everything is there: who sends a body slowly must not keep others waiting.
    let pass = match state.gate.enter(hospital(&state.app, &parts.headers)).await {
        Ok(pass) => pass,
        Err(error) => {
            // No more than there are connections wait, and what they sent is not kept for it.
            drop(body);
            tokio::time::sleep(UNHEEDED).await;
            return Answer::refused_by(StatusCode::SERVICE_UNAVAILABLE, &error).write(media, id);
        }
    };
    // Asked when the document runs next: who sends a body slowly must not outlive the session.
    let viewer = match viewer(&state.app, &parts.headers, &context).await {
        Ok(viewer) => viewer,
        Err(refusal) => return refusal.write(media, id),
    };
    let prepared = prepare(&state.app, viewer.as_ref(), &context, &body).await;
    // What cannot run has cost something too.
    let cost = prepared.as_ref().map_or(1, |prepared| prepared.plan.cost());
    let charge = match state.app.cost_limits.charge(viewer.as_ref(), &context.client, cost).await {
        Ok(charge) => charge,
        Err(error) => {
            drop((pass, prepared, body));
            tokio::time::sleep(UNHEEDED).await;
            return Answer::refused_by(StatusCode::TOO_MANY_REQUESTS, &error).write(media, id);
        }
    };
    let (answer, receipt) = match prepared {
        Ok(prepared) => execute(&state, viewer, context, prepared, charge, pass).await,
        Err(refusal) => {
            drop(pass);
            refusal
        }
    };
    // Written while its events are.
    let written = answer.write(media, id);
    match receipt.durable().await {
        Ok(()) => written,
        Err(error) => Answer::refused_by(StatusCode::SERVICE_UNAVAILABLE, &error).write(media, id),
    }
}

/// `application/json`, in UTF-8 if it says so.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    parts.next().as_deref() == Some("application/json")
        && parts.all(|part| part.strip_prefix("charset=").is_none_or(|charset| charset.trim_matches('"') == "utf-8"))
}

/// The credential of a request, as far as it is in the form of one.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let (scheme, credential) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
}

/// The hospital in whose line a request waits, told without SQL; `None` for strangers, and for whoever may be one.
fn hospital(app: &App, headers: &HeaderMap) -> Option<HospitalId> {
    match credential(headers)? {
        key if PartnerKey::is_meant(key) => app.partner_keys.hospital(key),
        token => app.tokens.verify(token).map(|viewer| viewer.hospital_id),
    }
}

/// Who sends the request; `None` without a credential. A credential that does not hold is refused, so that nobody takes
/// an answer for strangers for the own.
async fn viewer(app: &App, headers: &HeaderMap, context: &RequestContext) -> Result<Option<Viewer>, Answer> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    let held = match credential(headers) {
        Some(key) if PartnerKey::is_meant(key) => app.partner_keys.verify(key, context).await,
        Some(token) => app.sessions.viewer(token).await,
        None => Ok(None),
    };
    let viewer = held.map_err(|error| {
        tracing::error!(?error, "a credential could not be looked up");
        Answer::refused_by(StatusCode::SERVICE_UNAVAILABLE, &error)
    })?;
    viewer.map(Some).ok_or_else(|| {
        let message = "The access token or partner key is not valid, or no longer. Sign in again.";
        Answer::refused(StatusCode::UNAUTHORIZED, UNAUTHENTICATED, message)
    })
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Response> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(plain(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large, or broke off.\n")),
        Err(_) => Err(plain(StatusCode::REQUEST_TIMEOUT, "The request body took too long.\n")),
    }
}

fn params(body: &[u8]) -> Result<Params, AppError> {
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(AppError::bad_input("Batches are not supported: send one request at a time."));
    }
    serde_json::from_slice(body).map_err(|error| {
        // serde quotes what it found, which may be a patient's; the place is enough.
        let wrong = if error.is_data() { "is not a GraphQL request" } else { "is not JSON" };
        AppError::bad_input(format!(
            "The body {wrong} (line {}, column {}). Send {{\"query\": \"…\", \"variables\": {{…}}, \"operationName\": \"…\"}}.",
            error.line(),
            error.column()
        ))
    })
}

/// The hash of a document, if it is sent by one.
fn hash(sent: Option<PersistedQuery>) -> Result<Option<DocumentHash>, AppError> {
    let Some(sent) = sent else { return Ok(None) };
    let hash = DocumentHash::parse(&sent.sha256_hash).filter(|_| sent.version == 1);
    let message = "extensions.persistedQuery is {\"version\": 1, \"sha256Hash\": \"…\"} with 64 hexadecimal digits.";
    hash.map(Some).ok_or_else(|| AppError::bad_input(message))
}

/// Reads, finds and decides a document. Nothing runs yet.
async fn prepare(
    app: &App,
    viewer: Option<&Viewer>,
    context: &RequestContext,
    body: &[u8],
) -> Result<Prepared, (Answer, Receipt)> {
    let bad_request = |error: AppError| unrecorded(Answer::refused_by(StatusCode::BAD_REQUEST, &error));
    let Params { query, operation_name, variables, extensions } = params(body).map_err(bad_request)?;
    let Extensions { persisted_query, cost: shows_cost } = extensions.unwrap_or_default();
    let hash = hash(persisted_query).map_err(bad_request)?;
    let document = app.persisted.find(query, hash).await.map_err(bad_request)?;
    let variables = variables.map_or_else(Variables::default, |map| Variables::from_json(map.into()));
    let plan = app.documents.prepare(&document.text, operation_name.as_deref(), &variables, &app.caller(viewer));
    let plan = plan.map_err(|error| unrecorded(Answer::Refused(StatusCode::BAD_REQUEST, vec![error])))?;
    if plan.operation() == OperationType::Mutation
        && let Some(viewer) = viewer.filter(|viewer| viewer.only_reads())
    {
        let ending = Ending { is_mutation: true, asks: true, ..Ending::default() };
        let receipt = scope(app, viewer.clone(), &of_plan(context, &plan)).leave_events(ending);
        return Err((Answer::refused_by(StatusCode::FORBIDDEN, &AppError::only_reads()), receipt));
    }
    Ok(Prepared { document, plan, variables, shows_cost })
}

async fn execute(
    state: &HttpState,
    viewer: Option<Viewer>,
    context: RequestContext,
    prepared: Prepared,
    charge: Charge,
    pass: Pass,
) -> (Answer, Receipt) {
    let work = pass.keep(run(state.app.clone(), prepared, viewer, context, charge));
    let running = tokio::spawn(work.in_current_span());
    match tokio::time::timeout(state.request_timeout, running).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            let message = "Something went wrong on our side. Give us the requestId and we will find out what.";
            unrecorded(Answer::refused(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal.as_str(), message))
        }
        // The task goes on to its end, which the timeouts of the database bound.
        Err(_) => {
            let message = "The answer took too long. Ask for less, or again later.";
            unrecorded(Answer::refused(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Timeout.as_str(), message))
        }
    }
}

/// Runs the document. The answer must not leave before the receipt says that what it shows is recorded.
async fn run(
    app: Arc<App>,
    prepared: Prepared,
    viewer: Option<Viewer>,
    context: RequestContext,
    charge: Charge,
) -> (Answer, Receipt) {
    let Prepared { document, plan, variables, shows_cost } = prepared;
    let context = of_plan(&context, &plan);
    let scope = viewer.map(|viewer| Arc::new(scope(&app, viewer, &context)));
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
    let cost = charge.settle(fields_of(&response.data));
    // The library's own validation found a fault: nothing ran. Every other error has the path of a field.
    if !response.errors.is_empty() && response.errors.iter().all(|error| error.path.is_empty()) {
        response.errors.truncate(FAULTS_TOLD);
        response.errors.iter_mut().for_each(|error| set_code(error, VALIDATION_FAILED));
        return unrecorded(Answer::Refused(StatusCode::BAD_REQUEST, response.errors));
    }
    plan.patch(&mut response);
    let mut receipt = Receipt::nothing();
    if let Some(scope) = scope {
        // Handed over first: the snapshot ends while the events are written.
        receipt = scope.leave_events(ending(plan.operation(), plan.asks_for_more_than_sign_in, &response));
        scope.close().await;
    }
    app.persisted.ran(&document, plan.operation_name(), app.clock.now());
    if shows_cost {
        response.extensions.insert("cost".into(), cost);
    }
    (Answer::of(response), receipt)
}

/// The request, with what its document asks for.
fn of_plan(context: &RequestContext, plan: &Decided) -> RequestContext {
    let operation = plan.operation_name().map(ToOwned::to_owned);
    RequestContext { operation, shape: Some(plan.shape.clone()), ..context.clone() }
}

fn scope(app: &App, viewer: Viewer, context: &RequestContext) -> HospitalScope {
    HospitalScope::new(app.database.clone(), app.clock.clone(), viewer, context.clone())
}

/// An answer of which the audit trail says nothing: nothing ran, and nobody's data is in it.
fn unrecorded(answer: Answer) -> (Answer, Receipt) {
    (answer, Receipt::nothing())
}
