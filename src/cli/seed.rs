//! `patient-logger seed`.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{CliError, runtime};
use crate::auth::Passwords;
use crate::config::StoreSettings;
use crate::database::{self, Direction, Store};
use crate::kernel::Clock;
use crate::seed::{self, SeedPlan};

/// What to make up.
#[derive(Args, Debug)]
pub(super) struct SeedArgs {
    #[command(flatten)]
    store: StoreSettings,
    /// Hospitals to add
    #[arg(long, default_value_t = 10)]
    hospitals: u32,
    /// Members of staff, in all hospitals together
    #[arg(long, default_value_t = 500)]
    staff: u32,
    /// Patients, in all hospitals together
    #[arg(long, default_value_t = 20_000)]
    patients: u32,
    /// Task logs, in all hospitals together
    #[arg(long, default_value_t = 100_000)]
    task_logs: u32,
    /// The number that the data is made up from: the same number, the same data
    #[arg(long, default_value_t = 1)]
    number: u64,
    /// Password of everybody who is made up
    #[arg(long, env = "SEED_PASSWORD", hide_env_values = true, default_value = "seed-only-password")]
    password: String,
}

pub(super) fn run(args: &SeedArgs) -> Result<(), CliError> {
    let store = Store::open(&args.store)?;
    let plan = SeedPlan {
        hospitals: args.hospitals,
        staff: args.staff,
        patients: args.patients,
        task_logs: args.task_logs,
        number: args.number,
        now: Clock::system().now(),
    };
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let started = std::time::Instant::now();
    let seeded = runtime()?.block_on(async {
        database::migrate(store.owner_url()?, Direction::Up).await?;
        let password_hash = Passwords::new().hash(&args.password).await?;
        let seeded = seed::seed(store.owner_url()?, &plan, &password_hash, |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        Ok::<_, CliError>(seeded.await?)
    })?;
    bar.finish_and_clear();
    println!(
        "Added {} rows in {:.1} s. In each hospital an administrator and a clinician can sign in:",
        seeded.rows,
        started.elapsed().as_secs_f64()
    );
    for hospital in &seeded.hospitals {
        println!("  {:<28} admin@{slug}.example, clinician@{slug}.example", hospital.name, slug = hospital.slug);
    }
    Ok(())
}
