//! Rotation of refresh tokens (RFC 9700, 4.14.2), with a grace for the reply that got lost.

use chrono::{DateTime, Duration, Utc};
use sea_orm::DbErr;

use super::authenticate::Sessions;
use super::open::{Opened, token_row};
use super::repo::{self, Ending, SessionRow};
use super::service;
use crate::audit::{AuditAction, AuditOutcome, Event, RequestContext, Who};
use crate::auth::RefreshToken;
use crate::error::{AppError, ErrorCode, seconds};
use crate::graphql::{Fail, UserError, UserErrorCode};
use crate::kernel::{Client, HospitalId, Role, SessionId, StaffId};
use crate::tenancy::WriteTx;

/// How long the bearer of a used token still gets its successor: two tabs of one browser that refresh at once, or a reply
/// that got lost, must not look like theft (directus/directus#22360).
const GRACE: Duration = Duration::seconds(10);

/// Most refreshes of one session in [`WHILE`]. A client that does its part needs one in ten minutes.
const MOST: u64 = 10;
const WHILE: Duration = Duration::minutes(1);

/// What a token that was presented is worth.
enum Worth {
    /// The session goes on with this token.
    Successor(RefreshToken, DateTime<Utc>),
    /// Nothing: it is unknown, or too old.
    Nothing,
    /// It was used before: somebody has a copy.
    Reused,
    /// The session was refreshed too often; this token works again after so long.
    TooSoon(Duration),
}

impl Sessions {
    /// New tokens for a refresh token.
    pub(in crate::domains) async fn refresh(&self, text: &str, request: &RequestContext) -> Result<Opened, Fail> {
        let token = RefreshToken::parse(text).ok_or_else(invalid)?;
        let (hospital_id, session_id) = (token.hospital_id, token.session_id);
        let tx = self.database.begin_for_credential(hospital_id).await?;
        // Whoever else refreshes this session waits here, and then finds what this one has done.
        let session = repo::lock(&tx, hospital_id, session_id).await?.ok_or_else(invalid)?;
        let standing = repo::standing_in_tx(&tx, hospital_id, session_id, self.clock.now()).await?;
        let standing = standing.ok_or_else(invalid)?;
        match self.worth(&tx, &session, &token, &request.client).await? {
            Worth::Successor(refresh, expires_at) => {
                tx.commit().await?;
                Ok(self.opened(&standing, refresh, expires_at, request)?)
            }
            Worth::Nothing => Err(invalid()),
            Worth::TooSoon(wait) => Err(too_often(wait).into()),
            Worth::Reused => {
                self.end_family(tx, &session, standing.role, request).await?;
                Err(invalid())
            }
        }
    }

    async fn worth(
        &self,
        tx: &WriteTx,
        session: &SessionRow,
        token: &RefreshToken,
        client: &Client,
    ) -> Result<Worth, DbErr> {
        let now = self.clock.now();
        // The hash is the key, so the comparison is the index's: how long it takes says nothing of the secret.
        let Some(row) = repo::token(tx, token).await? else { return Ok(Worth::Nothing) };
        let Some(used_at) = row.used_at else {
            if row.expires_at <= now {
                return Ok(Worth::Nothing);
            }
            if let Some(earlier) = repo::refreshed(tx, token, MOST - 1).await?
                && now - earlier < WHILE
            {
                return Ok(Worth::TooSoon(WHILE - (now - earlier)));
            }
            let child = RefreshToken::random(token.hospital_id, token.session_id);
            let expires_at = self.idle_end(now, session.absolute_expires_at);
            repo::insert_token(tx, token_row(&child, Some(token), now, expires_at)).await?;
            repo::use_token(tx, token, token.seal(&child), now).await?;
            repo::prolong(tx, session, client, now, expires_at).await?;
            return Ok(Worth::Successor(child, expires_at));
        };
        let child = row.sealed_child.and_then(|sealed| token.open(&sealed));
        let Some(child) = child.filter(|_| now - used_at <= GRACE) else { return Ok(Worth::Reused) };
        // Once the child was used, its bearer has it; whoever still shows the parent is somebody else.
        Ok(match repo::token(tx, &child).await? {
            Some(row) if row.used_at.is_none() => Worth::Successor(child, row.expires_at),
            _ => Worth::Reused,
        })
    }

    /// Ends the session, and those to which it was switched, in all hospitals of the account.
    async fn end_family(
        &self,
        tx: WriteTx,
        session: &SessionRow,
        role: Role,
        request: &RequestContext,
    ) -> Result<(), Fail> {
        let now = self.clock.now();
        // Asked first: the door closes with the session.
        let contexts = repo::contexts(&tx, SessionId(session.id)).await?;
        repo::revoke(&tx, session, now).await?;
        let here = Who::staff(HospitalId(session.hospital_id), StaffId(session.staff_id), role);
        let who = Who { session_id: Some(SessionId(session.id)), ..here };
        let event = request.event(now, who, AuditAction::SignOut, AuditOutcome::Ok);
        let reason = Some("A refresh token was used a second time.".to_owned());
        tx.commit_with(&request.entry(vec![Event { reason, ..event }])).await?;
        tracing::warn!(
            session = %SessionId(session.id),
            "a refresh token was used a second time: its session and those of the same sign-in are ended"
        );
        let places = service::places(who, &contexts);
        service::end_all(&self.database, &places, Ending::SignIn(session.sign_in_id), now, request).await?;
        Ok(())
    }
}

fn too_often(wait: Duration) -> AppError {
    let wait = wait.to_std().unwrap_or_default();
    let message =
        format!("The session was refreshed too often. Try again in {} s; the token keeps working.", seconds(wait));
    AppError::public(ErrorCode::RateLimited, message).retry_after(wait)
}

fn invalid() -> Fail {
    let message = "The session has ended, or this is not its refresh token. Sign in again.";
    UserError::new(UserErrorCode::InvalidSession, &[], message).into()
}
