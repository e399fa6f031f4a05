//! The hospital wall on the server's side: the only door to SQL.
//!
//! A [`Database`] is the pool of the app role; it hands out no connection. A [`HospitalScope`] is one request of one
//! viewer; it opens transactions that carry the hospital for PostgreSQL's row level security to compare:
//! - [`HospitalScope::read`]: one snapshot for the whole request, opened when the first row is asked for;
//! - [`HospitalScope::write`]: one transaction for one mutation.
//!
//! With the hospital it carries which restricted records the viewer has open, for the policies of the tables with data of
//! patients; where nothing is said, all of them are closed.
//!
//! Repositories take a [`Tx`] first, so that a query without a hospital cannot be written. What happens before there is a
//! viewer has names to search for: [`Database::begin_outside_hospitals`], for sign-in, which happens before there is a
//! hospital; [`Database::begin_for_credential`], in the hospital that a credential names; and
//! [`Database::ask_for_credential`] and [`Database::together`], for the one question whether it still holds.

mod database;
mod keyset;
mod scope;
mod sight;
mod together;
mod tx;

pub use database::{Database, DatabaseSettings, NotSafe};
pub use keyset::{KeyPart, Page, PageRequest, SortKey, column_of_rows, containing, each, fenced, for_each};
pub use scope::{HospitalScope, LoadKey};
pub(crate) use together::Kind;
pub use together::Together;
pub use tx::{MAX_COUNT, Tx, WriteTx};
