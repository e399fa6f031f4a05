//! A new session, and what its client gets.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::authenticate::Sessions;
use super::repo::{self, RefreshTokenRow, SessionRow, Standing};
use super::service;
use crate::audit::{AuditAction, AuditOutcome, RequestContext, Who};
use crate::auth::{AccessToken, RefreshToken};
use crate::error::AppError;
use crate::graphql::{Fail, UserError, UserErrorCode};
use crate::kernel::{Actor, HospitalId, SessionId, StaffId, Viewer};
use crate::tenancy::HospitalScope;

/// Longest life of a session, however active (OWASP ASVS 5.0, 7.3.2; NIST SP 800-63B, 4.2.3, has 12 hours).
const ABSOLUTE: Duration = Duration::hours(12);

/// What a client holds after it has entered a hospital. Without `Debug`: it has the tokens in clear.
pub(in crate::domains) struct Opened {
    pub(in crate::domains) access: AccessToken,
    pub(in crate::domains) refresh: RefreshToken,
    pub(in crate::domains) refresh_expires_at: DateTime<Utc>,
    pub(in crate::domains) scope: Arc<HospitalScope>,
}

/// What a session comes from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// A password.
    SignIn,
    /// Another session of the same account. No password was asked for, so the new one ends when that would have.
    Session {
        /// The sign-in behind it.
        sign_in_id: Uuid,
        /// When it ends in any case.
        absolute_expires_at: DateTime<Utc>,
    },
}

impl Sessions {
    /// Opens a session for a member of staff whose credentials were right; `None` when that person is not active any more.
    pub(in crate::domains) async fn open(
        &self,
        hospital_id: HospitalId,
        staff_id: StaffId,
        request: &RequestContext,
    ) -> Result<Option<Opened>, AppError> {
        self.begin(hospital_id, staff_id, Origin::SignIn, request).await
    }

    /// Ends a session that was just opened, and that its client never gets.
    pub(in crate::domains) async fn end(&self, opened: &Opened) -> Result<(), Fail> {
        service::sign_out(&opened.scope).await.map(|_| ())
    }

    /// Opens a session for another staff record of the viewer's account. The viewer's own session goes on.
    pub(in crate::domains) async fn switch(
        &self,
        scope: &HospitalScope,
        staff_id: StaffId,
        request: &RequestContext,
    ) -> Result<Opened, Fail> {
        scope.witness().action(AuditAction::SignIn);
        scope.witness().subject(staff_id.0);
        let contexts = service::contexts(scope).await?;
        let not_there = || {
            let message = "Your account does not work there. See viewer.contexts.";
            UserError::new(UserErrorCode::NotFound, &["staffId"], message)
        };
        let context = contexts.into_iter().find(|context| context.staff_id == staff_id.0).ok_or_else(not_there)?;
        let current = service::current(scope).await?;
        // A request holds one connection at a time.
        scope.close().await;
        let origin =
            Origin::Session { sign_in_id: current.sign_in_id, absolute_expires_at: current.absolute_expires_at };
        let opened =
            self.begin(HospitalId(context.hospital_id), staff_id, origin, request).await?.ok_or_else(not_there)?;
        scope.witness().recorded();
        // Whoever ends the sessions of an account or a sign-in looks elsewhere after ending this one. While this one stands,
        // the new one will be found; if it does not, the new one may have been missed.
        if self.standing(scope.hospital_id(), SessionId(current.id)).await?.is_none() {
            self.end(&opened).await?;
            return Err(AppError::unauthenticated().into());
        }
        Ok(opened)
    }

    async fn begin(
        &self,
        hospital_id: HospitalId,
        staff_id: StaffId,
        origin: Origin,
        request: &RequestContext,
    ) -> Result<Option<Opened>, AppError> {
        let now = self.clock.now();
        let id = Uuid::now_v7();
        let (sign_in_id, absolute_expires_at) = match origin {
            Origin::SignIn => (id, now + ABSOLUTE),
            Origin::Session { sign_in_id, absolute_expires_at } => (sign_in_id, absolute_expires_at),
        };
        let refresh = RefreshToken::random(hospital_id, SessionId(id));
        let expires_at = self.idle_end(now, absolute_expires_at);
        let row = SessionRow {
            hospital_id: hospital_id.0,
            id,
            sign_in_id,
            staff_id: staff_id.0,
            device: request.client.device.clone(),
            address: request.client.address.map(|address| address.to_string()),
            created_at: now,
            last_used_at: now,
            expires_at,
            absolute_expires_at,
            revoked_at: None,
        };
        let tx = self.database.begin_for_credential(hospital_id).await?;
        repo::insert(&tx, row).await?;
        repo::insert_token(&tx, token_row(&refresh, None, now, expires_at)).await?;
        let Some(standing) = repo::standing_in_tx(&tx, hospital_id, SessionId(id), now).await? else { return Ok(None) };
        let who = Who { session_id: Some(SessionId(id)), ..Who::staff(hospital_id, staff_id, standing.role) };
        let event = request.event(now, who, AuditAction::SignIn, AuditOutcome::Ok);
        tx.commit_with(&request.entry(vec![event])).await?;
        self.opened(&standing, refresh, expires_at, request).map(Some)
    }

    pub(super) fn idle_end(&self, now: DateTime<Utc>, absolute_end: DateTime<Utc>) -> DateTime<Utc> {
        absolute_end.min(now + self.idle)
    }

    /// The tokens of a session that stands until `expires_at`.
    pub(super) fn opened(
        &self,
        standing: &Standing,
        refresh: RefreshToken,
        expires_at: DateTime<Utc>,
        request: &RequestContext,
    ) -> Result<Opened, AppError> {
        let &Standing { staff_id, role, .. } = standing;
        let RefreshToken { hospital_id, session_id, .. } = refresh;
        let access = self.tokens.issue_until(staff_id, hospital_id, role, session_id, expires_at)?;
        let viewer = Viewer {
            hospital_id,
            actor: Actor::Staff { id: staff_id, session_id },
            role,
            permissions: standing.permissions(),
            expires_at: access.expires_at,
            glasses: standing.glasses(),
        };
        let scope = Arc::new(HospitalScope::new(self.database.clone(), self.clock.clone(), viewer, request.clone()));
        Ok(Opened { access, refresh, refresh_expires_at: expires_at, scope })
    }
}

pub(super) fn token_row(
    token: &RefreshToken,
    parent: Option<&RefreshToken>,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> RefreshTokenRow {
    RefreshTokenRow {
        hospital_id: token.hospital_id.0,
        session_id: token.session_id.0,
        hash: token.secret_hash().into(),
        parent_hash: parent.map(|parent| parent.secret_hash().into()),
        issued_at,
        expires_at,
        used_at: None,
        sealed_child: None,
    }
}
