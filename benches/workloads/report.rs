//! Medians of the rounds, as a table and as JSON.

use std::fmt::{self, Display};
use std::thread::available_parallelism;

use serde_json::{Value, json};

use crate::Args;
use crate::pgbench::Limit;
use crate::plan::Plan;
use crate::process;
use crate::site::Site;

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

/// A workload with all that was measured of it, one entry a round.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) plan: Plan,
    /// The server that does not record reads.
    pub(crate) unrecorded: Vec<Served>,
    /// The one that does.
    pub(crate) recorded: Vec<Served>,
    /// PostgreSQL by itself.
    pub(crate) limits: Vec<Limit>,
}

impl Row {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, unrecorded: Vec::new(), recorded: Vec::new(), limits: Vec::new() }
    }

    fn limit(&self, figure: impl Fn(&Limit) -> Option<f64>) -> Option<f64> {
        median(self.limits.iter().filter_map(figure))
    }

    /// The two servers, as far as they were measured.
    fn servers(&self) -> impl Iterator<Item = (&'static str, Side<'_>)> {
        let side = |served| Side { served, limits: &self.limits };
        let servers = [("off", side(&self.unrecorded)), ("on", side(&self.recorded))];
        servers.into_iter().filter(|(_, side)| !side.served.is_empty())
    }
}

/// One of the servers beside the limit.
struct Side<'a> {
    served: &'a [Served],
    limits: &'a [Limit],
}

impl Side<'_> {
    fn figure(&self, figure: impl Fn(&Served) -> Option<f64>) -> Option<f64> {
        median(self.served.iter().filter_map(figure))
    }

    /// Requests of the server for each transaction of PostgreSQL by itself, in the same round.
    fn ratios(&self) -> impl Iterator<Item = f64> {
        self.served.iter().zip(self.limits).map(|(served, limit)| served.per_second / limit.per_second)
    }

    /// The same by the processor time that one takes, all programs together: it holds also on a machine with other work.
    fn ratio_by_time(&self) -> Option<f64> {
        let limit = median(self.limits.iter().filter_map(|limit| Some(limit.postgres_us? + limit.client_us?)));
        let served = self.figure(|served| Some(served.server_us? + served.postgres_us? + served.client_us?));
        Some(limit? / served?)
    }

    fn spread(&self) -> Option<f64> {
        self.figure(|served| Some(served.p99_ms / served.p50_ms))
    }

    fn json(&self) -> Value {
        json!({
            "requests_per_second": self.figure(|served| Some(served.per_second)),
            "p50_ms": self.figure(|served| Some(served.p50_ms)),
            "p99_ms": self.figure(|served| Some(served.p99_ms)),
            "p99_by_p50": self.spread(),
            "server_us": self.figure(|served| served.server_us),
            "postgres_us": self.figure(|served| served.postgres_us),
            "load_us": self.figure(|served| served.client_us),
            "memory_mb": self.figure(|served| served.memory_mb),
            "others": self.figure(|served| served.others),
            "ratio": median(self.ratios()),
            "ratio_by_processor_time": self.ratio_by_time(),
            "ratio_by_round": self.ratios().collect::<Vec<_>>(),
            "requests_per_second_by_round": self.served.iter().map(|served| served.per_second).collect::<Vec<_>>(),
        })
    }
}

/// The machine in words.
pub(crate) fn machine() -> String {
    let build = if cfg!(debug_assertions) { ", DEBUG BUILD" } else { "" };
    let processors = available_parallelism().map_or(0, usize::from);
    let model = process::model().map(|model| format!(" ({model})")).unwrap_or_default();
    format!("{processors} processors{model}{build}")
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
    rows: Vec<Row>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(args: &'a Args, site: &Site, rows: Vec<Row>) -> Self {
        let about = format!("{} hospitals, {}, {}", site.hospitals().len(), site.about, machine());
        Self { args, about, rows }
    }

    /// The results for programs.
    pub(crate) fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "name": row.plan.workload.name,
                "about": row.plan.workload.about,
                "document": row.plan.workload.document,
                "sql": row.plan.workload.sql,
                "reads": row.servers().map(|(reads, side)| (reads.to_owned(), side.json())).collect::<serde_json::Map<_, _>>(),
                "limit": (!row.limits.is_empty()).then(|| json!({
                    "transactions_per_second": row.limit(|limit| Some(limit.per_second)),
                    "mean_ms": row.limit(|limit| Some(limit.mean_ms)),
                    "postgres_us": row.limit(|limit| limit.postgres_us),
                    "pgbench_us": row.limit(|limit| limit.client_us),
                    "transactions_per_second_by_round":
                        row.limits.iter().map(|limit| limit.per_second).collect::<Vec<_>>(),
                })),
            })
        };
        let Args { connections, seconds, rounds, .. } = self.args;
        json!({
            "about": self.about,
            "logs": self.args.logs(),
            "connections": connections,
            "seconds": seconds,
            "rounds": rounds,
            "workloads": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Args { connections, seconds, rounds, .. } = self.args;
        writeln!(f, "\n{} task logs, {}", self.args.logs(), self.about)?;
        writeln!(f, "{connections} connections, medians of {rounds} rounds of {seconds} s\n")?;
        writeln!(f, "          a second  ms: p50     p99  p99/p50  us: server  postgres   load   MB  of limit  by us")?;
        for row in &self.rows {
            let name = row.plan.workload.name;
            for (reads, side) in row.servers() {
                let figure = |figure: fn(&Served) -> Option<f64>, digits| shown(side.figure(figure), digits);
                writeln!(
                    f,
                    "{name} {reads:<5} {:>9} {:>8} {:>7} {:>8} {:>11} {:>9} {:>6} {:>4} {:>9} {:>6}",
                    figure(|served| Some(served.per_second), 0),
                    figure(|served| Some(served.p50_ms), 2),
                    figure(|served| Some(served.p99_ms), 2),
                    shown(side.spread(), 1),
                    figure(|served| served.server_us, 0),
                    figure(|served| served.postgres_us, 0),
                    figure(|served| served.client_us, 0),
                    figure(|served| served.memory_mb, 0),
                    shown(median(side.ratios()), 2),
                    shown(side.ratio_by_time(), 2),
                )?;
            }
            if !row.limits.is_empty() {
                writeln!(
                    f,
                    "{name} limit {:>9} {:>8} {:>7} {:>8} {:>11} {:>9} {:>6}",
                    shown(row.limit(|limit| Some(limit.per_second)), 0),
                    shown(row.limit(|limit| Some(limit.mean_ms)), 2),
                    "mean",
                    "",
                    "",
                    shown(row.limit(|limit| limit.postgres_us), 0),
                    shown(row.limit(|limit| limit.client_us), 0),
                )?;
            }
        }
        writeln!(
            f,
            "\noff, on: whether reads are recorded in the audit trail. limit: the same rows by pgbench, without the server."
        )?;
        writeln!(
            f,
            "us: processor time of one request. by us: that of the limit to all of it, which other programs disturb less."
        )?;
        for row in &self.rows {
            writeln!(f, "{}: {}", row.plan.workload.name, row.plan.workload.about)?;
        }
        let served = self.rows.iter().flat_map(|row| row.unrecorded.iter().chain(&row.recorded));
        let others = median(served.filter_map(|served| served.others)).map(|others| others * 100.0);
        write!(f, "Meanwhile other programs took {} % of the processors.", shown(others, 0))
    }
}

fn shown(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}
