//! Patient Logger: a multi-hospital clinical task log behind one GraphQL API.
//!
//! # The house
//! | room | holds | may use |
//! |---|---|---|
//! | [`kernel`], [`error`] | plain types | kernel |
//! | [`config`] | every setting | the rooms whose options it makes |
//! | [`database`], [`packages`] | where PostgreSQL comes from | config |
//! | [`audit`] | the audit trail: events, how they become durable, the chain over them | kernel, error |
//! | [`redis`] | what servers share and may forget; a help, never a need | nothing of ours |
//! | [`tenancy`] | the only door to SQL, with the hospital set | kernel, error, audit |
//! | [`access`] | which field needs what, decided per document | nothing of ours |
//! | [`keys`] | what signs and seals: the key file, rotation | nothing of ours |
//! | [`auth`] | from a credential to a viewer | kernel, error, keys, limits |
//! | [`mail`] | letters to people | error |
//! | [`graphql`] | the kit: labels, connections, cursors, errors | kernel, error, access, audit, tenancy, keys |
//! | [`limits`] | what one may spend, and how much runs at a time | kernel, error, keys, redis |
//! | [`domains`] | the business, one folder per area | the rooms above, other domains by their `mod.rs` |
//! | [`seed`] | demo and bulk data, onboarding, registered documents | kernel, auth, the tables through the owner role |
//! | [`http`] | router, GraphQL over HTTP, GraphiQL, health | `app`, and all but domains' insides |
//! | [`app`] | the composition root | everything below `http` |
//! | [`cli`] | the commands of the program | everything |
//!
//! `tests/it/layers.rs` reads the source and holds every room to this table.
//!
//! # The way of a request
//! `http` reads bounded bytes, `limits` gives a pass, `auth` and `domains::sessions` turn the credential into a viewer,
//! `graphql::Documents` scans, parses and decides the document by the labels of the schema (`access`), `limits` charges what it
//! may cost, the reduced document runs: `query.rs`, `service.rs`, and `repo.rs` inside a transaction of `tenancy` under
//! PostgreSQL's row level security. The answer gets a null and an error at each refused path, and leaves when `audit` says that
//! what it shows is recorded.

pub mod access;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod config;
pub mod database;
pub mod domains;
pub mod error;
pub mod graphql;
pub mod http;
pub mod kernel;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod packages;
pub mod redis;
pub mod seed;
pub mod tenancy;
