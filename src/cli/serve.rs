//! `patient-logger serve`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;

use super::{CliError, files, runtime};
use crate::app::{App, AppOptions, Lifetimes};
use crate::config::{IntrospectionFor, ServeSettings, ServedDocuments, Switch};
use crate::database::{self, Direction, Store};
use crate::domains::documents::{self, DocumentMode};
use crate::error::AppError;
use crate::graphql::Introspection;
use crate::http::graphiql::{Demo, Graphiql, Persona};
use crate::http::{self, HttpState, Limits, MOST_TOLD};
use crate::kernel::Clock;
use crate::keys::{KeyFile, Keys};
use crate::limits::CostRates;
use crate::mail::Mailer;
use crate::redis::Redis;
use crate::seed::{self, DEMO_PARTNER_HOSPITAL, DEMO_PASSWORD, DEMO_PEOPLE, DemoPerson};
use crate::tenancy::Database;

/// How long the server waits for letters that are in the queue when it is told to stop.
const LAST_LETTERS: Duration = Duration::from_secs(5);
/// How long a client may take nothing of an answer that it is sent.
const STALLED: Duration = Duration::from_secs(15);

pub(super) fn run(settings: &ServeSettings) -> Result<(), CliError> {
    let embedded = settings.store.database_url.is_none();
    if embedded && !settings.listen.ip().is_loopback() {
        return Err(CliError::Other(format!(
            "LISTEN={} would show the private PostgreSQL with its demo sign-ins to the network. Listen on 127.0.0.1, or set \
             DATABASE_URL to a database for real use",
            settings.listen
        )));
    }
    let file = key_file(settings)?;
    let keys = Keys::new(match &settings.keys_file {
        Some(_) => file.read()?,
        None => file.read_or_init(Clock::system().now())?,
    });
    let store = Store::open(&settings.store)?;
    let served = runtime()?.block_on(async {
        tokio::spawn(file.watch(keys.clone()));
        serve(settings, &store, keys).await
    });
    if let Some(embedded) = store.embedded {
        embedded.stop();
    }
    served
}

/// Where the keys are.
fn key_file(settings: &ServeSettings) -> Result<KeyFile, CliError> {
    match (&settings.keys_file, &settings.store.database_url) {
        (Some(path), _) => Ok(KeyFile::new(path)),
        (None, None) => {
            let directory = settings.store.data_dir();
            std::fs::create_dir_all(&directory)
                .map_err(|error| CliError::Other(format!("DATA_DIR {} cannot be made: {error}", directory.display())))?;
            Ok(KeyFile::new(directory.join("keys.json")))
        }
        (None, Some(_)) => Err(CliError::Other(
            "KEYS_FILE is not set: with DATABASE_URL the keys that sign access tokens must be yours, the same for every \
             server. Make them with `patient-logger keys init --keys-file keys.json`"
                .into(),
        )),
    }
}

/// How letters are sent. Only the private PostgreSQL has them in the terminal: elsewhere that is a log that others read.
fn mailer(settings: &ServeSettings) -> Result<Mailer, CliError> {
    let other = |text: String| CliError::Other(text);
    match settings.mail.smtp().map_err(|error| other(error.to_owned()))? {
        Some((smtp, links)) => Mailer::smtp(&smtp, links).map_err(|error| other(error.to_string())),
        None if settings.store.database_url.is_some() => {
            tracing::warn!("SMTP_URL is not set: nobody can be invited or choose a new password by letter");
            Ok(Mailer::none())
        }
        None => {
            let own = || format!("http://{}", settings.listen).parse::<url::Url>();
            let links = settings.mail.public_url.clone().map_or_else(own, Ok);
            Ok(Mailer::terminal(links.map_err(|error| other(format!("LISTEN: {error}")))?))
        }
    }
}

async fn serve(settings: &ServeSettings, store: &Store, keys: Keys) -> Result<(), CliError> {
    let clock = Clock::system();
    let stop = stop_signal()?;
    if let Some(owner_url) = &store.owner_url {
        database::migrate(owner_url, Direction::Up).await?;
    }
    let demo = match store.embedded.is_some() && settings.demo_data == Switch::On {
        true => Some(load_demo(store.owner_url()?, clock.now()).await?),
        false => None,
    };
    let mut database = Database::connect(&settings.store.pool(store.app_url.clone())).await?;
    if settings.audit_reads == Switch::Off {
        tracing::warn!("AUDIT_READS=off: nobody will know who read what");
        database = database.without_audit_of_reads();
    }
    let mailer = mailer(settings)?;
    let lifetimes = Lifetimes {
        access_token: Duration::from_secs(settings.access_token_lifetime * 60),
        idle: Duration::from_secs(settings.session_idle_minutes * 60),
    };
    let keeper = database.keep_audit_trail(clock.clone());
    let redis = settings.redis_url.as_deref().map(Redis::open).transpose();
    let redis = redis.map_err(|error| CliError::Other(error.to_string()))?;
    let cost_rates = CostRates { viewer: settings.viewer_cost_rate, hospital: settings.hospital_cost_rate };
    let (documents, introspection) = (documents_mode(settings), introspection(settings));
    let options = AppOptions { redis, cost_rates, documents, introspection, mailer: mailer.clone() };
    let app = Arc::new(App::new(database.clone(), keys, lifetimes, clock, options)?);
    documents::refresh(&database, &app.persisted).await.map_err(AppError::from)?;
    tokio::spawn(documents::follow(database.clone(), app.persisted.clone()));

    let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
        CliError::Other(format!("cannot listen on {}: {error}. Choose another address with LISTEN", settings.listen))
    })?;
    let address = listener.local_addr().map_err(|error| CliError::Other(error.to_string()))?;
    let mut state = HttpState::new(app);
    state.request_timeout = Duration::from_secs(settings.request_timeout);
    state.max_body_bytes = usize::try_from(settings.max_body_bytes).unwrap_or(usize::MAX);
    state.cors_origins = settings.cors_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    state.trusted_proxies.clone_from(&settings.trusted_proxies);
    // The explorer's own documents are not registered, and neither is what people type into it.
    let explores = settings.graphiql == Switch::On && settings.documents != ServedDocuments::Registered;
    state.graphiql = explores.then(|| explorer(settings, demo.as_ref()));
    let limits = Limits {
        connections: files::room_for(
            settings.max_connections,
            MOST_TOLD + u64::from(settings.store.database_pool_size),
        ),
        stalled: STALLED,
        drain: Duration::from_secs(settings.shutdown_timeout),
    };
    let registered_only = settings.documents == ServedDocuments::Registered;
    greet(&format!("http://{address}"), state.graphiql.is_some(), registered_only, demo.as_ref());
    http::serve(listener, state, limits, stop).await;
    keeper.stop().await;
    // Who was promised a letter should get it; but a mail server that hangs must not keep the program.
    let _ = tokio::time::timeout(LAST_LETTERS, mailer.flush()).await;
    database.close().await;
    Ok(())
}

fn documents_mode(settings: &ServeSettings) -> DocumentMode {
    match settings.documents {
        ServedDocuments::Any => DocumentMode::Any,
        ServedDocuments::Report => DocumentMode::Report,
        ServedDocuments::Registered => DocumentMode::Registered,
    }
}

/// The demo is there to be explored; a hospital's server shows its schema to staff.
fn introspection(settings: &ServeSettings) -> Introspection {
    match (settings.introspection, &settings.store.database_url) {
        (Some(IntrospectionFor::Everyone), _) | (None, None) => Introspection::Everyone,
        (Some(IntrospectionFor::Staff), _) | (None, Some(_)) => Introspection::Staff,
    }
}

/// Loads the demo data unless it is there, and says who can sign in to it.
async fn load_demo(owner_url: &str, now: DateTime<Utc>) -> Result<Demo, CliError> {
    seed::demo(owner_url, now).await?;
    let person = |person: &DemoPerson| Persona {
        label: person.label,
        email: Some(person.email),
        key: None,
        hospital: person.hospital,
    };
    let partner = Persona {
        label: "Partner at Riverside",
        email: None,
        key: Some(seed::demo_partner_key(owner_url, now).await?),
        hospital: DEMO_PARTNER_HOSPITAL,
    };
    Ok(Demo { password: DEMO_PASSWORD, people: DEMO_PEOPLE.iter().map(person).chain([partner]).collect() })
}

/// The page, and GraphiQL for it as soon as it is there: the API does not wait for a download.
fn explorer(settings: &ServeSettings, demo: Option<&Demo>) -> Arc<Graphiql> {
    let graphiql = Arc::new(Graphiql::new(demo));
    let (loading, packages) = (graphiql.clone(), settings.store.packages());
    // A thread of its own: the runtime would wait for the download when the server is told to stop.
    std::thread::spawn(move || loading.load(&packages));
    graphiql
}

/// Done at SIGTERM or SIGINT. A second one ends the process at once.
fn stop_signal() -> Result<impl Future<Output = ()>, CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error: std::io::Error| CliError::Other(format!("signals cannot be handled: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping: running requests may finish");
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            std::process::exit(1);
        });
    })
}

fn greet(address: &str, graphiql: bool, registered_only: bool, demo: Option<&Demo>) {
    println!("\nPatient Logger serves {address}/graphql");
    if graphiql {
        println!("\n  Explore    {address}/graphiql");
    }
    if registered_only {
        println!("\n  Only registered documents are served (DOCUMENTS=registered), so GraphiQL is off.");
    }
    if let Some(demo) = demo {
        println!("\n  Sign in    password {}", demo.password);
        for Persona { label, email, key, .. } in &demo.people {
            let credential = email.or(key.as_deref()).unwrap_or_default();
            println!("             {label:<30} {credential}");
        }
        println!("\n  Try this in GraphiQL, signed in as clinician@riverside.example:\n\n{EXAMPLE}\n");
    }
    println!("  Stop with Ctrl-C.\n");
}

const EXAMPLE: &str = "    {
      taskLogs(first: 3) {
        nodes { taskType description completedAt patient { firstName lastName room contactPhone } clinician { name } }
      }
    }";
