use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::HttpState;

/// The process runs.
pub(super) async fn livez() -> Response {
    super::plain(StatusCode::OK, "alive\n")
}

/// Requests can be served: the database answers, has this version's schema, and the server is not stopping.
pub(super) async fn readyz(State(state): State<HttpState>) -> Response {
    let problem = if state.is_stopping() {
        Some("the server is stopping")
    } else {
        let ready = tokio::time::timeout(std::time::Duration::from_secs(2), state.app.database.ready()).await;
        match ready {
            Ok(Ok(())) => None,
            Ok(Err(crate::tenancy::NotSafe::WrongSchema { .. })) => Some("the database is at another schema version"),
            Ok(Err(_)) => Some("the database cannot be reached"),
            Err(_) => Some("the database does not answer in time"),
        }
    };
    let status = if problem.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // Told, not asked for: requests are served without it.
    let redis = state.app.redis.as_ref().map(|redis| if redis.is_up() { "used" } else { "away" });
    let body =
        json!({ "ready": problem.is_none(), "reason": problem, "redis": redis, "version": env!("CARGO_PKG_VERSION") });
    (status, Json(body)).into_response()
}
