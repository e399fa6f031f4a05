//! Every test that needs the server or the database, in one binary.
//!
//! Each test has a database of its own, copied from a migrated template, and a server of its own on a free port. It acts
//! through HTTP as somebody, or speaks SQL as the role that the server uses. See `support`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

mod access;
mod attempts;
mod audit;
mod batching;
mod bombs;
mod cli;
mod database;
mod documents;
mod embedded;
mod explain_access;
mod invitations;
mod layers;
mod limits;
mod lists;
mod load;
mod packages;
mod partner_keys;
mod passwords;
mod patients;
mod plans;
mod recorded;
mod redis;
mod restricted;
mod rights;
mod schema;
mod second_factors;
mod sessions;
mod sign_in;
mod staff;
mod standing;
mod task_logs;
mod tokens;
mod transport;
