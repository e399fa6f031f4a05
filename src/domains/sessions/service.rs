use chrono::{DateTime, Utc};
use sea_orm::DbErr;

use super::object::Session;
use super::repo::{self, ContextRow, Ending, SessionRow};
use crate::audit::{AuditAction, AuditOutcome, RequestContext, Who};
use crate::error::AppError;
use crate::graphql::{Fail, UserError};
use crate::kernel::{Actor, HospitalId, SessionId, StaffId, Viewer};
use crate::tenancy::{Database, HospitalScope};

/// How often the sessions of an account are looked for before somebody who opens new ones faster is left to the next
/// refusal.
const PASSES: usize = 8;

/// The session of the viewer; `None` of a partner's key.
fn own(viewer: &Viewer) -> Option<(StaffId, SessionId)> {
    match viewer.actor {
        Actor::Staff { id, session_id } => Some((id, session_id)),
        Actor::PartnerKey(_) => None,
    }
}

/// The viewer's sessions in this hospital that stand, the latest use first.
pub(in crate::domains) async fn list(scope: &HospitalScope) -> Result<Vec<Session>, AppError> {
    let Some((staff, current)) = own(&scope.viewer) else { return Ok(Vec::new()) };
    let rows = repo::of_staff(&*scope.read().await?, staff, scope.clock.now()).await?;
    Ok(rows.into_iter().map(|row| Session::new(row, current)).collect())
}

/// Where the viewer's account works.
pub(in crate::domains) async fn contexts(scope: &HospitalScope) -> Result<Vec<ContextRow>, AppError> {
    let Some((_, session)) = own(&scope.viewer) else { return Ok(Vec::new()) };
    Ok(repo::contexts(&*scope.read().await?, session).await?)
}

/// The session of this request as it is stored.
pub(super) async fn current(scope: &HospitalScope) -> Result<SessionRow, AppError> {
    let (_, id) = own(&scope.viewer).ok_or_else(AppError::unauthenticated)?;
    let row = repo::by_id(&*scope.read().await?, scope.hospital_id(), id).await?;
    row.ok_or_else(AppError::unauthenticated)
}

/// Ends the session of this request. Ending it again changes nothing.
pub(super) async fn sign_out(scope: &HospitalScope) -> Result<Session, Fail> {
    let (_, id) = own(&scope.viewer).ok_or_else(not_found)?;
    end(scope, id).await
}

/// Ends one of the viewer's own sessions.
pub(super) async fn revoke(scope: &HospitalScope, id: &str) -> Result<Session, Fail> {
    end(scope, SessionId::parse(id)?).await
}

async fn end(scope: &HospitalScope, id: SessionId) -> Result<Session, Fail> {
    scope.witness().action(AuditAction::SignOut);
    scope.witness().subject(id.0);
    let (staff, current) = own(&scope.viewer).ok_or_else(not_found)?;
    let tx = scope.write().await?;
    let row = repo::lock(&tx, scope.hospital_id(), id).await?;
    // A colleague's session, one of another hospital, and none at all are one answer.
    let row = row.filter(|row| row.staff_id == staff.0).ok_or_else(not_found)?;
    let row = match row.revoked_at {
        Some(_) => row,
        None => repo::revoke(&tx, &row, scope.clock.now()).await?,
    };
    tx.commit().await?;
    Ok(Session::new(row, current))
}

/// Ends all sessions of the viewer's account, wherever it works, and says how many.
pub(super) async fn sign_out_everywhere(scope: &HospitalScope, database: &Database) -> Result<u64, Fail> {
    scope.witness().action(AuditAction::SignOut);
    let (_, session) = own(&scope.viewer).ok_or_else(not_found)?;
    let contexts = repo::contexts(&*scope.read().await?, session).await?;
    // A request holds one connection at a time.
    scope.close().await;
    let places = places(Who::viewer(&scope.viewer), &contexts);
    let ended = end_all(database, &places, Ending::All, scope.clock.now(), scope.witness().request()).await?;
    scope.witness().recorded();
    Ok(ended)
}

/// Where an account works: here, whatever the door says, and first; and elsewhere.
pub(super) fn places(here: Who, contexts: &[ContextRow]) -> Vec<Who> {
    let elsewhere = contexts.iter().map(|context| {
        let role = context.role().unwrap_or(here.role);
        Who::staff(HospitalId(context.hospital_id), StaffId(context.staff_id), role)
    });
    std::iter::once(here).chain(elsewhere.filter(|who| who.hospital_id != here.hospital_id)).collect()
}

/// Ends sessions of an account in these places, and says how many.
///
/// Each hospital is a transaction of its own, and while one is swept a session of the next may be switched back into it; so
/// it is done until nothing is found. [`super::Sessions::switch`] does its part.
pub(in crate::domains) async fn end_all(
    database: &Database,
    places: &[Who],
    ending: Ending,
    now: DateTime<Utc>,
    request: &RequestContext,
) -> Result<u64, DbErr> {
    let mut ended = 0;
    for _ in 0..PASSES {
        let mut found = 0;
        for who in places {
            let tx = database.begin_for_credential(who.hospital_id).await?;
            let here = repo::revoke_all(&tx, StaffId(who.id), ending, now).await?;
            if here > 0 {
                let event = request.event(now, *who, AuditAction::SignOut, AuditOutcome::Ok);
                tx.commit_with(&request.entry(vec![event])).await?;
            }
            found += here;
        }
        ended += found;
        if found == 0 {
            break;
        }
    }
    Ok(ended)
}

fn not_found() -> UserError {
    UserError::not_found("id", "session")
}
