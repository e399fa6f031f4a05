//! The composition root: the only file that knows every room.

use std::sync::Arc;

use async_graphql::{EmptySubscription, SDLExportOptions, SchemaBuilder, ValidationMode};

use crate::access::{Access, Caller, Limits};
use crate::auth::{Passwords, Tokens};
use crate::domains::accounts::{Credentials, SignIn};
use crate::domains::attempts::Attempts;
use crate::domains::documents::{DocumentMode, PersistedDocuments};
use crate::domains::invitations::Joining;
use crate::domains::partner_keys::PartnerKeys;
use crate::domains::passwords::PasswordResets;
pub use crate::domains::sessions::Lifetimes;
use crate::domains::sessions::Sessions;
use crate::domains::{self, ApiSchema, Mutation, Query};
use crate::graphql::{Cursors, Documents, DryRun, Explainer, Introspection, ScanLimits};
use crate::kernel::{Clock, Viewer};
use crate::keys::Keys;
use crate::limits::{Buckets, CostLimits, CostRates};
use crate::mail::Mailer;
use crate::redis::Redis;
use crate::tenancy::Database;

/// Bytes for parsed and decided documents.
const DOCUMENT_CACHE: u64 = 16 * 1024 * 1024;

/// Everything that a request needs.
pub struct App {
    /// The API.
    pub schema: ApiSchema,
    /// Decides documents.
    pub documents: Arc<Documents>,
    /// Finds documents that are sent by hash.
    pub persisted: Arc<PersistedDocuments>,
    /// Explains decisions about documents.
    pub explainer: Arc<Explainer>,
    /// What signs tokens and seals cursors.
    pub keys: Keys,
    /// Issues tokens.
    pub tokens: Tokens,
    /// Turns tokens into viewers, while their sessions stand.
    pub sessions: Sessions,
    /// Turns partners' keys into viewers.
    pub partner_keys: PartnerKeys,
    /// Holds viewers and hospitals to what their documents may cost.
    pub cost_limits: CostLimits,
    /// The database.
    pub database: Database,
    /// What is shared with other servers, when it is set.
    pub redis: Option<Redis>,
    /// The time.
    pub clock: Clock,
}

/// What the server also works without.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// What is shared with other servers.
    pub redis: Option<Redis>,
    /// What documents may cost; without limits by default.
    pub cost_rates: CostRates,
    /// Which documents are served.
    pub documents: DocumentMode,
    /// Who may ask for the schema.
    pub introspection: Introspection,
    /// Sends letters.
    pub mailer: Mailer,
}

/// Why the program cannot be put together: a fault of its code, which its tests find.
#[derive(Debug, thiserror::Error)]
#[error("the schema has {} fault(s):\n{}", .0.len(), .0.join("\n"))]
pub struct SchemaFaults(Vec<String>);

impl App {
    /// Puts the server together.
    ///
    /// # Errors
    /// When a field has no label, or labels contradict each other.
    pub fn new(
        database: Database,
        keys: Keys,
        lifetimes: Lifetimes,
        clock: Clock,
        options: AppOptions,
    ) -> Result<Self, SchemaFaults> {
        let AppOptions { redis, cost_rates, documents: mode, introspection, mailer } = options;
        let passwords = Passwords::new();
        let tokens = Tokens::new(keys.clone(), lifetimes.access_token, clock.clone());
        let sessions = Sessions::new(database.clone(), tokens.clone(), clock.clone(), lifetimes.idle);
        let partner_keys = PartnerKeys::new(database.clone(), clock.clone());
        let buckets = Buckets::new(redis.clone(), clock.clone(), keys.pseudonyms("bucket"));
        let attempts = Attempts::new(database.clone(), buckets.clone(), keys.pseudonyms("attempt"), clock.clone());
        let credentials = Credentials {
            database: database.clone(),
            passwords: passwords.clone(),
            attempts,
            sealer: keys.sealer("second factor"),
            clock: clock.clone(),
        };
        let sign_in = SignIn { credentials: credentials.clone(), sessions: sessions.clone() };
        let joining = Joining { credentials: credentials.clone(), sessions: sessions.clone() };
        let resets = PasswordResets::new(credentials.clone(), mailer.clone());
        let (documents, explainer) = deciders(introspection)?;
        let cost_limits = CostLimits::new(buckets, cost_rates, documents.cost_limit());
        let cursors = Cursors::new(&keys);
        let schema = schema()
            .data(passwords)
            .data(credentials)
            .data(sign_in)
            .data(joining)
            .data(resets)
            .data(mailer)
            .data(sessions.clone())
            .data(cursors)
            .finish();
        let persisted = Arc::new(PersistedDocuments::new(mode, redis.clone()));
        Ok(Self {
            schema,
            documents,
            persisted,
            explainer,
            keys,
            tokens,
            sessions,
            partner_keys,
            cost_limits,
            database,
            redis,
            clock,
        })
    }

    /// What the labels ask about a viewer; `None` is somebody who is not signed in.
    pub fn caller(&self, viewer: Option<&Viewer>) -> Caller {
        let is_staff = viewer.is_some_and(|viewer| !viewer.only_reads());
        self.documents.caller(viewer.map(|viewer| viewer.permissions), is_staff)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

/// What decides documents, and what explains the decisions.
fn deciders(introspection: Introspection) -> Result<(Arc<Documents>, Arc<Explainer>), SchemaFaults> {
    let access = Arc::new(Access::from_sdl(&sdl()).map_err(SchemaFaults)?);
    let documents = Documents::new(access, introspection, ScanLimits::default(), Limits::default(), DOCUMENT_CACHE);
    let documents = Arc::new(documents);
    let explainer = Explainer::new(documents.clone(), schema().extension(DryRun).finish());
    Ok((documents, Arc::new(explainer)))
}

/// Checks documents against the schema without a server.
///
/// # Errors
/// As [`App::new`].
pub fn checker() -> Result<Arc<Explainer>, SchemaFaults> {
    deciders(Introspection::Everyone).map(|(_, explainer)| explainer)
}

/// The documents that reach the schema are the reduced ones of `access`, already within its limits; these two only have to let
/// them through. Suggestions would name fields to somebody who may not ask for the schema.
fn schema() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    domains::schema().validation_mode(ValidationMode::Strict).limit_recursive_depth(64).disable_suggestions()
}

/// The schema as text: what `schema.graphql` holds and what [`Access`] enforces.
pub fn sdl() -> String {
    domains::schema()
        .finish()
        .sdl_with_options(SDLExportOptions::new().include_specified_by().prefer_single_line_descriptions())
}
