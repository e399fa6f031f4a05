use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::HttpState;

/// Where others look for the keys of an issuer of tokens.
pub(super) const PATH: &str = "/.well-known/jwks.json";

/// The public keys that verify access tokens: RFC 7517, section 8.5.1. They may be kept for a minute, which is why a new key
/// waits for one before it signs.
pub(super) async fn jwks(State(state): State<HttpState>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, "public, max-age=60")];
    (headers, state.app.keys.ring().public_json().to_owned()).into_response()
}
