//! What one hospital notices when another one floods the server: the same page with and without the flood, by turns.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::load::{self, Pressed, Shot};
use crate::plan::Plan;
use crate::report::{machine, median};
use crate::server::Reads;
use crate::site::Site;
use crate::workloads::workload;
use crate::{Args, Recording, Result, write_json};

/// Connections of the flood, which `--connections` does not change: this is what the figure is about.
const FLOOD: u32 = 32;
/// More than anybody has a use for.
const CROWD: u32 = 512;
/// An ordinary load, from all hospitals: nobody may be turned away.
const ORDINARY: u32 = 64;
/// How long a flood goes on before anything is measured.
const RISING: Duration = Duration::from_secs(1);

/// Who is measured: two clients that ask at a steady pace, or one that asks again as soon as it has the answer.
const CALM: [(&str, u32, Option<f64>); 2] =
    [("two clients, 60 a second", 2, Some(60.0)), ("one client, no pause", 1, None)];

/// A load from a thread of its own.
struct Flood {
    stop: Arc<AtomicBool>,
    began: Instant,
    thread: JoinHandle<std::result::Result<Pressed, String>>,
}

impl Flood {
    fn start(address: SocketAddr, shots: &[Shot], connections: u32) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let (seen, shots) = (stop.clone(), shots.to_vec());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            runtime.block_on(load::press(address, &shots, connections, &seen)).map_err(|error| error.to_string())
        });
        std::thread::sleep(RISING);
        Self { stop, began: Instant::now() - RISING, thread }
    }

    /// Ends it; the rates of answers and of refusals in a second.
    fn end(self) -> Result<[f64; 2]> {
        self.stop.store(true, Ordering::Relaxed);
        let Pressed { answered, shed } = self.thread.join().map_err(|_| "the flood panicked")??;
        let seconds = self.began.elapsed().as_secs_f64();
        Ok([answered, shed].map(|count| count as f64 / seconds))
    }
}

/// A time that is measured by turns.
#[derive(Default)]
struct Pair {
    alone_ms: Vec<f64>,
    beside_ms: Vec<f64>,
    flood: Vec<[f64; 2]>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let reads = if args.reads == Recording::Off { Reads::Unrecorded } else { Reads::Recorded };
    let site = &mut Site::open(args.logs())?;
    site.serve(Reads::Unrecorded)?;
    if reads == Reads::Recorded {
        site.serve(reads)?;
    }
    let plan = Plan::new(site, workload("W7")?)?;
    let (address, shots) = site.stage(&plan, reads)?;
    let [one, other, ..] = &shots[..] else { return Err("there are too few hospitals".into()) };
    let (one, other) = (std::slice::from_ref(one), std::slice::from_ref(other));
    let calm = |(_, clients, pace)| site.fire((address, other), clients, args.duration(), pace);

    let mut pairs = CALM.map(|_| Pair::default());
    for (turn, pair) in (1..=args.rounds).flat_map(|round| (0..CALM.len()).map(move |of| (round, of))) {
        eprintln!("Round {turn} of {}: {}", args.rounds, CALM[pair].0);
        let (who, pair) = (CALM[pair], &mut pairs[pair]);
        pair.alone_ms.push(calm(who)?.percentile(95));
        let flood = Flood::start(address, one, FLOOD);
        let beside = calm(who);
        pair.flood.push(flood.end()?);
        pair.beside_ms.push(beside?.percentile(95));
    }
    eprintln!("{CROWD} connections");
    let before = site.memory(reads)?;
    let crowd = Flood::start(address, one, CROWD);
    let mut most = before;
    for _ in 0..args.seconds * 10 {
        std::thread::sleep(Duration::from_millis(100));
        most = most.max(site.memory(reads)?);
    }
    let [answered, shed] = crowd.end()?;
    // An answer with another status than 200 would end this with an error.
    let ordinary = site.fire((address, &shots), ORDINARY, args.duration(), None)?;

    let Args { seconds, rounds, .. } = args;
    println!("\n{} task logs, {}, {}", args.logs(), site.about, machine());
    println!("{}; medians of {rounds} rounds of {seconds} s; the flood has {FLOOD} connections\n", plan.workload.about);
    println!(
        "                             p95 ms alone   beside a flood   ratio    the flood gets a second    and is shed"
    );
    let mut results = Vec::new();
    for ((who, ..), pair) in CALM.iter().zip(&pairs) {
        let ratios: Vec<f64> =
            pair.beside_ms.iter().zip(&pair.alone_ms).map(|(beside, alone)| beside / alone).collect();
        let [alone, beside, ratio] =
            [&pair.alone_ms, &pair.beside_ms, &ratios].map(|of| median(of.iter().copied()).unwrap_or(f64::NAN));
        let [gets, is_shed] = [0, 1].map(|at| median(pair.flood.iter().map(|rates| rates[at])).unwrap_or(f64::NAN));
        println!("{who:<28} {alone:>12.2} {beside:>16.2} {ratio:>7.2} {gets:>26.0} {is_shed:>14.0}");
        results.push(json!({ "who": who, "alone_ms": pair.alone_ms, "beside_ms": pair.beside_ms, "ratios": ratios }));
    }
    println!(
        "\n{CROWD} connections of one hospital: {answered:.0} answered a second, {shed:.0} shed; memory {before:.0} MB before, \
         {most:.0} MB at most"
    );
    let rate = ordinary.micros.len() as f64 / ordinary.elapsed.as_secs_f64();
    println!("{ORDINARY} connections of all hospitals: {rate:.0} answered a second, none shed");
    write_json(
        args,
        &json!({ "calm": results, "crowd": { "answered": answered, "shed": shed, "memory_mb": [before, most] }, "ordinary": rate }),
    )
}
