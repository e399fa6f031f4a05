//! Whether time grows with the table: the same pages of a small database and of a large one, by turns.

use serde_json::json;

use crate::plan::Plan;
use crate::report::{Served, machine, median};
use crate::server::Reads;
use crate::site::Site;
use crate::workloads::workload;
use crate::{Args, Result, write_json};

/// What a table shows of a measurement.
type Figure = fn(&Served) -> Option<f64>;

/// Task logs of the small database.
const SMALL: u32 = 10_000;
/// What should take the same time in both.
const PAGES: [&str; 3] = ["W1", "W3", "W4"];

/// A page in one of the databases, one entry a round.
struct Measured {
    plan: Plan,
    served: Vec<Served>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut sites = [Site::open(SMALL)?, Site::open(args.logs())?];
    let mut pages = Vec::new();
    for site in &mut sites {
        site.serve(Reads::Unrecorded)?;
    }
    for name in PAGES {
        let mut in_both = Vec::new();
        for site in &mut sites {
            in_both.push(Measured { plan: Plan::new(site, workload(name)?)?, served: Vec::new() });
        }
        pages.push(in_both);
    }
    for round in 1..=args.rounds {
        eprintln!("Round {round} of {}", args.rounds);
        for in_both in &mut pages {
            let mut turns: Vec<_> = in_both.iter_mut().zip(&sites).collect();
            if round % 2 == 0 {
                turns.reverse();
            }
            for (page, site) in turns {
                page.served.push(site.measure(
                    &page.plan,
                    Reads::Unrecorded,
                    args.connections,
                    args.duration(),
                    None,
                )?);
            }
        }
    }
    report(args, &sites[0].about, &pages)
}

fn report(args: &Args, about: &str, pages: &[Vec<Measured>]) -> Result<()> {
    let Args { connections, seconds, rounds, .. } = args;
    let logs = args.logs();
    println!("\n{SMALL} and {logs} task logs, {about}, {}", machine());
    println!("{connections} connections, medians of {rounds} rounds of {seconds} s\n");
    println!("    {:>26}   {:>26}   {:>26}", "p50 ms", "a second", "us of server and postgres");
    println!("    {0}   {0}   {0}", format!("{SMALL:>8} {logs:>10}   ratio"));
    let mut results = Vec::new();
    for in_both in pages {
        let [small, large] = [&in_both[0], &in_both[1]];
        let name = small.plan.workload.name;
        let figures: [(&str, Figure); 3] = [
            ("p50_ms", |served| Some(served.p50_ms)),
            ("requests_per_second", |served| Some(served.per_second)),
            ("processor_us", |served| Some(served.server_us? + served.postgres_us?)),
        ];
        print!("{name}  ");
        let mut result = json!({ "name": name });
        for (figure, of) in figures {
            let [here, there] =
                [small, large].map(|page| median(page.served.iter().filter_map(of)).unwrap_or(f64::NAN));
            let in_round = |(small, large)| Some(of(large)? / of(small)?);
            let ratio = median(small.served.iter().zip(&large.served).filter_map(in_round)).unwrap_or(f64::NAN);
            print!("  {here:>8.2} {there:>10.2} {ratio:>7.2}");
            result[figure] = json!({ "small": here, "large": there, "ratio": ratio });
        }
        println!();
        results.push(result);
    }
    let all = json!({ "logs": [SMALL, logs], "connections": connections, "seconds": seconds, "rounds": rounds, "pages": results });
    write_json(args, &all)
}
