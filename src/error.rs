//! What can go wrong, said once: a code and a text for the caller, the cause for the log.

use std::time::Duration;

use async_graphql::ErrorExtensionValues;
use sea_orm::{DbErr, RuntimeErr, sqlx};

/// The name in `extensions` of the seconds to wait before trying again.
pub const RETRY_AFTER: &str = "retryAfterSeconds";

/// The codes of `errors[].extensions.code`. `docs` of each say when a caller meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// No valid credential, and the field or the request needs one. Sign in, then try again.
    Unauthenticated,
    /// The viewer lacks the permission that `extensions.needs` names.
    Forbidden,
    /// There is no such thing in the viewer's hospital.
    NotFound,
    /// An argument does not fit; the message says which and why.
    BadUserInput,
    /// The document costs more than a request may.
    QueryTooComplex,
    /// Too much was asked for in a short time, or guessed too often. Try again after `extensions.retryAfterSeconds`.
    RateLimited,
    /// Nobody has sent the document of this hash lately. Send it again with its text.
    PersistedQueryNotFound,
    /// The server runs registered documents only, and this is none of them.
    DocumentNotRegistered,
    /// The answer took too long. Ask for less, or again later.
    Timeout,
    /// The server is too busy or cannot reach its database. Try again later.
    Unavailable,
    /// A fault of the server. `extensions.requestId` finds it in the log.
    Internal,
}

impl ErrorCode {
    /// The code as it stands in an answer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::QueryTooComplex => "QUERY_TOO_COMPLEX",
            Self::RateLimited => "RATE_LIMITED",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::DocumentNotRegistered => "DOCUMENT_NOT_REGISTERED",
            Self::Timeout => "TIMEOUT",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }
}

/// A surprise: something that is not an expected outcome of a mutation (those are `userErrors`).
///
/// It has no `Display`, so that a cause can never become part of an answer by accident.
#[derive(Clone, Debug)]
pub struct AppError {
    code: ErrorCode,
    message: String,
    cause: Option<String>,
    retry_after: Option<Duration>,
}

impl AppError {
    /// An error whose `message` the caller may read.
    pub fn public(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: None, retry_after: None }
    }

    /// An argument that does not fit.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::public(ErrorCode::BadUserInput, message)
    }

    /// No one is signed in.
    pub fn unauthenticated() -> Self {
        Self::public(ErrorCode::Unauthenticated, "Sign in first: send an access token in the Authorization header.")
    }

    /// Somebody who only reads runs a mutation.
    pub fn only_reads() -> Self {
        Self::public(ErrorCode::Forbidden, "A partner key only reads: it cannot run a mutation.")
    }

    /// A fault. `cause` goes to the log only.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::Internal,
            message: "Something went wrong on our side. Give us the requestId and we will find out what.".into(),
            cause: Some(cause.into()),
            retry_after: None,
        }
    }

    /// Says when to try again: `extensions.retryAfterSeconds`, and the header `Retry-After` when nothing of the request ran.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The text for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What stands in `extensions` of the error.
    pub fn extensions(&self) -> ErrorExtensionValues {
        let mut values = ErrorExtensionValues::default();
        values.set("code", self.code.as_str());
        if let Some(wait) = self.retry_after {
            values.set(RETRY_AFTER, seconds(wait));
        }
        values
    }
}

impl From<AppError> for async_graphql::Error {
    fn from(error: AppError) -> Self {
        if let Some(cause) = &error.cause {
            tracing::error!(code = error.code.as_str(), cause, "a resolver failed");
        }
        let extensions = error.extensions();
        Self { extensions: Some(extensions), ..Self::new(error.message) }
    }
}

impl From<crate::kernel::IdError> for AppError {
    fn from(error: crate::kernel::IdError) -> Self {
        Self::bad_input(error.0)
    }
}

impl From<DbErr> for AppError {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => busy(&error),
            DbErr::Query(RuntimeErr::SqlxError(cause)) | DbErr::Exec(RuntimeErr::SqlxError(cause)) => match &**cause {
                sqlx::Error::Database(database) => by_state(&error, database.as_ref()),
                sqlx::Error::Io(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => busy(&error),
                _ => Self::internal(error.to_string()),
            },
            _ => Self::internal(error.to_string()),
        }
    }
}

/// What PostgreSQL says, by its SQLSTATE (appendix A of its manual).
fn by_state(error: &DbErr, database: &dyn sqlx::error::DatabaseError) -> AppError {
    match database.code().as_deref().unwrap_or_default() {
        // The statement ran into statement_timeout.
        "57014" => AppError::public(ErrorCode::Timeout, "This took too long. Narrow the filter or ask for fewer rows."),
        "22021" => AppError::bad_input("A text has the character U+0000, which no text here can have."),
        // No way in, no connection or memory left, shutting down; or it lost a race for a lock.
        state if ["08", "28", "3D", "40", "53", "55P03", "57P"].iter().any(|class| state.starts_with(class)) => {
            busy(error)
        }
        _ => AppError::internal(describe(database)),
    }
}

fn busy(error: &DbErr) -> AppError {
    AppError {
        code: ErrorCode::Unavailable,
        message: "The database is busy or cannot be reached. Try again in a few seconds.".into(),
        cause: Some(error.to_string()),
        retry_after: None,
    }
}

/// Names an error for the log, without what it quotes of a row.
pub(crate) fn describe_sqlx(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => describe(database.as_ref()),
        other => other.to_string(),
    }
}

/// Whole seconds after which `wait` is over, at least one (RFC 9110, 10.2.3).
pub fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).max(1).try_into().unwrap_or(u64::MAX)
}

/// Names the error without its DETAIL, which quotes the row.
fn describe(error: &dyn sqlx::error::DatabaseError) -> String {
    format!(
        "{} ({}{})",
        error.message(),
        error.code().unwrap_or_default(),
        error.constraint().map(|name| format!(", {name}")).unwrap_or_default()
    )
}

/// The constraint that a statement violated, if that is why it failed.
pub fn violated_constraint(error: &DbErr) -> Option<&str> {
    match error {
        DbErr::Query(RuntimeErr::SqlxError(cause)) | DbErr::Exec(RuntimeErr::SqlxError(cause)) => match &**cause {
            sqlx::Error::Database(database) => database.constraint(),
            _ => None,
        },
        _ => None,
    }
}
