//! `patient-logger keys …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::CliError;
use crate::kernel::Clock;
use crate::keys::{Key, KeyFile, KeyRing, KeyUse};

#[derive(Args, Debug)]
pub(super) struct KeysArgs {
    /// The file with the keys. That of the private PostgreSQL is keys.json in DATA_DIR
    #[arg(long, env = "KEYS_FILE", global = true)]
    keys_file: Option<PathBuf>,
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Show the ids of the keys and what each is for
    List,
    /// Make the file with a key for each use
    Init,
    /// Add a key: from now on servers accept it, and none uses it
    Add {
        /// What it is for
        #[arg(value_enum)]
        key_use: UseArg,
    },
    /// Let a key sign or seal in place of the one that does now, which is still accepted
    Promote {
        /// Its id, or how it begins
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Remove a key that is not in use: what it signed or sealed is worth nothing from then on
    Retire {
        /// Its id, or how it begins
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Remove a sealing key: what is still sealed with it can never be read again
        #[arg(long)]
        nothing_is_sealed_with_it: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum UseArg {
    /// Signs access tokens
    Sig,
    /// Seals cursors and other values that only the servers read
    Enc,
}

pub(super) fn run(args: &KeysArgs) -> Result<(), CliError> {
    let path = args.keys_file.as_ref().ok_or_else(|| {
        CliError::Other(
            "KEYS_FILE is not set: name the file with --keys-file. That of the private PostgreSQL is keys.json in DATA_DIR"
                .into(),
        )
    })?;
    let file = KeyFile::new(path);
    let (ring, done) = match &args.command {
        KeysCommand::List => (file.read()?, None),
        KeysCommand::Init => {
            let done = format!("Made {}. Keep it secret, and give the same file to every server.", path.display());
            (file.init(Clock::system().now())?, Some(done))
        }
        KeysCommand::Add { key_use } => {
            let key = Key::random((*key_use).into(), Some(Clock::system().now()));
            let done = format!(
                "Added {}. Promote it when every server has it: a minute after the last of them has the file.",
                key.id()
            );
            (file.change(|ring| ring.with(key))?, Some(done))
        }
        KeysCommand::Promote { id } => {
            let done = "Promoted. Servers use it within seconds. Retire the old key when nothing of it is left: one that \
                        signs, an hour later at the earliest (the longest ACCESS_TOKEN_LIFETIME).";
            (file.change(|ring| ring.promoted(id))?, Some(done.to_owned()))
        }
        KeysCommand::Retire { id, nothing_is_sealed_with_it } => {
            let seals = file.read()?.find(id).is_ok_and(|key| key.key_use() == KeyUse::Seal);
            if seals && !nothing_is_sealed_with_it {
                return Err(CliError::Other(format!(
                    "{id} is a sealing key, which may go only when nothing is sealed with it any more: cursors that \
                     clients keep stop working, and secrets in the database that it sealed are lost. If that is so, say \
                     --nothing-is-sealed-with-it"
                )));
            }
            (file.change(|ring| ring.without(id))?, Some("Retired.".to_owned()))
        }
    };
    if let Some(done) = done {
        println!("{done}\n");
    }
    print!("{}", table(&ring));
    Ok(())
}

/// The keys, a line each.
fn table(ring: &KeyRing) -> String {
    let line = |key: &Key| {
        let state = match (ring.is_first(key), key.key_use()) {
            (true, KeyUse::Sign) => "signs",
            (true, KeyUse::Seal) => "seals",
            (false, _) => "accepted",
        };
        let made = key.made_at().map_or("?".to_owned(), |time| time.format("%Y-%m-%d %H:%M UTC").to_string());
        format!("{:<4} {:<9} {:<43} made {made}\n", key.key_use().as_str(), state, key.id())
    };
    ring.keys().iter().map(line).collect()
}

impl From<UseArg> for KeyUse {
    fn from(arg: UseArg) -> Self {
        match arg {
            UseArg::Sig => Self::Sign,
            UseArg::Enc => Self::Seal,
        }
    }
}
