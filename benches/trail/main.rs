//! How fast a long audit trail is verified and asked.
//!
//! ```text
//! cargo bench --bench trail -- [--events 1000000] [--questions 200] [--keep] [--json FILE]
//! ```
//!
//! Makes a database with so many events over ten months, written, sealed and posted by the functions that the server
//! calls. Then it runs `patient-logger audit verify` on all of it, starts the server, and asks an administrator's questions over
//! HTTP, one at a time. Nothing is asserted: it prints how long everything took, and removes the database.
//!
//! | file | holds |
//! |---|---|
//! | `trail.rs` | the database and its trail |
//! | `questions.rs` | the questions: add one there |

mod questions;
#[expect(dead_code, reason = "the other bench asks for more")]
#[path = "../workloads/server.rs"]
mod server;
mod trail;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use clap::Parser;
use patient_logger::kernel::Clock;
use patient_logger::keys::KeyFile;
use serde_json::{Value, json};

use questions::Asked;
use server::{Reads, Server};
use trail::Trail;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures a long audit trail.
#[derive(Debug, Parser)]
struct Args {
    /// Events in the trail
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    events: u32,
    /// Events of one seal, about
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    sealed_at_once: u32,
    /// How often each question is asked
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    questions: u32,
    /// Leave the database under target/ for another run
    #[arg(long)]
    keep: bool,
    /// Also write the results to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Cargo says so when this is to run as a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// How long the trail takes to verify.
struct Verified {
    took: Duration,
    /// What the command says.
    says: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if !args.bench {
        println!("A benchmark: run it with `cargo bench --bench trail`.");
        return ExitCode::SUCCESS;
    }
    match tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(run(&args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<()> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trail-{}", args.events));
    let trail = Trail::open(&directory, args.events, args.sealed_at_once).await?;
    let verified = verify(&trail, &directory)?;
    let keys = directory.join("keys.json");
    KeyFile::new(&keys).read_or_init(Clock::system().now())?;
    let server = Server::start(&trail.app_url(), &keys, Reads::Recorded)?;
    let asked = questions::ask(&trail, &server, args.questions).await?;
    drop(server);
    let about = trail.about().await?;
    drop(trail);
    if !args.keep {
        std::fs::remove_dir_all(&directory)?;
    }
    print(args, &about, &verified, &asked);
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&as_json(args, &about, &verified, &asked))?)?;
    }
    Ok(())
}

fn verify(trail: &Trail, directory: &Path) -> Result<Verified> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patient-logger"));
    command.args(["audit", "verify"]).env("DATA_DIR", directory);
    command.env("DATABASE_URL", trail.app_url()).env("DATABASE_OWNER_URL", trail.owner_url());
    let began = Instant::now();
    let output = command.output()?;
    let took = began.elapsed();
    let says = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() {
        return Err(format!("{says}\n{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(Verified { took, says })
}

impl Verified {
    fn per_second(&self, events: u32) -> f64 {
        f64::from(events) / self.took.as_secs_f64()
    }
}

fn print(args: &Args, about: &str, verified: &Verified, asked: &[Asked]) {
    let processors = available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { ", DEBUG BUILD" } else { "" };
    println!("\n{} events, {about}, {processors} processors{build}", args.events);
    println!(
        "\naudit verify: {:.1} s, {:.0} events a second",
        verified.took.as_secs_f64(),
        verified.per_second(args.events)
    );
    println!("  {}", verified.says);
    println!("\n{:<44} {:>8} {:>10} {:>10}   medians and the slowest of a hundred", "question", "events", "p50", "p99");
    for Asked { name, found, times } in asked {
        let [p50, p99] = [50, 99].map(|part| milliseconds(times, part));
        println!("{name:<44} {found:>8.1} {p50:>7.1} ms {p99:>7.1} ms");
    }
}

fn as_json(args: &Args, about: &str, verified: &Verified, asked: &[Asked]) -> Value {
    let question = |Asked { name, found, times }: &Asked| {
        json!({ "name": name, "events_found": found, "p50_ms": milliseconds(times, 50), "p99_ms": milliseconds(times, 99),
            "slowest_ms": milliseconds(times, 100) })
    };
    json!({
        "about": about,
        "events": args.events,
        "debug": cfg!(debug_assertions),
        "verify_seconds": verified.took.as_secs_f64(),
        "verified_per_second": verified.per_second(args.events),
        "questions": asked.iter().map(question).collect::<Vec<_>>(),
    })
}

/// The time within which this share of the answers came; the times are in order.
fn milliseconds(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3
}
