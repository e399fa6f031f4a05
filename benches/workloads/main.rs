//! How fast the API answers, beside PostgreSQL itself.
//!
//! ```text
//! cargo bench --bench workloads -- [--logs 1000000] [--connections 16] [--seconds 10] [--rounds 3] [--only W1,W5]
//!     [--reads both] [--json FILE]
//! ```
//!
//! Makes a database of ten hospitals with that many task logs (once; it stays under `target/`), starts servers on it as
//! processes of their own, and measures each workload from so many connections that each send the next request when they
//! have the answer: on a server that does not record reads in the audit trail, and on one that does. Between them `pgbench`
//! runs a plain transaction that finds the same rows, as the same role. Then all of it again, round by round: what disturbs
//! the machine disturbs all. Nothing is asserted but that the answers are right: it prints the medians of the rounds.
//!
//! The load, the server and PostgreSQL share the machine, as `pgbench` and PostgreSQL do; what the load itself takes of the
//! processors is printed too. Settings of the server are taken from the environment, as always:
//! `DATABASE_POOL_SIZE=4 cargo bench --bench workloads`.
//!
//! Three other questions have runs of their own:
//! - `--flatness`: whether W1, W3 and W4 take longer with five million task logs than with ten thousand;
//! - `--audit`: what recording reads costs W1, also at half of what the server can do;
//! - `--flood`: what one hospital notices when another one asks for W1 from many connections.
//!
//! | file | holds |
//! |---|---|
//! | `workloads.rs`, `sql/` | the table of workloads, and the limit of each: add one there |
//! | `calls.rs` | what a workload asks for |
//! | `limit.rs` | the SQL with its values |
//! | `plan.rs` | a workload made ready: calls, SQL, and the proof that both find the same |
//! | `site.rs`, `server.rs` | a database of some size, with servers on it |
//! | `load.rs` | the load: HTTP from many connections |
//! | `pgbench.rs` | the SQL without the server |
//! | `process.rs` | processor time and memory of processes |
//! | `report.rs` | medians, the table, JSON |
//! | `flatness.rs`, `audit.rs`, `flood.rs` | the three other questions |

mod audit;
mod calls;
mod flatness;
mod flood;
mod limit;
mod load;
mod pgbench;
mod plan;
mod process;
mod report;
mod server;
mod site;
mod workloads;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use pgbench::Pgbench;
use plan::Plan;
use report::{Report, Row};
use server::Reads;
use site::Site;
use workloads::{Effect, WORKLOADS, workload};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures the server beside PostgreSQL itself.
#[derive(Debug, Parser)]
struct Args {
    /// Task logs in the database; of the larger one with --flatness [default: 1000000, with --flatness 5000000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(10_000..))]
    logs: Option<u32>,
    /// Clients that send at the same time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Length of one measurement
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Measurements of each kind; the table shows their median
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only these workloads, such as W1,W5
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["flatness", "audit", "flood"])]
    only: Vec<String>,
    /// Whether the server records reads in the audit trail
    #[arg(long, default_value = "both", conflicts_with_all = ["flatness", "audit"])]
    reads: Recording,
    /// Measure how a small database compares with a large one, instead
    #[arg(long, conflicts_with_all = ["audit", "flood"])]
    flatness: bool,
    /// Measure what recording reads costs, instead
    #[arg(long, conflicts_with = "flood")]
    audit: bool,
    /// Measure what a hospital notices of another one's crowd, instead
    #[arg(long)]
    flood: bool,
    /// Also write the results to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Cargo says so when this is to run as a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// Which servers are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Recording {
    /// The one that does not record reads
    Off,
    /// The one that does
    On,
    /// Both
    Both,
}

impl Recording {
    /// Only where reads are recorded do the two servers differ.
    fn wants(self, reads: Reads, effect: Effect) -> bool {
        match reads {
            Reads::Recorded => self != Self::Off && effect == Effect::Reads,
            Reads::Unrecorded => self != Self::On || effect != Effect::Reads,
        }
    }
}

impl Args {
    fn logs(&self) -> u32 {
        self.logs.unwrap_or(if self.flatness { 5_000_000 } else { 1_000_000 })
    }

    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if !args.bench {
        println!("A benchmark: run it with `cargo bench --bench workloads`.");
        return ExitCode::SUCCESS;
    }
    let done = match &args {
        args if args.flatness => flatness::run(args),
        args if args.audit => audit::run(args),
        args if args.flood => flood::run(args),
        args => run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let workloads: Vec<_> = match args.only.is_empty() {
        true => WORKLOADS.iter().collect(),
        false => args.only.iter().map(|name| workload(name)).collect::<Result<_>>()?,
    };
    let mut site = Site::open(args.logs())?;
    let pgbench = Pgbench::find(&site);
    if let Err(reason) = &pgbench {
        eprintln!("Without a limit to compare with: {reason}");
    }
    site.serve(Reads::Unrecorded)?;
    if args.reads != Recording::Off {
        site.serve(Reads::Recorded)?;
    }
    let mut rows = Vec::new();
    for workload in workloads {
        rows.push(Row::new(Plan::new(&mut site, workload)?));
    }
    for round in 1..=args.rounds {
        for row in &mut rows {
            eprintln!("Round {round} of {}: {}", args.rounds, row.plan.workload.name);
            measure(row, &mut site, pgbench.as_ref().ok(), args, round % 2 == 0)?;
        }
    }
    let report = Report::new(args, &site, rows);
    println!("{report}");
    write_json(args, &report.json())
}

/// One round of a workload. The limit is measured between the servers; every other round goes the other way, as who comes
/// later finds warmer caches.
fn measure(row: &mut Row, site: &mut Site, pgbench: Option<&Pgbench>, args: &Args, backwards: bool) -> Result<()> {
    let mut turns = [Some(Reads::Unrecorded), None, Some(Reads::Recorded)];
    if backwards {
        turns.reverse();
    }
    let Row { plan, unrecorded, recorded, limits } = row;
    for turn in turns {
        match turn {
            Some(reads) if args.reads.wants(reads, plan.workload.effect) => {
                let served = site.measure(plan, reads, args.connections, args.duration(), None)?;
                if reads == Reads::Recorded { &mut *recorded } else { &mut *unrecorded }.push(served);
            }
            None if !plan.transactions.is_empty() => {
                let run = |pgbench: &Pgbench| pgbench.run(site, &plan.transactions, args.connections, args.duration());
                limits.extend(pgbench.map(run).transpose()?);
            }
            _ => {}
        }
    }
    if row.plan.workload.effect == Effect::Writes {
        site.remove_new()?;
    }
    Ok(())
}

fn write_json(args: &Args, results: &serde_json::Value) -> Result<()> {
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(results)?)?;
    }
    Ok(())
}
