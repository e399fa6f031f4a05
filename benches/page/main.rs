//! How fast the API answers, beside PostgreSQL itself.
//!
//! ```text
//! cargo bench --bench page -- [--task-logs 1000000] [--connections 16] [--seconds 10] [--rounds 3] [--json FILE]
//! ```
//!
//! Makes a database of that many task logs (once; it stays under `target/`), starts the server on it as a process of its
//! own, and measures each workload from so many connections that each send the next request when they have the answer.
//! Then it lets `pgbench` run the very statements that the server sends for that workload, and does it all again, round by
//! round: what disturbs the machine disturbs both. Nothing is asserted: it prints the medians of the rounds.
//!
//! Settings of the server are taken from the environment, as always: `DATABASE_POOL_SIZE=4 cargo bench --bench page`.
//!
//! With `--audit` it measures something else: the page W1 with reads recorded in the audit trail and without, by turns, on
//! two servers of one database; first as fast as the connections can, then at half of what they could without.
//!
//! | file | holds |
//! |---|---|
//! | `audit.rs` | what recording reads costs |
//! | `workloads.rs` | the table of workloads: add one there |
//! | `site.rs` | a database of some size, with a server on it |
//! | `server.rs` | a server as a process of its own |
//! | `load.rs` | the load: HTTP from many connections |
//! | `statements.rs` | what SQL the server sends, read from PostgreSQL's log |
//! | `pgbench.rs` | the same SQL without the server |
//! | `process.rs` | processor time and memory of processes |
//! | `report.rs` | medians, the table, JSON |

mod audit;
mod load;
mod pgbench;
mod process;
mod report;
mod server;
mod site;
mod statements;
mod workloads;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use pgbench::{Limit, Pgbench};
use report::{Report, Rounds, Row};
use site::Site;
use workloads::WORKLOADS;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures the server beside PostgreSQL itself.
#[derive(Debug, Parser)]
struct Args {
    /// Task logs in the database
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    task_logs: u32,
    /// Task logs in a second, smaller database, for the question whether time grows with the table. 0: no such question
    #[arg(long, default_value_t = 10_000)]
    growth_from: u32,
    /// Clients that send at the same time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Length of one measurement
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Measurements of each kind; the table shows their median
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only these workloads, such as W1,W4
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// Measure what recording reads costs, instead
    #[arg(long)]
    audit: bool,
    /// Also write the results to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Cargo says so when this is to run as a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if !args.bench {
        println!("A benchmark: run it with `cargo bench --bench page`.");
        return ExitCode::SUCCESS;
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let wanted = |name: &str| args.workloads.is_empty() || args.workloads.iter().any(|wanted| wanted == name);
    let workloads: Vec<_> = WORKLOADS.iter().filter(|workload| wanted(workload.name)).collect();
    if workloads.is_empty() {
        let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
        return Err(format!("there is no such workload; there are {}", names.join(", ")).into());
    }
    let mut site = Site::open(args.task_logs)?;
    if args.audit {
        return audit::run(&mut site, args);
    }
    let mut small = (args.growth_from > 0).then(|| Site::open(args.growth_from)).transpose()?;
    let pgbench = Pgbench::find(&site);
    if let Err(reason) = &pgbench {
        eprintln!("Without a limit to compare with: {reason}");
    }

    let statements = site.statements(&workloads)?;
    let row = |(workload, statements)| Row { workload, statements, rounds: Rounds::default() };
    let mut rows: Vec<_> = workloads.into_iter().zip(statements).map(row).collect();
    site.serve()?;
    if let Some(small) = &mut small {
        small.serve()?;
    }

    let duration = Duration::from_secs(args.seconds);
    for round in 1..=args.rounds {
        for Row { workload, statements, rounds } in &mut rows {
            eprintln!("Round {round} of {}: {}", args.rounds, workload.name);
            let served = site.measure(workload, args.connections, duration, None)?;
            rounds.limits.extend(limit(&pgbench, &site, statements, args, duration)?);
            if let Some(small) = small.as_mut().filter(|_| workload.growth) {
                rounds.small.push(small.measure(workload, args.connections, duration, None)?);
            }
            rounds.served.push(served);
        }
    }

    let report = Report::new(args, site.about(), rows);
    println!("{report}");
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&report.json())?)?;
    }
    Ok(())
}

/// What PostgreSQL itself does with the statements of a workload; nothing without statements, or without `pgbench`.
fn limit(
    pgbench: &std::result::Result<Pgbench, String>,
    site: &Site,
    statements: &[statements::Statement],
    args: &Args,
    duration: Duration,
) -> Result<Option<Limit>> {
    match pgbench {
        Ok(pgbench) if !statements.is_empty() => Ok(Some(pgbench.run(site, statements, args.connections, duration)?)),
        _ => Ok(None),
    }
}
