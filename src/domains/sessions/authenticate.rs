//! From an access token to a viewer.

use chrono::Duration;
use sea_orm::DbErr;

use super::repo::{self, Standing, StandingQuestion};
use crate::auth::Tokens;
use crate::error::AppError;
use crate::kernel::{Actor, Clock, HospitalId, SessionId, Viewer};
use crate::tenancy::{Database, Together};

/// How exactly the last use of a session is kept.
const LAST_USE: Duration = Duration::seconds(60);

/// How long what a sign-in gives lives.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// An access token.
    pub access_token: std::time::Duration,
    /// A session that is not refreshed.
    pub idle: std::time::Duration,
}

/// Opens, prolongs and checks sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    pub(super) database: Database,
    standings: Together<StandingQuestion, Standing>,
    pub(super) tokens: Tokens,
    pub(super) clock: Clock,
    pub(super) idle: Duration,
}

impl Sessions {
    /// Sessions of this database.
    ///
    /// # Panics
    /// When `idle` is longer than the calendar.
    pub fn new(database: Database, tokens: Tokens, clock: Clock, idle: std::time::Duration) -> Self {
        let standings = database.together(repo::STANDINGS);
        Self { database, standings, tokens, clock, idle: Duration::from_std(idle).expect("minutes fit") }
    }

    /// Who a token speaks for; `None` when it is not one of ours, or its session does not stand any more.
    ///
    /// It is asked before anything runs, whatever the request wants: also `{ __typename }` is an answer that a colleague who was
    /// deactivated must not get as one who is signed in (OWASP ASVS 5.0, 7.4.2 and 8.3.2). Requests that ask at the same time
    /// share one statement.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn viewer(&self, token: &str) -> Result<Option<Viewer>, AppError> {
        let Some(claimed) = self.tokens.verify(token) else { return Ok(None) };
        let Actor::Staff { id, session_id } = claimed.actor else { return Ok(None) };
        let now = self.clock.now();
        let Some(standing) = self.standing(claimed.hospital_id, session_id).await? else { return Ok(None) };
        if standing.staff_id != id {
            return Ok(None);
        }
        if now - standing.last_used_at >= LAST_USE {
            self.note_use(claimed.hospital_id, session_id);
        }
        // The role that the staff record has now, not the one in the token.
        let (permissions, glasses) = (standing.permissions(), standing.glasses());
        Ok(Some(Viewer { role: standing.role, permissions, glasses, ..claimed }))
    }

    /// Whose a session is and in which role; `None` when it does not stand.
    pub(super) async fn standing(&self, hospital: HospitalId, id: SessionId) -> Result<Option<Standing>, DbErr> {
        self.standings.ask((hospital, id, self.clock.now())).await
    }

    /// Notes the use beside the request: it must not wait for a write.
    fn note_use(&self, hospital: HospitalId, id: SessionId) {
        let (database, now) = (self.database.clone(), self.clock.now());
        tokio::spawn(async move {
            let written = async {
                let tx = database.begin_for_credential(hospital).await?;
                repo::used(&tx, hospital, id, now, now - LAST_USE).await?;
                tx.commit().await
            };
            if let Err(error) = written.await {
                tracing::warn!(%error, "the last use of a session was not noted");
            }
        });
    }
}
