//! `patient-logger audit …`.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Subcommand};

use super::{CliError, runtime};
use crate::audit::{Heads, Trail, YEARS_KEPT};
use crate::config::StoreSettings;
use crate::database::{self, Store};
use crate::kernel::Clock;
use crate::keys::{KeyFile, KeyRing};

/// Findings that are told one by one.
const TOLD: u64 = 1_000;
/// The `typ` of signed heads.
const SIGNED: &str = "audit-heads";

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Compute every hash of the trail again, and name what was changed, deleted, added or cut off
    Verify(VerifyArgs),
    /// Print the newest head of each hospital's chain, to be kept where nobody of the database can write
    Heads(HeadsArgs),
    /// Print the trail as lines of JSON, as src/audit/format.md describes them
    Export(HospitalArgs),
    /// Drop the events of months that ended long enough ago; the chain stays verifiable
    Retain(RetainArgs),
}

#[derive(Args, Debug)]
pub(super) struct HospitalArgs {
    #[command(flatten)]
    store: StoreSettings,
    /// Only this hospital, by slug or id
    #[arg(long)]
    hospital: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct HeadsArgs {
    #[command(flatten)]
    which: HospitalArgs,
    /// Sign them with the key that signs access tokens, as a JSON Web Signature
    #[arg(long)]
    sign: bool,
    /// The file with the keys [default: keys.json in DATA_DIR]
    #[arg(long, env = "KEYS_FILE")]
    keys_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    which: HospitalArgs,
    /// The file with the keys, to read signed heads [default: keys.json in DATA_DIR]
    #[arg(long, env = "KEYS_FILE")]
    keys_file: Option<PathBuf>,
    /// What `audit heads` printed before, one or many times: shows a chain that was cut off or made anew
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct RetainArgs {
    #[command(flatten)]
    store: StoreSettings,
    /// Years to keep, at least the six that 45 CFR 164.316(b)(2) demands
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(YEARS_KEPT)..=100))]
    years: u32,
}

pub(super) fn run(command: &AuditCommand) -> Result<(), CliError> {
    match command {
        AuditCommand::Verify(args) => {
            let keys = || keys(args.keys_file.as_ref(), &args.which.store);
            let kept = args.heads.as_deref().map(|path| read_heads(path, keys)).transpose()?;
            with_trail(&args.which.store, async |trail| {
                verify(trail, args.which.hospital.as_deref(), kept.as_ref()).await
            })
        }
        AuditCommand::Heads(args) => with_trail(&args.which.store, async |trail| {
            let hospitals = trail.hospitals(args.which.hospital.as_deref()).await?;
            let heads = trail.heads(&hospitals).await?;
            let failed = |error: &dyn std::fmt::Display| CliError::Other(error.to_string());
            let line = match args.sign {
                true => keys(args.keys_file.as_ref(), &args.which.store)?.sign(SIGNED, &heads).map_err(|e| failed(&e)),
                false => serde_json::to_string(&heads).map_err(|e| failed(&e)),
            };
            println!("{}", line?);
            Ok(())
        }),
        AuditCommand::Export(args) => with_trail(&args.store, async |trail| {
            let hospitals = trail.hospitals(args.hospital.as_deref()).await?;
            Ok(trail.export(&hospitals, &mut BufWriter::new(std::io::stdout())).await?)
        }),
        AuditCommand::Retain(args) => with_trail(&args.store, async |trail| {
            let gone = trail.retain(args.years, Clock::system().now()).await?;
            for month in &gone {
                println!("The events of {} are dropped.", month.format("%Y-%m"));
            }
            if gone.is_empty() {
                println!("No month is older than {} years.", args.years);
            }
            Ok(())
        }),
    }
}

/// Opens the trail of a database that is migrated already: looking at it changes nothing.
fn with_trail(
    settings: &StoreSettings,
    work: impl AsyncFnOnce(&mut Trail) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let store = Store::open(settings)?;
    runtime()?.block_on(async {
        let owner_url = store.owner_url()?;
        let open = || database::connect_owner(owner_url, "patient-logger audit");
        let mut trail = Trail::new(open().await?, open().await?);
        work(&mut trail).await
    })
}

async fn verify(trail: &mut Trail, hospital: Option<&str>, kept: Option<&Heads>) -> Result<(), CliError> {
    let hospitals = trail.hospitals(hospital).await?;
    let started = Instant::now();
    let mut told = 0;
    let kept = kept.map_or(&[][..], |heads| &heads.heads);
    let verified = trail.verify(&hospitals, kept, Clock::system().now(), |finding| {
        told += 1;
        if told <= TOLD {
            println!("{finding}");
        }
    });
    let verified = verified.await?;
    if told > TOLD {
        println!("… and {} more", told - TOLD);
    }
    let summary = format!(
        "{} events and {} seals of {} hospital(s) in {:.1} s",
        verified.events,
        verified.seals,
        hospitals.len(),
        started.elapsed().as_secs_f64()
    );
    if verified.findings == 0 {
        println!("The audit trail is whole: {summary}.");
        return Ok(());
    }
    Err(CliError::Other(format!("the audit trail is not as it was: {} finding(s) in {summary}", verified.findings)))
}

fn keys(file: Option<&PathBuf>, store: &StoreSettings) -> Result<KeyRing, CliError> {
    let file = file.cloned().unwrap_or_else(|| store.data_dir().join("keys.json"));
    Ok(KeyFile::new(file).read()?)
}

fn read_heads(path: &Path, keys: impl Fn() -> Result<KeyRing, CliError>) -> Result<Heads, CliError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::Other(format!("the heads in {name} cannot be read: {error}")))?;
    let signed = |line: &str| {
        let ring = keys().map_err(|error| error.to_string())?;
        ring.signed(SIGNED, line).map_err(|error| error.to_string())
    };
    Ok(Heads::read(&name, &text, signed)?)
}
