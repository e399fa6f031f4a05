//! The limit of a workload: its SQL with the values of each call, proved to find what the server answers.

use std::collections::BTreeSet;

use sea_orm::sqlx::postgres::{PgConnection, PgRow};
use sea_orm::sqlx::{self, AssertSqlSafe, Column, Row, types::Uuid};
use serde_json::Value;

use crate::Result;
use crate::calls::uuid;

/// The SQL of a workload, with the values of one call.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    sql: &'static str,
    values: Vec<(&'static str, String)>,
}

/// A name that stands for another number each time.
const NUMBER: &str = "number";
/// Numbers are below this one: in hexadecimal they have at most 12 digits.
const NUMBERS: u64 = 1 << 47;

impl Transaction {
    /// Values that the SQL does not name do no harm.
    pub(crate) fn new(sql: &'static str, values: Vec<(&'static str, String)>) -> Self {
        Self { sql, values }
    }

    /// The script for `pgbench`, and its variables as `name=value`. All scripts share one list of variables, so the names
    /// end with the number of the script.
    ///
    /// The values stay parameters of prepared statements, as they are in the server: PostgreSQL plans both alike.
    pub(crate) fn script(&self, script: usize) -> (String, Vec<String>) {
        let sql = named(self.sql, |name| match name {
            NUMBER => format!(":{NUMBER}"),
            name => format!(":{name}_{script}"),
        });
        let numbered = if self.sql.contains(&format!(":{NUMBER}")) {
            format!("\\set {NUMBER} random(1, {})\n{sql}", NUMBERS - 1)
        } else {
            sql
        };
        (numbered, self.values.iter().map(|(name, value)| format!("{name}_{script}={value}")).collect())
    }

    /// Runs it once and says which rows it found, as [`shown`] does.
    pub(crate) async fn run(&self, app: &mut PgConnection) -> Result<BTreeSet<String>> {
        let number = (Uuid::new_v4().as_u64_pair().0 % NUMBERS).to_string();
        let sql = named(self.sql, |name| {
            let value = self.values.iter().find(|(one, _)| *one == name).map_or(&number, |(_, value)| value);
            format!("'{}'", value.replace('\'', "''"))
        });
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(app).await?;
        Ok(rows.iter().filter_map(found).collect())
    }
}

/// The rows that an answer holds: by their ids, or, where they have none, by all their values.
pub(crate) fn shown(data: &Value) -> Result<BTreeSet<String>> {
    let mut rows = BTreeSet::new();
    let mut rest = vec![data];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(members) => {
                rest.extend(members.values());
                if let Some(id) = members.get("id") {
                    rows.insert(uuid(id)?.to_string());
                } else if members.values().all(|value| value.is_string() || value.is_number()) {
                    rows.insert(joined(members.values().map(|value| value.to_string().trim_matches('"').to_owned())));
                }
            }
            _ => {}
        }
    }
    Ok(rows)
}

/// The same of a row. One with a single column other than an id says how a statement went.
fn found(row: &PgRow) -> Option<String> {
    let value = |at: usize| row.try_get_raw(at).ok()?.as_str().ok();
    match row.columns().iter().position(|column| column.name() == "id") {
        Some(id) => value(id).map(str::to_owned),
        None if row.columns().len() > 1 => {
            Some(joined((0..row.columns().len()).map(|at| value(at).unwrap_or_default().to_owned())))
        }
        None => None,
    }
}

fn joined(values: impl Iterator<Item = String>) -> String {
    let mut values: Vec<String> = values.collect();
    values.sort_unstable();
    values.join(" ")
}

/// The text with each `:name` replaced, and without lines of comment.
fn named(sql: &str, replaced: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    let mut rest: &str = &sql.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    while let Some((before, after)) = rest.split_once(':') {
        text.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        if let Some(cast) = after.strip_prefix(':') {
            text.push_str("::");
            rest = cast;
        } else {
            text.push_str(&replaced(&after[..end]));
            rest = &after[end..];
        }
    }
    text + rest + "\n"
}
