//! Medians of the rounds, as a table and as JSON.

use std::fmt::{self, Display};
use std::thread::available_parallelism;

use serde_json::{Value, json};

use crate::Args;
use crate::pgbench::Limit;
use crate::statements::Statement;
use crate::workloads::Workload;

/// What the server did under a load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    /// Requests in a second.
    pub(crate) per_second: f64,
    /// Half of the answers came within this time, in milliseconds.
    pub(crate) p50_ms: f64,
    /// All but one of a hundred came within this time, in milliseconds.
    pub(crate) p99_ms: f64,
    /// Processor time of the server for one request, in microseconds.
    pub(crate) server_us: Option<f64>,
    /// The same of PostgreSQL.
    pub(crate) postgres_us: Option<f64>,
    /// The same of this program, which makes the load.
    pub(crate) client_us: Option<f64>,
    /// What other programs took of all processors meanwhile, from 0 to 1: more than a little, and the times mean little.
    pub(crate) others: Option<f64>,
    /// Memory of the server afterwards, in megabytes.
    pub(crate) memory_mb: Option<f64>,
}

/// A workload with all that was measured of it.
pub(crate) struct Row<'a> {
    pub(crate) workload: &'a Workload,
    /// What the server sends to PostgreSQL for one request.
    pub(crate) statements: Vec<Statement>,
    pub(crate) rounds: Rounds,
}

/// One entry a round.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    /// The server.
    pub(crate) served: Vec<Served>,
    /// PostgreSQL by itself; empty for a workload without SQL.
    pub(crate) limits: Vec<Limit>,
    /// The server on the small database; empty for a workload that is not measured there.
    pub(crate) small: Vec<Served>,
}

impl Rounds {
    fn served(&self, figure: impl Fn(&Served) -> Option<f64>) -> Option<f64> {
        median(self.served.iter().filter_map(figure))
    }

    fn limit(&self, figure: impl Fn(&Limit) -> Option<f64>) -> Option<f64> {
        median(self.limits.iter().filter_map(figure))
    }

    fn small_p50_ms(&self) -> Option<f64> {
        median(self.small.iter().map(|small| small.p50_ms))
    }

    /// Requests of the server for each transaction of PostgreSQL by itself, in the same round.
    fn ratios(&self) -> impl Iterator<Item = f64> {
        self.served.iter().zip(&self.limits).map(|(served, limit)| served.per_second / limit.per_second)
    }

    fn of_limit(&self) -> Option<f64> {
        median(self.ratios())
    }

    /// The same by the processor time that one takes, all programs together: it holds also on a machine with other work.
    fn of_limit_by_time(&self) -> Option<f64> {
        let limit = self.limit(|limit| Some(limit.postgres_us? + limit.client_us?));
        let served = self.served(|served| Some(served.server_us? + served.postgres_us? + served.client_us?));
        Some(limit? / served?)
    }

    /// How much longer an answer takes than on the small database, in the same round.
    fn growth(&self) -> Option<f64> {
        median(self.served.iter().zip(&self.small).map(|(served, small)| served.p50_ms / small.p50_ms))
    }
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures.get(figures.len().checked_sub(1)? / 2)?, figures.get(figures.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// All results.
pub(crate) struct Report<'a> {
    args: &'a Args,
    about: String,
    rows: Vec<Row<'a>>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(args: &'a Args, site: String, rows: Vec<Row<'a>>) -> Self {
        let processors = available_parallelism().map_or(0, usize::from);
        let build = if cfg!(debug_assertions) { ", DEBUG BUILD" } else { "" };
        let about = format!("{site}, {processors} processors{build}");
        Self { args, about, rows }
    }

    /// The results for programs.
    pub(crate) fn json(&self) -> Value {
        let Args { task_logs, growth_from, connections, seconds, rounds, .. } = self.args;
        let row = |Row { workload, statements, rounds }: &Row<'_>| {
            json!({
                "name": workload.name,
                "about": workload.about,
                "document": workload.document,
                "requests_per_second": rounds.served(|served| Some(served.per_second)),
                "p50_ms": rounds.served(|served| Some(served.p50_ms)),
                "p99_ms": rounds.served(|served| Some(served.p99_ms)),
                "server_us": rounds.served(|served| served.server_us),
                "postgres_us": rounds.served(|served| served.postgres_us),
                "client_us": rounds.served(|served| served.client_us),
                "others": rounds.served(|served| served.others),
                "memory_mb": rounds.served(|served| served.memory_mb),
                "statements": statements.iter().map(|statement| &statement.sql).collect::<Vec<_>>(),
                "transactions": transactions(statements),
                "data_statements": data_statements(statements),
                "pgbench": (!rounds.limits.is_empty()).then(|| json!({
                    "transactions_per_second": rounds.limit(|limit| Some(limit.per_second)),
                    "mean_ms": rounds.limit(|limit| Some(limit.mean_ms)),
                    "postgres_us": rounds.limit(|limit| limit.postgres_us),
                    "client_us": rounds.limit(|limit| limit.client_us),
                })),
                "ratio_to_pgbench": rounds.of_limit(),
                "ratio_by_processor_time": rounds.of_limit_by_time(),
                "ratio_by_round": rounds.ratios().collect::<Vec<_>>(),
                "small_p50_ms": rounds.small_p50_ms(),
                "growth": rounds.growth(),
            })
        };
        json!({
            "about": self.about,
            "task_logs": task_logs,
            "growth_from": growth_from,
            "connections": connections,
            "seconds": seconds,
            "rounds": rounds,
            "workloads": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

fn transactions(statements: &[Statement]) -> usize {
    statements.iter().filter(|statement| statement.begins()).count()
}

fn data_statements(statements: &[Statement]) -> usize {
    statements.iter().filter(|statement| statement.has_data()).count()
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Args { task_logs, growth_from, connections, seconds, rounds, .. } = self.args;
        writeln!(
            f,
            "\n{task_logs} task logs, {}; {connections} connections, medians of {rounds} rounds of {seconds} s",
            self.about
        )?;
        writeln!(
            f,
            "\n                              ms           processor us a request    server    SQL a request   of pgbench, by"
        )?;
        writeln!(
            f,
            "          per second    p50    p99    server postgres  client        MB    snapshots, data    rate  time"
        )?;
        for Row { workload, statements, rounds } in &self.rows {
            let served = |figure: fn(&Served) -> Option<f64>| rounds.served(figure);
            writeln!(
                f,
                "{:<8} {:>11} {:>6} {:>6}   {:>7} {:>8} {:>7}   {:>7}   {:>9} {:>5} {:>7} {:>5}",
                workload.name,
                shown(served(|served| Some(served.per_second)), 0),
                shown(served(|served| Some(served.p50_ms)), 2),
                shown(served(|served| Some(served.p99_ms)), 2),
                shown(served(|served| served.server_us), 0),
                shown(served(|served| served.postgres_us), 0),
                shown(served(|served| served.client_us), 0),
                shown(served(|served| served.memory_mb), 0),
                transactions(statements),
                data_statements(statements),
                shown(rounds.of_limit(), 2),
                shown(rounds.of_limit_by_time(), 2),
            )?;
            if !rounds.limits.is_empty() {
                writeln!(
                    f,
                    " pgbench {:>11} {:>6} mean            {:>8} {:>7}",
                    shown(rounds.limit(|limit| Some(limit.per_second)), 0),
                    shown(rounds.limit(|limit| Some(limit.mean_ms)), 2),
                    shown(rounds.limit(|limit| limit.postgres_us), 0),
                    shown(rounds.limit(|limit| limit.client_us), 0),
                )?;
            }
        }
        let others = median(self.rows.iter().flat_map(|row| &row.rounds.served).filter_map(|served| served.others));
        let others = shown(others.map(|others| others * 100.0), 0);
        writeln!(f, "\nMeanwhile other programs took {others} % of the processors")?;
        for Row { workload, .. } in &self.rows {
            writeln!(f, "{} is {}", workload.name, workload.about)?;
        }
        for Row { workload, rounds, .. } in self.rows.iter().filter(|row| !row.rounds.small.is_empty()) {
            let (small, here, growth) =
                (rounds.small_p50_ms(), rounds.served(|served| Some(served.p50_ms)), rounds.growth());
            writeln!(
                f,
                "{}: p50 {} ms with {growth_from} task logs, {} ms with {task_logs}: {} times as long",
                workload.name,
                shown(small, 2),
                shown(here, 2),
                shown(growth, 2)
            )?;
        }
        Ok(())
    }
}

fn shown(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}
