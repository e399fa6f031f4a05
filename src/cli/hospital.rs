//! `patient-logger hospital …`.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};

use super::{CliError, runtime};
use crate::auth::{PasswordRule, Passwords};
use crate::config::StoreSettings;
use crate::database::{self, Direction, Store};
use crate::kernel::Clock;
use crate::seed::{self, NewHospital};

#[derive(Debug, Subcommand)]
pub(super) enum HospitalCommand {
    /// Onboard a hospital with its first administrator
    Create(CreateArgs),
}

#[derive(Args, Debug)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    store: StoreSettings,
    /// Short name for signing in: lower-case letters, digits and hyphens
    #[arg(long)]
    slug: String,
    /// Display name
    #[arg(long)]
    name: String,
    /// Time zone from the IANA database, such as Europe/London
    #[arg(long)]
    time_zone: String,
    /// Name of the first administrator
    #[arg(long)]
    admin_name: String,
    /// E-mail address of the first administrator
    #[arg(long)]
    admin_email: String,
    /// Password of the first administrator, 15 to 128 characters [default: read from standard input]
    #[arg(long, env = "ADMIN_PASSWORD", hide_env_values = true)]
    admin_password: Option<String>,
}

pub(super) fn run(command: &HospitalCommand) -> Result<(), CliError> {
    let HospitalCommand::Create(args) = command;
    let password = match &args.admin_password {
        Some(password) => password.clone(),
        None => read_password()?,
    };
    let words = vec![args.name.clone(), args.admin_name.clone(), args.admin_email.clone()];
    let rule = PasswordRule { beside_factor: false, words };
    let passwords = Passwords::new();
    runtime()?
        .block_on(passwords.check(&password, rule))?
        .map_err(|problem| CliError::Other(problem.message("the password").trim_end_matches('.').to_owned()))?;
    let store = Store::open(&args.store)?;
    let onboarded = runtime()?.block_on(async {
        database::migrate(store.owner_url()?, Direction::Up).await?;
        let new = NewHospital {
            slug: args.slug.clone(),
            name: args.name.clone(),
            time_zone: args.time_zone.clone(),
            admin_name: args.admin_name.clone(),
            admin_email: args.admin_email.clone(),
            password_hash: passwords.hash(&password).await?,
        };
        Ok::<_, CliError>(seed::create_hospital(store.owner_url()?, &new, Clock::system().now()).await?)
    })?;
    println!("{} is onboarded: hospital \"{}\", {}.", args.name, args.slug, onboarded.hospital_id);
    if onboarded.account_existed {
        println!("{} had an account already and keeps its password.", args.admin_email);
    }
    Ok(())
}

fn read_password() -> Result<String, CliError> {
    if std::io::stdin().is_terminal() {
        print!("Password of the first administrator (it will be shown): ");
        std::io::stdout().flush().map_err(|error| CliError::Other(error.to_string()))?;
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| CliError::Other(error.to_string()))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
