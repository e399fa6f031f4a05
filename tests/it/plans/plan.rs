use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::TestDatabase;

/// Tables of which a hospital has few rows: its staff, and what there is one of.
const SMALL: [&str; 4] = ["staff", "hospitals", "accounts", "audit_state"];

/// The plans of the statements that this thread sends to PostgreSQL, as they were carried out.
pub struct Plans {
    notices: Notices,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Notices(Arc<Mutex<Vec<u8>>>);

impl io::Write for Notices {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Notices {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Plans {
    /// Makes PostgreSQL tell the plans to each new connection of a database, which plans with the values of parameters or, when
    /// `generic`, for any.
    pub async fn told(database: &TestDatabase, generic: bool) {
        let mode = if generic { "force_generic_plan" } else { "force_custom_plan" };
        for (name, value) in [
            ("session_preload_libraries", "auto_explain"),
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_analyze", "on"),
            ("auto_explain.log_timing", "off"),
            ("auto_explain.log_format", "json"),
            ("auto_explain.log_level", "notice"),
            ("plan_cache_mode", mode),
        ] {
            database.set(name, value).await;
        }
    }

    /// Listens from now on.
    pub fn listen() -> Self {
        let notices = Notices::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_env_filter("sqlx::postgres::notice=info")
            .with_writer(notices.clone());
        Self { notices, _guard: tracing::subscriber::set_default(subscriber.finish()) }
    }

    /// What was heard since the last time.
    pub fn take(&self) -> Vec<Plan> {
        let heard = String::from_utf8(std::mem::take(&mut *self.notices.0.lock().unwrap())).unwrap();
        let messages = heard.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        messages
            .filter_map(|line| {
                let (_, plan) = line["fields"]["message"].as_str()?.split_once("plan:\n")?;
                Some(Plan(serde_json::from_str(plan).unwrap()))
            })
            .collect()
    }
}

/// A statement and how it was carried out.
#[derive(Debug)]
pub struct Plan(Value);

/// What a statement read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Rows of the tables, also those that did not fit.
    pub rows: u64,
    /// The most rows that were sorted at once.
    pub sorted: u64,
    /// Whether a large table was read from one end to the other.
    pub whole_table: bool,
}

impl Plan {
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(&self.0).unwrap()
    }

    pub fn work(&self) -> Work {
        let mut work = Work::default();
        add(&self.0["Plan"], &mut work);
        work
    }
}

fn add(node: &Value, work: &mut Work) {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    // PostgreSQL gives averages of the loops.
    let all = |rows: f64| (rows * number("Actual Loops")).ceil() as u64;
    let children = node["Plans"].as_array().map_or(&[][..], Vec::as_slice);
    let kind = node["Node Type"].as_str().unwrap();
    if let Some(table) = node["Relation Name"].as_str() {
        work.rows += all(number("Actual Rows")
            + number("Rows Removed by Filter")
            + number("Rows Removed by Index Recheck")
            + number("Rows Removed by Join Filter"));
        work.whole_table |= kind == "Seq Scan" && !SMALL.contains(&table) && number("Actual Loops") > 0.0;
    }
    if kind.contains("Sort") {
        let input = &children[0];
        work.sorted = work.sorted.max(input["Actual Rows"].as_f64().unwrap_or_default().ceil() as u64);
    }
    children.iter().for_each(|child| add(child, work));
}
