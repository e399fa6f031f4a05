//! The command line: what the program can be told to do.

mod audit;
mod documents;
mod files;
mod hospital;
mod keys;
mod seed;
mod serve;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app;
use crate::audit::TrailError;
use crate::config::{LogFormat, LogSettings, ServeSettings, StoreSettings};
use crate::database::{self, Direction, Store, StoreError};
use crate::error::AppError;
use crate::keys::KeyFileError;
use crate::seed::SeedError;
use crate::tenancy::NotSafe;

/// A multi-hospital clinical task log behind one GraphQL API.
///
/// Without a command it serves. Without DATABASE_URL it starts a private PostgreSQL with demo data.
#[derive(Debug, Parser)]
#[command(name = "patient-logger", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeSettings,
    #[command(flatten)]
    log: LogSettings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (what happens without a command)
    Serve(Box<ServeSettings>),
    /// Bring the database to this version's schema, as its owner
    Migrate(MigrateArgs),
    /// Add hospitals with made-up data, as the owner of the database
    Seed(seed::SeedArgs),
    /// Print the GraphQL schema, as in schema.graphql
    Schema,
    /// Manage hospitals, as the owner of the database
    Hospital {
        #[command(subcommand)]
        command: hospital::HospitalCommand,
    },
    /// Verify, export and retire the audit trail, as the owner of the database
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// Manage the documents that servers with DOCUMENTS=registered serve, as the owner of the database
    Documents {
        #[command(subcommand)]
        command: documents::DocumentsCommand,
    },
    /// Make and change the keys that sign access tokens and seal cursors
    Keys(keys::KeysArgs),
}

#[derive(Args, Debug)]
struct MigrateArgs {
    #[command(flatten)]
    store: StoreSettings,
    /// Undo this many migrations instead. What their tables held is gone
    #[arg(long, value_name = "STEPS")]
    down: Option<u32>,
}

/// Why the program ends early. The message is for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// No database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A database that must not be used.
    #[error(transparent)]
    NotSafe(#[from] NotSafe),
    /// No keys.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The audit trail cannot be read.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// Data could not be written.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The schema of the API is faulty.
    #[error(transparent)]
    Schema(#[from] app::SchemaFaults),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        Self::Other(error.message().to_owned())
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(message) = start_logging(&cli.log) {
        eprintln!("error: {message}");
        return ExitCode::from(2);
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), CliError> {
    match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(settings)) => serve::run(&settings),
        Some(Command::Migrate(args)) => {
            let store = Store::open(&args.store)?;
            let direction = args.down.map_or(Direction::Up, Direction::Down);
            runtime()?.block_on(database::migrate(store.owner_url()?, direction))?;
            println!("The database is migrated.");
            Ok(())
        }
        Some(Command::Seed(args)) => seed::run(&args),
        Some(Command::Schema) => {
            print!("{}", app::sdl());
            Ok(())
        }
        Some(Command::Hospital { command }) => hospital::run(&command),
        Some(Command::Audit { command }) => audit::run(&command),
        Some(Command::Documents { command }) => documents::run(&command),
        Some(Command::Keys(args)) => keys::run(&args),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| CliError::Other(format!("the program cannot start its threads: {error}")))
}

fn start_logging(settings: &LogSettings) -> Result<(), String> {
    let filter = tracing_subscriber::EnvFilter::try_new(&settings.log).map_err(|error| {
        format!("LOG=\"{}\" is not a filter such as info or patient_logger=debug: {error}", settings.log)
    })?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => subscriber.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}
