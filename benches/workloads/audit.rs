//! What recording reads costs: the same page from a server that records them and from one that does not, by turns.

use std::time::Duration;

use serde_json::json;

use crate::plan::Plan;
use crate::report::{Served, median};
use crate::server::Reads;
use crate::site::Site;
use crate::workloads::workload;
use crate::{Args, Result, write_json};

/// A measurement with reads recorded, and the one beside it without.
struct Pair {
    on: Served,
    off: Served,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let site = &mut Site::open(args.logs())?;
    site.serve(Reads::Unrecorded)?;
    site.serve(Reads::Recorded)?;
    let page = Plan::new(site, workload("W1")?)?;
    let full = pairs(site, args, &page, None)?;
    let rate = median(full.iter().map(|pair| pair.off.per_second)).unwrap_or_default() / 2.0;
    let half = pairs(site, args, &page, Some(rate))?;

    let shares: Vec<f64> = full.iter().map(|pair| pair.on.per_second / pair.off.per_second).collect();
    let share = median(shares.iter().copied()).unwrap_or_default();
    let growth: Vec<f64> = half.iter().map(|pair| pair.on.p99_ms - pair.off.p99_ms).collect();
    let grown = median(growth.iter().copied()).unwrap_or_default();
    let (logs, Args { connections, seconds, rounds, .. }) = (args.logs(), args);
    println!("\n{}, {logs} task logs, {}; {connections} connections,", page.workload.about, site.about);
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
    let results =
        json!({ "share": share, "shares": shares, "rate": rate, "p99_growth_ms": grown, "p99_growths_ms": growth });
    write_json(args, &results)
}

/// Every other pair begins with the other server: who comes second finds warmer caches.
fn pairs(site: &Site, args: &Args, page: &Plan, per_second: Option<f64>) -> Result<Vec<Pair>> {
    let duration = Duration::from_secs(args.seconds);
    let measure = |reads| site.measure(page, reads, args.connections, duration, per_second);
    let mut pairs = Vec::new();
    for round in 1..=args.rounds {
        eprintln!("Pair {round} of {}", args.rounds);
        let pair = if round % 2 == 1 {
            let on = measure(Reads::Recorded)?;
            Pair { on, off: measure(Reads::Unrecorded)? }
        } else {
            let off = measure(Reads::Unrecorded)?;
            Pair { on: measure(Reads::Recorded)?, off }
        };
        pairs.push(pair);
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
