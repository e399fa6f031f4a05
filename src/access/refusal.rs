//! The words of a refusal: of one field, and of a whole document.

use async_graphql::{ErrorExtensionValues, Name, PathSegment, Pos, ServerError};

/// The document is not valid against the schema.
pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
/// The document does not parse.
pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
/// The document is bigger, deeper or dearer than a limit allows.
pub const TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
/// The caller lacks a permission.
pub const FORBIDDEN: &str = "FORBIDDEN";
/// The caller lacks a permission and has not signed in.
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";

/// One field left out of a document, and why.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The response keys from the root to the field, without list indices.
    pub path: Vec<Name>,
    /// The field or input that carries the label: `Patient.contactPhone`, `PatientFilter.phone`.
    pub coordinate: String,
    /// The missing permissions, joined by a comma; empty for a refused introspection.
    pub needs: String,
    pub(super) message: String,
    pub(super) code: &'static str,
    pub(super) pos: Pos,
}

impl Refusal {
    pub(super) fn error(&self, path: Vec<PathSegment>) -> ServerError {
        let mut error = refuse(self.code, self.message.clone(), self.pos);
        error.path = path;
        if !self.needs.is_empty()
            && let Some(extensions) = &mut error.extensions
        {
            extensions.set("needs", self.needs.as_str());
        }
        error
    }
}

/// An error with a code, the form of every refusal of a whole document.
pub fn refuse(code: &str, message: impl Into<String>, pos: impl Into<Option<Pos>>) -> ServerError {
    let mut error = ServerError::new(message, pos.into());
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    error.extensions = Some(extensions);
    error
}

/// The refusal of a document that is not valid.
pub(super) fn invalid(message: impl Into<String>, pos: Pos) -> ServerError {
    refuse(VALIDATION_FAILED, message, pos)
}

/// The refusal of a document beyond a limit; `what` is the plural of the thing counted.
pub(super) fn too_complex(what: &str, found: usize, limit: usize, pos: impl Into<Option<Pos>>) -> ServerError {
    refuse(TOO_COMPLEX, format!("The document has {found} {what}, more than the limit of {limit}."), pos)
}
