//! The workloads: what is asked, how to tell that the answer is right, and the same in plain SQL.
//!
//! To add one: its line in [`WORKLOADS`], its SQL in `sql/`, and in `calls.rs` what it asks for, if that is not always the
//! same. Its answers must all be of one length for one call: that is how a wrong one among thousands is noticed.
//!
//! The SQL is the limit: what somebody would write who needs just these rows and columns and knows PostgreSQL, in one
//! transaction that enters the hospital. It does not follow the server's own statements, so that it stays the same measure
//! when those change. Before anything is measured, it is run and must find the rows that the answer holds.

use serde_json::Value;

use crate::Result;
use crate::calls::{self, Call, Source};

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
    pub(crate) calls: fn(&mut Source<'_>) -> Result<Vec<Call>>,
    /// Whether `data` of an answer is what was asked for.
    pub(crate) right: fn(&Value) -> bool,
    /// The same without the server; empty where the server needs no SQL.
    pub(crate) sql: &'static str,
    /// What it does to the database.
    pub(crate) effect: Effect,
}

/// What a workload does to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, and it leaves no event in the audit trail.
    None,
    /// It reads what belongs to patients, which is recorded unless the server is told not to.
    Reads,
    /// It adds rows, and an event with them.
    Writes,
}

/// The page that W1, W2, W3 and W7 ask for.
macro_rules! page {
    ($variables:literal, $arguments:literal) => {
        concat!(
            "query",
            $variables,
            " { taskLogs(first: 50",
            $arguments,
            ") { nodes { id taskType description completedAt ",
            "patient { id firstName lastName mrn } clinician { id name } } } }"
        )
    };
}

const NEWEST: &str = page!("", "");

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "W0",
        about: "nothing but a constant",
        document: "{ __typename }",
        calls: calls::plain,
        right: |data| data["__typename"] == "Query",
        sql: "",
        effect: Effect::None,
    },
    Workload {
        name: "W1",
        about: "the 50 newest task logs with patient and clinician",
        document: NEWEST,
        calls: calls::plain,
        right: full_page,
        sql: include_str!("sql/w1.sql"),
        effect: Effect::Reads,
    },
    Workload {
        name: "W2",
        about: "the same of one patient, of one type, in a span of time",
        document: page!(
            "($patient: ID!, $type: TaskType!, $from: DateTime!, $to: DateTime!)",
            ", filter: { patientIds: [$patient], taskTypes: [$type], completedAt: { from: $from, to: $to } }"
        ),
        calls: calls::spans,
        right: page,
        sql: include_str!("sql/w2.sql"),
        effect: Effect::Reads,
    },
    Workload {
        name: "W3",
        about: "the same 100,000 rows down the list, or half way in a shorter one",
        document: page!("($after: String!)", ", after: $after"),
        calls: calls::deep_pages,
        right: full_page,
        sql: include_str!("sql/w3.sql"),
        effect: Effect::Reads,
    },
    Workload {
        name: "W4",
        about: "a patient with the last 10 task logs",
        document: "query ($id: ID!) { patient(id: $id) { id firstName lastName mrn room \
                   taskLogs(first: 10) { nodes { id taskType description completedAt } } } }",
        calls: calls::busy_patients,
        right: |data| nodes(&data["patient"]["taskLogs"]).len() == 10,
        sql: include_str!("sql/w4.sql"),
        effect: Effect::Reads,
    },
    Workload {
        name: "W5",
        about: "a new task log, with a key that makes a retry safe",
        document: "mutation ($input: CreateTaskLogInput!) { createTaskLog(input: $input) { \
                   taskLog { id } userErrors { message } } }",
        calls: calls::new_logs,
        right: |data| data["createTaskLog"]["taskLog"]["id"].is_string(),
        sql: include_str!("sql/w5.sql"),
        effect: Effect::Writes,
    },
    Workload {
        name: "W6",
        about: "who am I",
        document: "{ viewer { id } }",
        calls: calls::plain,
        right: |data| data["viewer"]["id"].is_string(),
        sql: include_str!("sql/w6.sql"),
        effect: Effect::None,
    },
    Workload {
        name: "W7",
        about: "W1 in all hospitals by turns",
        document: NEWEST,
        calls: calls::every_hospital,
        right: full_page,
        sql: include_str!("sql/w1.sql"),
        effect: Effect::Reads,
    },
    Workload {
        name: "W8",
        about: "20 patients with their last 3 task logs each",
        document: "query ($after: String!) { patients(first: 20, after: $after) { nodes { id firstName lastName \
                   taskLogs(first: 3) { nodes { id taskType completedAt } } } } }",
        calls: calls::patient_pages,
        right: |data| {
            let patients = nodes(&data["patients"]);
            patients.len() == 20 && patients.iter().any(|patient| !nodes(&patient["taskLogs"]).is_empty())
        },
        sql: include_str!("sql/w8.sql"),
        effect: Effect::Reads,
    },
    Workload {
        name: "W9",
        about: "how many task logs of each type there were in 30 days",
        document: "query ($from: DateTime!, $to: DateTime!) { \
                   taskLogStats(groupBy: TASK_TYPE, filter: { completedAt: { from: $from, to: $to } }) { \
                   groups { taskType count } } }",
        calls: calls::months,
        right: |data| data["taskLogStats"]["groups"].as_array().is_some_and(|groups| !groups.is_empty()),
        sql: include_str!("sql/w9.sql"),
        effect: Effect::Reads,
    },
];

/// The workload of this name.
pub(crate) fn workload(name: &str) -> Result<&'static Workload> {
    let found = WORKLOADS.iter().find(|workload| workload.name == name);
    found.ok_or_else(|| {
        let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
        format!("there is no workload {name}; there are {}", names.join(", ")).into()
    })
}

fn page(data: &Value) -> bool {
    let logs = nodes(&data["taskLogs"]);
    let whole = |log: &Value| log["patient"]["mrn"].is_string() && log["clinician"]["name"].is_string();
    !logs.is_empty() && logs.iter().all(whole)
}

fn full_page(data: &Value) -> bool {
    page(data) && nodes(&data["taskLogs"]).len() == 50
}

/// The nodes of a connection.
pub(crate) fn nodes(connection: &Value) -> &[Value] {
    connection["nodes"].as_array().map_or(&[], Vec::as_slice)
}
