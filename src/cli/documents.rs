//! `patient-logger documents …`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{CliError, runtime};
use crate::app;
use crate::config::StoreSettings;
use crate::database::{self, Direction, Store};
use crate::domains::documents::DocumentHash;
use crate::kernel::Clock;
use crate::seed::{self, NewDocument};

#[derive(Debug, Subcommand)]
pub(super) enum DocumentsCommand {
    /// Register documents, after checking all of them against this version's schema. Servers serve them within seconds
    Register(RegisterArgs),
    /// Show the hash and the operations of each registered document
    List(ListArgs),
    /// Remove a document. With DOCUMENTS=registered, servers refuse it within seconds
    Remove(RemoveArgs),
}

#[derive(Args, Debug)]
pub(super) struct RegisterArgs {
    #[command(flatten)]
    store: StoreSettings,
    /// Files with GraphQL documents (.graphql, .gql), directories with such files, and manifests of documents by their
    /// SHA-256 (.json) as graphql-codegen, Relay and Apollo write them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    store: StoreSettings,
}

#[derive(Args, Debug)]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    store: StoreSettings,
    /// The hashes, or how they begin
    #[arg(required = true)]
    hashes: Vec<String>,
}

/// A document, and where it stands.
struct Found {
    place: String,
    text: String,
    /// What a manifest says that its hash is.
    key: Option<String>,
}

pub(super) fn run(command: &DocumentsCommand) -> Result<(), CliError> {
    match command {
        DocumentsCommand::Register(args) => register(args),
        DocumentsCommand::List(args) => with_owner(&args.store, async |owner_url| {
            for document in seed::registered_documents(owner_url).await? {
                let time = document.registered_at.format("%Y-%m-%d %H:%M UTC");
                println!("{}  {time}  {}", document.hash, document.operations);
            }
            Ok(())
        }),
        DocumentsCommand::Remove(args) => with_owner(&args.store, async |owner_url| {
            for hash in &args.hashes {
                if !seed::remove_document(owner_url, hash).await? {
                    return Err(CliError::Other(format!(
                        "not exactly one registered document has a hash that begins with \"{hash}\"; `patient-logger documents \
                         list` shows them"
                    )));
                }
                println!("Removed {hash}.");
            }
            Ok(())
        }),
    }
}

fn register(args: &RegisterArgs) -> Result<(), CliError> {
    let mut found = Vec::new();
    for path in &args.paths {
        collect(path, true, &mut found)?;
    }
    if found.is_empty() {
        return Err(CliError::Other("there is no .graphql or .gql file in these directories".into()));
    }
    let (new, faults) = runtime()?.block_on(check(found))?;
    if !faults.is_empty() {
        return Err(CliError::Other(format!("nothing is registered, because of this:\n{}", faults.join("\n"))));
    }
    with_owner(&args.store, async |owner_url| {
        let added = seed::register_documents(owner_url, &new, Clock::system().now()).await?;
        println!("Registered {added} of {} documents; the others were registered before.", new.len());
        Ok(())
    })
}

fn with_owner(store: &StoreSettings, work: impl AsyncFnOnce(&str) -> Result<(), CliError>) -> Result<(), CliError> {
    let store = Store::open(store)?;
    runtime()?.block_on(async {
        database::migrate(store.owner_url()?, Direction::Up).await?;
        work(store.owner_url()?).await
    })
}

/// The documents that can be registered, and what is wrong with the others.
async fn check(found: Vec<Found>) -> Result<(Vec<NewDocument>, Vec<String>), CliError> {
    let checker = app::checker()?;
    let (mut new, mut faults) = (Vec::new(), Vec::new());
    for Found { place, text, key } in found {
        let hash = DocumentHash::of(&text);
        if key.is_some_and(|key| DocumentHash::parse(key.strip_prefix("sha256:").unwrap_or(&key)) != Some(hash)) {
            faults.push(format!(
                "{place}: its key is not the SHA-256 of its text. Let the tool write SHA-256: `hashAlgorithm: 'sha256'` for \
                 graphql-codegen, `\"algorithm\": \"SHA256\"` for Relay"
            ));
            continue;
        }
        match checker.check(&text).await {
            Ok(operations) => {
                let operations = operations.into_iter().map(|name| name.unwrap_or_else(|| "(no name)".into()));
                let operations = operations.collect::<Vec<_>>().join(", ");
                new.push(NewDocument { hash: hash.0, text, operations });
            }
            Err(errors) => faults.extend(errors.into_iter().map(|error| match error.locations.first() {
                Some(at) => format!("{place}:{}:{}: {}", at.line, at.column, error.message),
                None => format!("{place}: {}", error.message),
            })),
        }
    }
    Ok((new, faults))
}

/// Adds the documents of a file, or of the GraphQL files below a directory.
fn collect(path: &Path, is_named: bool, found: &mut Vec<Found>) -> Result<(), CliError> {
    let failed = |error| CliError::Other(format!("{} cannot be read: {error}", path.display()));
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut below: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        below.sort();
        return below.iter().try_for_each(|path| collect(path, false, found));
    }
    let place = path.display().to_string();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("graphql" | "gql") => {
            let text = std::fs::read_to_string(path).map_err(failed)?;
            found.push(Found { place, text, key: None });
        }
        // One that stands beside documents may be anything; a manifest is named.
        Some("json") if is_named => found.extend(manifest(&place, &std::fs::read(path).map_err(failed)?)?),
        _ if is_named => {
            return Err(CliError::Other(format!("{place} is no .graphql, .gql or .json file")));
        }
        _ => {}
    }
    Ok(())
}

/// The documents of a manifest: `{"<hash>": "<text>"}` by graphql-codegen and Relay, or Apollo's list of operations.
fn manifest(place: &str, bytes: &[u8]) -> Result<Vec<Found>, CliError> {
    let json: Value = serde_json::from_slice(bytes)
        .map_err(|error| CliError::Other(format!("{place}:{}:{}: this is not JSON", error.line(), error.column())))?;
    let document = |key: &str, text: &Value| {
        Some(Found { place: format!("{place}, {key}"), text: text.as_str()?.to_owned(), key: Some(key.to_owned()) })
    };
    let documents: Option<Vec<Found>> = match (json.get("operations"), &json) {
        (Some(Value::Array(operations)), _) => {
            let operation = |operation: &Value| document(operation["id"].as_str()?, &operation["body"]);
            operations.iter().map(operation).collect()
        }
        (_, Value::Object(map)) => map.iter().map(|(key, text)| document(key, text)).collect(),
        _ => None,
    };
    documents.ok_or_else(|| {
        CliError::Other(format!(
            "{place} is not a manifest: write {{\"<SHA-256 of the document>\": \"<document>\", …}}"
        ))
    })
}
