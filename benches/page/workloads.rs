//! The workloads: what is asked, and how to tell that the answer is right.
//!
//! To add one: its line in [`WORKLOADS`], and, if it needs to know something about the data, a member of [`Facts`] that
//! `site.rs` finds out. Its answers must all be of one length: that is how a wrong one among thousands is noticed. Its
//! SQL is read from PostgreSQL's log, so `pgbench` needs no help.

use serde_json::{Value, json};

/// One kind of request.
#[derive(Debug)]
pub(crate) struct Workload {
    /// Short name.
    pub(crate) name: &'static str,
    /// What it asks, in words.
    pub(crate) about: &'static str,
    /// The GraphQL document.
    pub(crate) document: &'static str,
    /// Who sends it with which variables: the calls of one connection, in turn.
    pub(crate) calls: fn(&Facts) -> Vec<Call>,
    /// Whether `data` of an answer is what was asked for.
    pub(crate) right: fn(&Value) -> bool,
    /// Whether it is also measured on the small database.
    pub(crate) growth: bool,
}

/// One request, but for its document.
#[derive(Debug)]
pub(crate) struct Call {
    /// Which of the hospitals' tokens it carries.
    pub(crate) hospital: usize,
    /// The variables.
    pub(crate) variables: Value,
}

/// What calls need to know about the data.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// A patient of the first hospital with at least ten task logs, the one whose last is the most recent.
    pub(crate) patient: String,
}

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "W0",
        about: "nothing but a constant",
        document: "{ __typename }",
        calls: |_| one(json!({})),
        right: |data| data["__typename"] == "Query",
        growth: false,
    },
    Workload {
        name: "W1",
        about: "the 50 newest logs with patient and clinician",
        document: "{ taskLogs(first: 50) { nodes { id taskType description completedAt \
                   patient { id firstName lastName mrn } clinician { id name } } } }",
        calls: |_| one(json!({})),
        right: |data| {
            let logs = nodes(&data["taskLogs"]);
            logs.len() == 50
                && logs.iter().all(|log| log["patient"]["mrn"].is_string() && log["clinician"]["name"].is_string())
        },
        growth: true,
    },
    Workload {
        name: "W4",
        about: "a patient with the last 10 logs",
        document: "query ($id: ID!) { patient(id: $id) { id firstName lastName mrn room \
                   taskLogs(first: 10) { nodes { id taskType description completedAt } } } }",
        calls: |facts| one(json!({ "id": facts.patient })),
        right: |data| nodes(&data["patient"]["taskLogs"]).len() == 10,
        growth: true,
    },
    Workload {
        name: "W6",
        about: "who am I",
        document: "{ viewer { id } }",
        calls: |_| one(json!({})),
        right: |data| data["viewer"]["id"].is_string(),
        growth: false,
    },
];

/// The same call each time, in the first hospital.
fn one(variables: Value) -> Vec<Call> {
    vec![Call { hospital: 0, variables }]
}

fn nodes(connection: &Value) -> &[Value] {
    connection["nodes"].as_array().map_or(&[], Vec::as_slice)
}
