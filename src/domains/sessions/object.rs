use std::sync::Arc;

use async_graphql::{ID, Object};

use super::repo::SessionRow;
use crate::graphql::DateTime;
use crate::graphql::label::access;
use crate::kernel::{Permission, SessionId};

/// A sign-in of yours in this hospital.
#[derive(Clone, Debug)]
pub struct Session {
    row: Arc<SessionRow>,
    current: SessionId,
}

impl Session {
    pub(super) fn new(row: SessionRow, current: SessionId) -> Self {
        Self { row: Arc::new(row), current }
    }
}

/// A sign-in of yours in this hospital. Nobody else sees it, so its fields need nothing more.
#[Object(directive = access::apply(Permission::Public))]
impl Session {
    /// Identifies the session in the whole API.
    async fn id(&self) -> ID {
        SessionId(self.row.id).to_string().into()
    }

    /// What the browser or program called itself when it signed in or last refreshed; null when it did not say. It may say
    /// anything.
    async fn device(&self) -> Option<&str> {
        self.row.device.as_deref()
    }

    /// The network address from which it signed in or last refreshed; null when it is not known.
    async fn address(&self) -> Option<&str> {
        self.row.address.as_deref()
    }

    /// When it began.
    async fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    /// When it was last used, to the minute.
    async fn last_used_at(&self) -> DateTime {
        self.row.last_used_at.into()
    }

    /// When it ends unless it is refreshed before.
    async fn expires_at(&self) -> DateTime {
        self.row.expires_at.into()
    }

    /// When it was ended by `signOut`, `signOutEverywhere` or `revokeSession`, or because a refresh token of it was used
    /// twice; null while it stands.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.row.revoked_at.map(DateTime)
    }

    /// Whether it is the session of this request.
    async fn current(&self) -> bool {
        self.row.id == self.current.0
    }
}
