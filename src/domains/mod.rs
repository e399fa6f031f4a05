//! The business: one folder per area, each with the same files.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | what the domain owns, its rules, and the only door for other domains |
//! | `query.rs`, `mutation.rs`, `object.rs` | the GraphQL surface; `Query.patients` is in `patients/query.rs` |
//! | `service.rs` | the rules; takes the [`HospitalScope`](crate::tenancy::HospitalScope) first |
//! | `repo.rs` | SQL through SeaORM; takes the transaction first; the only file that names `entity::` |
//! | `loader.rs` | rows by id, batched within one request |
//!
//! A type that stands for data of a patient is made with the scope, by `seen(scope, row)`, which notes the patient for the
//! audit trail; one that a mutation shows is made before the commit, so that the event of the change names it. A service
//! says what it changes and why with `scope.witness().subject(…)` and `.reason(…)`; `settle` does the rest.
//!
//! To add a domain: its folder, and its line in [`domains!`] below. It brings a `Query` and a `Mutation` (or [`Nothing`])
//! and `loaders` (or [`no_loaders`]); every field carries an `access` label, or the server does not start.

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, MergedObject, Request, Schema, SchemaBuilder};

use crate::tenancy::HospitalScope;

pub mod attempts;
pub mod documents;
mod idempotency_keys;
mod node;

macro_rules! domains {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*

        /// Everything that can be read.
        #[derive(Default, MergedObject)]
        pub struct Query(node::Query, $($name::Query),*);

        /// Everything that can be changed.
        #[derive(Default, MergedObject)]
        pub struct Mutation($($name::Mutation),*);

        /// Gives a request the loaders of all domains. They live as long as the request and read in its scope.
        pub fn loaders(request: Request, scope: &Arc<HospitalScope>) -> Request {
            $(let request = $name::loaders(request, scope);)*
            request
        }
    };
}

domains! {
    access, accounts, audit, hospitals, invitations, partner_keys, passwords, patients, restrictions, second_factors, sessions, staff,
    task_logs,
}

/// The schema of the API.
pub type ApiSchema = Schema<Query, Mutation, EmptySubscription>;

/// The schema, still without the services that its resolvers use.
pub fn schema() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription)
}

/// The queries or mutations of a domain that has none.
pub(crate) type Nothing = EmptyMutation;

/// The loaders of a domain that has none.
pub(crate) fn no_loaders(request: Request, _: &Arc<HospitalScope>) -> Request {
    request
}
