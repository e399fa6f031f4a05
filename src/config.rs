//! Every setting of the program, with its default. The only reader of the environment.
//!
//! A setting is a flag and an environment variable; `patient-logger serve --help` lists them, and the table in the README
//! is tested against this file. A value that does not fit ends the start with a message that names the setting.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::database::embedded;
use crate::mail::SmtpSettings;
use crate::packages::Packages;
use crate::tenancy::DatabaseSettings;

/// How long to wait before each further try to deliver a letter. A mail server that does not know us yet may want a minute
/// (greylisting); after a quarter of an hour the token for a new password has ended.
const RETRY_LETTERS_AFTER: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(60), Duration::from_secs(300)];

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Do it.
    On,
    /// Do not.
    Off,
}

/// Which documents are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServedDocuments {
    /// All.
    Any,
    /// All, with a log line for each that is not registered.
    Report,
    /// Those that are registered.
    Registered,
}

/// Who may ask for the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IntrospectionFor {
    /// Everybody, signed in or not.
    Everyone,
    /// Members of staff who have signed in.
    Staff,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// What is logged, and how.
#[derive(Args, Clone, Debug)]
pub struct LogSettings {
    /// What is logged: error, warn, info, debug, or a filter such as `patient_logger=debug,warn`
    #[arg(long, env = "LOG", default_value = "info,sqlx=warn,sea_orm_migration=warn", global = true)]
    pub log: String,
    /// How log lines look
    #[arg(long, env = "LOG_FORMAT", default_value = "text", global = true)]
    pub log_format: LogFormat,
}

/// Which database.
#[derive(Args, Clone, Debug)]
pub struct StoreSettings {
    /// PostgreSQL for the server, as the role patient_logger_app. Without it the server starts a private PostgreSQL of its own
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// The same database as its owner, for migrations, seed and onboarding. The server migrates at its start when this is set
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true)]
    pub database_owner_url: Option<String>,
    /// Where the private PostgreSQL keeps its data [default: patient-logger in the user's data directory]
    #[arg(long, env = "DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where downloads are kept [default: patient-logger in the user's cache directory]
    #[arg(long, env = "CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Directory with the programs of PostgreSQL 15 or newer for the private one [default: searched for]
    #[arg(long, env = "PG_BIN_DIR")]
    pub pg_bin_dir: Option<PathBuf>,
    /// Whether a missing PostgreSQL or GraphiQL may be downloaded, once, pinned and verified
    #[arg(long, env = "DOWNLOADS", default_value = "on")]
    pub downloads: Switch,
    /// npm registry or mirror to download from [default: the one that npm would use]
    #[arg(long, env = "NPM_CONFIG_REGISTRY")]
    pub npm_registry: Option<String>,
    /// Most connections to PostgreSQL at a time. One hospital uses at most three quarters of them
    #[arg(long, env = "DATABASE_POOL_SIZE", default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_pool_size: u32,
    /// Longest time for one SQL statement, in seconds
    #[arg(long, env = "STATEMENT_TIMEOUT", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub statement_timeout: u64,
}

/// How letters are sent.
#[derive(Args, Clone, Debug)]
pub struct MailSettings {
    /// Mail server: smtps://user:password@host, or smtp://user:password@host?tls=required for STARTTLS. Without it letters are
    /// shown in the terminal, or with DATABASE_URL not sent
    #[arg(long, env = "SMTP_URL", hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// Sender of letters, such as "Patient Logger <no-reply@hospital.example>". Required with SMTP_URL
    #[arg(long, env = "MAIL_FROM")]
    pub mail_from: Option<String>,
    /// Address of the frontend, to which letters lead: its pages accept-invitation and reset-password get the token behind #token=.
    /// Required with SMTP_URL
    #[arg(long, env = "PUBLIC_URL")]
    pub public_url: Option<url::Url>,
}

/// How the server serves.
#[derive(Args, Clone, Debug)]
pub struct ServeSettings {
    /// Which database
    #[command(flatten)]
    pub store: StoreSettings,
    /// Redis that the servers share, such as redis://127.0.0.1:6379, rediss://… with TLS, or unix:///…. They also work without
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// Address and port to listen on. Port 0 takes a free one
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Load the demo hospitals into the private PostgreSQL
    #[arg(long, env = "DEMO_DATA", default_value = "on")]
    pub demo_data: Switch,
    /// Serve GraphiQL at /graphiql
    #[arg(long, env = "GRAPHIQL", default_value = "on")]
    pub graphiql: Switch,
    /// File with the keys that sign access tokens and seal cursors, the same for every server; `keys init` makes it. Required
    /// with DATABASE_URL [default: keys.json in DATA_DIR]
    #[arg(long, env = "KEYS_FILE")]
    pub keys_file: Option<PathBuf>,
    /// Life of an access token, in minutes
    #[arg(long, env = "ACCESS_TOKEN_LIFETIME", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub access_token_lifetime: u64,
    /// How long a session lasts without a refresh, in minutes. It ends after 12 hours in any case
    #[arg(long, env = "SESSION_IDLE_MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=480))]
    pub session_idle_minutes: u64,
    /// How letters are sent
    #[command(flatten)]
    pub mail: MailSettings,
    /// Whether reads leave events in the audit trail. Changes, sign-ins and refusals always do. Off is for measuring
    #[arg(long, env = "AUDIT_READS", default_value = "on")]
    pub audit_reads: Switch,
    /// Longest time for one request, in seconds
    #[arg(long, env = "REQUEST_TIMEOUT", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub request_timeout: u64,
    /// Longest time to finish running requests when the server is told to stop, in seconds
    #[arg(long, env = "SHUTDOWN_TIMEOUT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub shutdown_timeout: u64,
    /// Which documents are served: any, any with a log line for those that are not registered, or registered ones only; see
    /// `patient-logger documents`
    #[arg(long, env = "DOCUMENTS", default_value = "any")]
    pub documents: ServedDocuments,
    /// Who may ask for the schema [default: staff with DATABASE_URL, else everyone]
    #[arg(long, env = "INTROSPECTION")]
    pub introspection: Option<IntrospectionFor>,
    /// Largest request body, in bytes
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u64).range(1_024..=10_485_760))]
    pub max_body_bytes: u64,
    /// Most connections of clients at a time; more are refused with 503, so are those for which the system has no files
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_connections: u32,
    /// What one viewer may spend a second, in fields of answers, and at once what comes together in 20 seconds. 0 is no limit
    #[arg(long, env = "VIEWER_COST_RATE", default_value_t = 5_000)]
    pub viewer_cost_rate: u32,
    /// The same for all viewers of one hospital together
    #[arg(long, env = "HOSPITAL_COST_RATE", default_value_t = 100_000)]
    pub hospital_cost_rate: u32,
    /// Networks of proxies whose x-forwarded-for is believed, separated by commas, such as 10.0.0.0/8
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Origins of web pages that may call the API, separated by commas, such as https://ward.example
    #[arg(long, env = "CORS_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub cors_origins: Vec<String>,
}

impl MailSettings {
    /// How letters reach the mail server; `None` when there is none.
    ///
    /// # Errors
    /// When one of the settings that belong together is missing.
    pub fn smtp(&self) -> Result<Option<(SmtpSettings, url::Url)>, &'static str> {
        match (&self.smtp_url, &self.mail_from, &self.public_url) {
            (None, ..) => Ok(None),
            (Some(url), Some(from), Some(links)) => {
                let retry_after = RETRY_LETTERS_AFTER.to_vec();
                Ok(Some((SmtpSettings { url: url.clone(), from: from.clone(), retry_after }, links.clone())))
            }
            _ => Err("SMTP_URL also needs MAIL_FROM, the sender, and PUBLIC_URL, the frontend to which letters lead"),
        }
    }
}

impl StoreSettings {
    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| ours(dirs::data_dir()))
    }

    /// How packages are fetched.
    pub fn packages(&self) -> Packages {
        Packages {
            cache_dir: self.cache_dir.clone().unwrap_or_else(|| ours(dirs::cache_dir())),
            registry: self.npm_registry.clone(),
            downloads: self.downloads == Switch::On,
        }
    }

    /// How the private PostgreSQL is started.
    pub fn embedded(&self) -> embedded::Options {
        let mut options = embedded::Options::new(self.data_dir().join("postgres"), self.packages());
        options.pg_bin_dir.clone_from(&self.pg_bin_dir);
        options
    }

    /// How the pool for `url` behaves.
    pub fn pool(&self, url: String) -> DatabaseSettings {
        DatabaseSettings {
            url,
            pool_size: self.database_pool_size,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(self.statement_timeout),
        }
    }
}

fn ours(directory: Option<PathBuf>) -> PathBuf {
    directory.unwrap_or_else(std::env::temp_dir).join("patient-logger")
}

/// RFC 6454: scheme, host and port, nothing behind them.
fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text => {
            Ok(text.to_owned())
        }
        _ => Err("an origin is a scheme, a host and a port, such as https://ward.example".to_owned()),
    }
}
