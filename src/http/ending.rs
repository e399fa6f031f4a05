//! How a request ended, read from its answer for the audit trail.

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, Value};

use crate::access::{FORBIDDEN, UNAUTHENTICATED};
use crate::audit::Ending;
use crate::error::ErrorCode;

/// What the answer of an operation says. `asks` is whether it asked for more than everybody has who is signed in.
pub(super) fn ending(operation: OperationType, asks: bool, response: &Response) -> Ending {
    let gives = match &response.data {
        Value::Object(roots) => roots.values().any(|value| *value != Value::Null),
        _ => false,
    };
    let is_mutation = operation == OperationType::Mutation;
    let mut ending = Ending { is_mutation, asks, gives, ..Ending::default() };
    for error in &response.errors {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        let refusals = [FORBIDDEN, UNAUTHENTICATED, ErrorCode::NotFound.as_str()];
        let is_root = usize::from(error.path.len() == 1);
        if matches!(code, Some(Value::String(code)) if refusals.contains(&code.as_str())) {
            ending.refusals += 1;
            ending.refused_roots += is_root;
        } else {
            ending.failures += 1;
            ending.failed_roots += is_root;
        }
    }
    ending
}
