use async_graphql::{Enum, ID, Lookahead, MaybeUndefined};

use crate::error::AppError;
use crate::kernel::IdError;

/// Which way a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// Smallest, earliest or first in the alphabet at the start.
    Asc,
    /// Largest, latest or last in the alphabet at the start.
    Desc,
}

/// A value that may be left out but not be null.
///
/// A variable that somebody forgot to fill arrives as null. Taken for "no condition", it would match everything; so it
/// is an error.
///
/// # Errors
/// When it is null; `name` says which.
pub fn unless_null<T>(name: &str, value: MaybeUndefined<T>) -> Result<Option<T>, AppError> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Value(value) => Ok(Some(value)),
        MaybeUndefined::Null => {
            Err(AppError::bad_input(format!("{name} is null. Leave it out to set no condition, or give it a value.")))
        }
    }
}

/// The words of a `filter.text`; none when it is left out.
///
/// # Errors
/// When it is blank, longer than 100 characters, or has control characters.
pub fn search_words(text: Option<String>) -> Result<Vec<String>, AppError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let text = crate::kernel::text::line(&text, 100)
        .map_err(|_| AppError::bad_input("filter.text must have 1 to 100 printable characters."))?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// Ids of one kind.
///
/// # Errors
/// When one of them is no id, or of another kind.
pub fn ids<T>(ids: Vec<ID>, parse: impl Fn(&str) -> Result<T, IdError>) -> Result<Vec<T>, AppError> {
    ids.iter().map(|id| parse(id).map_err(AppError::from)).collect()
}

/// Whether the selection below asks for `field`.
pub fn wants(look: Lookahead<'_>, field: &str) -> bool {
    look.field(field).exists()
}

/// Whether the selection below, of a connection, asks for the page, and not for the length of the list alone. Whose page is
/// not asked for is not read, and so nobody has seen them.
pub fn wants_page(look: Lookahead<'_>) -> bool {
    ["nodes", "edges", "pageInfo"].into_iter().any(|field| look.field(field).exists())
}

/// Whether the selection below, of a connection, asks for `field` of its nodes.
pub fn wants_in_nodes(look: Lookahead<'_>, field: &str) -> bool {
    wants(look.field("nodes"), field) || wants(look.field("edges").field("node"), field)
}
