//! What recording reads costs: the same page from a server that records them and from one that does not, by turns.

use std::time::Duration;

use serde_json::json;

use crate::report::{Served, median};
use crate::site::Site;
use crate::workloads::{WORKLOADS, Workload};
use crate::{Args, Result};

/// A measurement with reads recorded, and the one beside it without.
struct Pair {
    on: Served,
    off: Served,
}

pub(crate) fn run(site: &mut Site, args: &Args) -> Result<()> {
    let page = WORKLOADS.iter().find(|workload| workload.name == "W1").ok_or("W1 is gone")?;
    site.serve()?;
    site.serve_unrecorded()?;
    let full = pairs(site, args, page, None)?;
    let rate = median(full.iter().map(|pair| pair.off.per_second)).unwrap_or_default() / 2.0;
    let half = pairs(site, args, page, Some(rate))?;

    let shares: Vec<f64> = full.iter().map(|pair| pair.on.per_second / pair.off.per_second).collect();
    let share = median(shares.iter().copied()).unwrap_or_default();
    let growth: Vec<f64> = half.iter().map(|pair| pair.on.p99_ms - pair.off.p99_ms).collect();
    let grown = median(growth.iter().copied()).unwrap_or_default();
    let Args { task_logs, connections, seconds, rounds, .. } = args;
    println!("\n{}, {task_logs} task logs, {}; {connections} connections,", page.about, site.about());
    println!("medians of {rounds} pairs of {seconds} s\n");
    println!("                       per second    p50 ms    p99 ms    server us    postgres us");
    for (what, pairs) in [("as fast as it goes", &full), ("half of that, off", &half)] {
        for (reads, served) in [("off", pick(pairs, |pair| pair.off)), ("on", pick(pairs, |pair| pair.on))] {
            let [per_second, p50, p99, server, postgres] = served;
            println!("{what:<18} {reads:<3} {per_second:>11.0} {p50:>9.2} {p99:>9.2} {server:>12.0} {postgres:>14.0}");
        }
    }
    println!("\nWith reads recorded: {share:.3} of the requests a second ({})", list(&shares));
    println!("At {rate:.0} a second: p99 grows by {grown:.2} ms ({})", list(&growth));
    if let Some(path) = &args.json {
        let result =
            json!({ "share": share, "shares": shares, "rate": rate, "p99_growth_ms": grown, "p99_growths_ms": growth });
        std::fs::write(path, serde_json::to_string_pretty(&result)?)?;
    }
    Ok(())
}

/// Every other pair begins with the other server: who comes second finds warmer caches.
fn pairs(site: &mut Site, args: &Args, page: &Workload, per_second: Option<f64>) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for round in 1..=args.rounds {
        eprintln!("Pair {round} of {}", args.rounds);
        let mut measure = |recorded: bool| {
            if !recorded {
                site.change_servers();
            }
            let served = site.measure(page, args.connections, Duration::from_secs(args.seconds), per_second);
            if !recorded {
                site.change_servers();
            }
            served
        };
        let first = measure(round % 2 == 1)?;
        let second = measure(round % 2 == 0)?;
        let (on, off) = if round % 2 == 1 { (first, second) } else { (second, first) };
        pairs.push(Pair { on, off });
    }
    Ok(pairs)
}

fn pick(pairs: &[Pair], of: impl Fn(&Pair) -> Served) -> [f64; 5] {
    let figure = |figure: fn(Served) -> Option<f64>| {
        median(pairs.iter().filter_map(|pair| figure(of(pair)))).unwrap_or(f64::NAN)
    };
    [
        figure(|served| Some(served.per_second)),
        figure(|served| Some(served.p50_ms)),
        figure(|served| Some(served.p99_ms)),
        figure(|served| served.server_us),
        figure(|served| served.postgres_us),
    ]
}

fn list(figures: &[f64]) -> String {
    figures.iter().map(|figure| format!("{figure:.2}")).collect::<Vec<_>>().join(" ")
}
