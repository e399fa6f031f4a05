//! What an administrator asks, over HTTP.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use patient_logger::kernel::{AuditEventId, Clock, PatientId, StaffId};
use serde_json::{Value, json};

use crate::Result;
use crate::server::Server;
use crate::trail::{PASSWORD, Trail};

/// How long the answers to a question took, shortest first.
pub(crate) struct Asked {
    pub(crate) name: &'static str,
    /// How many events an answer held, on average.
    pub(crate) found: f64,
    pub(crate) times: Vec<Duration>,
}

const SIGN_IN: &str = "mutation ($input: SignInInput!) { signIn(input: $input) { accessToken } }";
const HISTORY: &str =
    "query WhoSaw($id: ID!, $from: DateTime) { patient(id: $id) { accessHistory(from: $from, first: 100) {
    nodes { at action outcome operationName staff { name } address fields } pageInfo { hasNextPage endCursor } } } }";
const COUNTED: &str =
    "query WhoSaw($id: ID!) { patient(id: $id) { accessHistory(first: 100) { totalCount nodes { at } } } }";
const EVENTS: &str = "query Events($filter: AuditFilter) { auditEvents(filter: $filter, first: 50) {
    nodes { at action outcome operationName staff { name } fields patients { id } } pageInfo { hasNextPage endCursor } } }";
const PROOF: &str = "query Proof($id: ID!) { auditProof(id: $id) { leaf index path seal { no head } } }";

/// A client that has signed in.
struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Client {
    async fn ask(&self, query: &str, variables: &Value) -> Result<Value> {
        let mut request = self.http.post(&self.url).json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let mut answer: Value = request.send().await?.json().await?;
        match answer.get("errors") {
            None => Ok(answer["data"].take()),
            Some(errors) => Err(format!("{query} was answered: {errors}").into()),
        }
    }
}

/// Asks each question so often, each time about somebody else.
pub(crate) async fn ask(trail: &Trail, server: &Server, times: u32) -> Result<Vec<Asked>> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut client = Client { http, url: format!("http://{}/graphql", server.address), token: None };
    let input =
        json!({ "email": format!("admin@{}.example", trail.slug), "password": PASSWORD, "hospital": trail.slug });
    let data = client.ask(SIGN_IN, &json!({ "input": input })).await?;
    client.token = data["signIn"]["accessToken"].as_str().map(ToOwned::to_owned);

    let now = Clock::system().now();
    let ago = |days| text(now - chrono::Duration::days(days));
    let [day, month] = [ago(1), ago(30)];
    // Steps without a common divisor, so that neighbours are not asked about one after the other.
    let patient = |n: usize| PatientId(trail.patients[n * 7919 % trail.patients.len()]).to_string();
    let actor = |n: usize| StaffId(trail.staff[n % trail.staff.len()]).to_string();
    let event = |n: usize| AuditEventId(trail.some_events[n % trail.some_events.len()]).to_string();
    type Variables<'a> = Box<dyn Fn(usize) -> Value + 'a>;
    let questions: [(&str, &str, Variables<'_>); 9] = [
        ("who saw a patient, 1 day", HISTORY, Box::new(|n| json!({ "id": patient(n), "from": day }))),
        ("who saw a patient, 30 days", HISTORY, Box::new(|n| json!({ "id": patient(n), "from": month }))),
        ("who saw a patient ever, the newest 100", HISTORY, Box::new(|n| json!({ "id": patient(n) }))),
        ("who saw a patient ever, counted", COUNTED, Box::new(|n| json!({ "id": patient(n) }))),
        ("the newest 50 events", EVENTS, Box::new(|_| json!({ "filter": {} }))),
        ("what somebody did, the newest 50", EVENTS, Box::new(|n| json!({ "filter": { "actorId": actor(n) } }))),
        (
            "changes of 30 days, the newest 50",
            EVENTS,
            Box::new(|_| json!({ "filter": { "action": "CHANGE", "from": month } })),
        ),
        (
            "refusals of 30 days, the newest 50",
            EVENTS,
            Box::new(|_| json!({ "filter": { "outcome": "REFUSED", "from": month } })),
        ),
        ("a proof", PROOF, Box::new(|n| json!({ "id": event(n) }))),
    ];
    let mut all = Vec::new();
    for (name, query, variables) in questions {
        let (mut took, mut found) = (Vec::new(), 0);
        for n in 0..times as usize {
            let variables = variables(n);
            let began = Instant::now();
            let data = client.ask(query, &variables).await?;
            took.push(began.elapsed());
            found += count(&data).ok_or_else(|| format!("{name}: {data}"))?;
        }
        took.sort_unstable();
        all.push(Asked { name, found: found as f64 / f64::from(times), times: took });
    }
    Ok(all)
}

/// How many events an answer holds.
fn count(data: &Value) -> Option<u64> {
    if data["auditProof"]["leaf"].is_string() {
        return Some(1);
    }
    let list = data["patient"].get("accessHistory").unwrap_or(&data["auditEvents"]);
    list["totalCount"].as_u64().or_else(|| Some(list["nodes"].as_array()?.len() as u64))
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
