//! What a request comes to, and how it is written.

use async_graphql::{Response as GraphqlResponse, ServerError, Value};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use super::accept::MediaType;
use super::bounded::{WriteError, to_json};
use super::plain;
use crate::error::{AppError, ErrorCode, RETRY_AFTER};

/// Largest answer.
const ANSWER_BYTES: usize = 4 * 1_024 * 1_024;

/// What a request comes to.
pub(super) enum Answer {
    /// Nothing ran: the status that says so, and why. The answer has no `data` then.
    Refused(StatusCode, Vec<ServerError>),
    /// The document ran, all of it or what the viewer may read of it.
    Ran(Box<GraphqlResponse>),
}

impl Answer {
    /// The answer to a document that has run.
    pub(super) fn of(response: GraphqlResponse) -> Self {
        match turned_away(&response) {
            Some(status) => Self::Refused(status, response.errors),
            None => Self::Ran(Box::new(response)),
        }
    }

    /// One error that says this.
    pub(super) fn refused(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let mut error = ServerError::new(message, None);
        set_code(&mut error, code);
        Self::Refused(status, vec![error])
    }

    /// One error that says what this one does.
    pub(super) fn refused_by(status: StatusCode, error: &AppError) -> Self {
        let mut refusal = ServerError::new(error.message(), None);
        refusal.extensions = Some(error.extensions());
        Self::Refused(status, vec![refusal])
    }

    /// The answer as it is sent.
    pub(super) fn write(self, media: MediaType, id: Uuid) -> Response {
        let mut wait = None;
        let (status, body) = match self {
            Self::Ran(mut response) => {
                response.errors.iter_mut().for_each(|error| complete(error, id));
                (StatusCode::OK, to_json(&response, ANSWER_BYTES))
            }
            Self::Refused(status, mut errors) => {
                errors.iter_mut().for_each(|error| complete(error, id));
                wait = errors.iter().filter_map(retry_after).max();
                (status_for(status, media, &errors), to_json(&json!({ "errors": errors }), ANSWER_BYTES))
            }
        };
        let body = match body {
            Ok(body) => body,
            Err(WriteError::TooLarge) => {
                let message = format!(
                    "The answer is larger than the limit of {ANSWER_BYTES} bytes. Ask for fewer fields or smaller pages. \
                     If this was a mutation, it has run."
                );
                let code = ErrorCode::QueryTooComplex.as_str();
                return Self::refused(StatusCode::BAD_REQUEST, code, message).write(media, id);
            }
            Err(WriteError::Unfit(error)) => {
                tracing::error!(%error, "an answer could not be written");
                return plain(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side.\n");
            }
        };
        let mut response = (status, [(header::CONTENT_TYPE, media.as_str())], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Clients of the older media type take any status but 200 for a fault of the transport and read no errors from it; so a
/// document that is refused is a 200 for them. What was no GraphQL request at all, or no document of this server, is a fault for
/// everyone.
fn status_for(status: StatusCode, media: MediaType, errors: &[ServerError]) -> StatusCode {
    let refusals = [ErrorCode::BadUserInput, ErrorCode::DocumentNotRegistered].map(|code| Value::from(code.as_str()));
    let was_graphql = !errors.iter().filter_map(|error| extension(error, "code")).any(|code| refusals.contains(code));
    if media == MediaType::Json && status == StatusCode::BAD_REQUEST && was_graphql { StatusCode::OK } else { status }
}

/// The status for an answer that holds nothing but the advice to come back later. HTTP has words for that, which proxies
/// and clients understand; and an answer without data may have another status than 200 (GraphQL over HTTP, 6.4.2).
fn turned_away(response: &GraphqlResponse) -> Option<StatusCode> {
    let nothing = match &response.data {
        Value::Object(fields) => fields.values().all(|value| *value == Value::Null),
        data => *data == Value::Null,
    };
    let later = !response.errors.is_empty() && response.errors.iter().all(|error| retry_after(error).is_some());
    let busy = Value::from(ErrorCode::Unavailable.as_str());
    let is_busy = |error: &ServerError| extension(error, "code") == Some(&busy);
    (nothing && later).then(|| match response.errors.iter().any(is_busy) {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::TOO_MANY_REQUESTS,
    })
}

/// The seconds after which a request may be sent again.
fn retry_after(error: &ServerError) -> Option<u64> {
    match extension(error, RETRY_AFTER)? {
        Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    }
}

fn extension<'a>(error: &'a ServerError, name: &str) -> Option<&'a Value> {
    error.extensions.as_ref()?.get(name)
}

/// Gives an error that has no code this one.
pub(super) fn set_code(error: &mut ServerError, code: &str) {
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
