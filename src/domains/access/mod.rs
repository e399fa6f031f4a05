//! Access in the open: what each role may do, and what would become of a document.
//!
//! It owns no rows. [`roles`](Query) is the kernel's table of permissions; `explainAccess` asks the
//! [`Explainer`](crate::graphql::Explainer), which decides as the server decides every request. Nothing is run. Whoever
//! is named by an id is looked up in the viewer's hospital, and no other row is read.

mod input;
mod object;
mod query;
mod service;

pub(super) use super::Nothing as Mutation;
pub(super) use super::no_loaders as loaders;
pub use query::Query;
