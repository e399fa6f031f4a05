//! A workload's SQL without the server: what PostgreSQL itself can do.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::Result;
use crate::limit::Transaction;
use crate::process;
use crate::site::Site;

/// PostgreSQL's own benchmark program.
#[derive(Debug)]
pub(crate) struct Pgbench(PathBuf);

/// What PostgreSQL did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// Transactions in a second.
    pub(crate) per_second: f64,
    /// Mean time of one, in milliseconds.
    pub(crate) mean_ms: f64,
    /// Processor time of PostgreSQL for one, in microseconds.
    pub(crate) postgres_us: Option<f64>,
    /// The same of `pgbench`.
    pub(crate) client_us: Option<f64>,
}

impl Pgbench {
    /// The one beside the programs that the site's PostgreSQL runs from, or the one on the `PATH`.
    pub(crate) fn find(site: &Site) -> std::result::Result<Self, String> {
        let beside = site.program().map(|postgres| postgres.with_file_name("pgbench")).filter(|path| path.exists());
        let program = beside.unwrap_or_else(|| "pgbench".into());
        match Command::new(&program).arg("--version").output() {
            Ok(_) => Ok(Self(program)),
            Err(error) => Err(format!(
                "{} cannot be run: {error}. It comes with PostgreSQL (Debian: postgresql, Fedora: postgresql-contrib), but \
                 not with the one that Patient Logger downloads",
                program.display()
            )),
        }
    }

    /// Runs these transactions in turn of chance, over and over, from so many connections, as the role of the server.
    pub(crate) fn run(
        &self,
        site: &Site,
        transactions: &[Transaction],
        connections: u32,
        duration: Duration,
    ) -> Result<Limit> {
        let mut pgbench = Command::new(&self.0);
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=1"]);
        pgbench.arg(format!("--client={connections}")).arg(format!("--time={}", duration.as_secs()));
        for (number, transaction) in transactions.iter().enumerate() {
            let file = site.directory().join(format!("limit-{number}.sql"));
            let (script, values) = transaction.script(number);
            std::fs::write(&file, script)?;
            pgbench.arg("--file").arg(file).args(values.iter().map(|value| format!("--define={value}")));
        }
        let times =
            || [process::cpu_with_children(site.postmaster()), process::cpu_of_ended_children(std::process::id())];
        let before = times();
        let output = pgbench.arg(site.app_url()).output()?;
        // Until PostgreSQL has seen its processes for the connections end: it then counts their time as its own.
        std::thread::sleep(Duration::from_millis(200));
        let after = times();
        let text = String::from_utf8_lossy(&output.stdout);
        let number = |start: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(start))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        let numbers =
            (number("tps = "), number("latency average = "), number("number of transactions actually processed: "));
        match numbers {
            (Some(per_second), Some(mean_ms), Some(transactions)) if output.status.success() => {
                let micros =
                    |at: usize| Some(after[at]?.saturating_sub(before[at]?).as_secs_f64() * 1e6 / transactions);
                Ok(Limit { per_second, mean_ms, postgres_us: micros(0), client_us: micros(1) })
            }
            _ => Err(format!("pgbench failed: {text}{}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    }
}
