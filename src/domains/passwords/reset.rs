use std::sync::Arc;

use chrono::Duration;
use tokio::sync::Semaphore;

use super::change::end_sessions;
use crate::audit::RequestContext;
use crate::auth::ResetToken;
use crate::domains::accounts::{Credentials, Opens, Password};
use crate::domains::sessions::Ending;
use crate::domains::staff::{self, Staff};
use crate::error::AppError;
use crate::graphql::{Fail, UserError, UserErrorCode};
use crate::kernel::{StaffId, text};
use crate::mail::{Letter, Mailer};
use crate::tenancy::HospitalScope;

/// How long a token works. Its owner asked for it just now, so it need not wait for anybody to come to work; and a mailbox that
/// is read over a shoulder should hold nothing that still works.
const LIFE: Duration = Duration::minutes(15);
/// How long an address gets no second letter. Each letter stops the token of the one before, so somebody who asks all the time
/// must leave the owner the time to use one.
const QUIET: Duration = Duration::minutes(5);
/// Most requests that wait for their letter, and most that are looked up at a time: they come from strangers, and must not
/// take the connections from the others.
const WAITING: usize = 200;
const AT_A_TIME: usize = 2;

/// Lets people who cannot sign in choose a new password.
#[derive(Clone, Debug)]
pub struct PasswordResets {
    credentials: Credentials,
    mailer: Mailer,
    waiting: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

/// Why somebody gets a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domains) enum Occasion {
    /// Somebody typed the address.
    Asked,
    /// An administrator wants it.
    Started,
    /// An administrator removed the second factor. The account has no password that anybody knows.
    Forced,
}

impl Occasion {
    /// The first and the last paragraph of the letter.
    const fn words(self) -> (&'static str, &'static str) {
        let unwanted = "If you do not want that, do nothing: your password stays as it is.";
        match self {
            Self::Asked => ("Somebody asked for a new password for your account.", unwanted),
            Self::Started => ("An administrator of your hospital asks you to choose a new password.", unwanted),
            Self::Forced => (
                "An administrator of your hospital removed the second factor of your account.\nYour password does not work any more.",
                "If the time is over, ask for another letter where you sign in.",
            ),
        }
    }
}

impl PasswordResets {
    /// Resets of these credentials, by letter.
    pub fn new(credentials: Credentials, mailer: Mailer) -> Self {
        let [waiting, working] = [WAITING, AT_A_TIME].map(|permits| Arc::new(Semaphore::new(permits)));
        Self { credentials, mailer, waiting, working }
    }

    /// Takes a request. Whether there is such an account is found out after the answer, so that neither what it says nor how
    /// long it takes can tell.
    pub(super) fn request(&self, email: &str) -> Result<(), AppError> {
        self.mailer.ready()?;
        let Ok(address) = text::address(email) else { return Ok(()) };
        let Ok(place) = self.waiting.clone().try_acquire_owned() else {
            tracing::warn!(waiting = WAITING, "a password reset was not looked at: too many are waiting");
            return Ok(());
        };
        let resets = self.clone();
        tokio::spawn(async move {
            let _turn = resets.working.acquire().await;
            if let Err(error) = resets.offer(&address, Occasion::Asked).await {
                tracing::error!(?error, "a password reset could not be prepared");
            }
            drop(place);
        });
        Ok(())
    }

    /// Starts a reset for a member of staff of the viewer's hospital.
    pub(super) async fn start(&self, scope: &HospitalScope, id: &str) -> Result<Staff, Fail> {
        let id = StaffId::parse(id)?;
        self.mailer.ready()?;
        scope.witness().subject(id.0);
        let member = staff::active(scope, id).await?;
        let account = self.credentials.of_staff(scope, id).await?.ok_or_else(AppError::unauthenticated)?;
        self.offer(&account.email, Occasion::Started).await?;
        Ok(member)
    }

    /// Sends the letter, if the address has an account that works somewhere.
    pub(in crate::domains) async fn offer(&self, email: &str, occasion: Occasion) -> Result<(), AppError> {
        let token = ResetToken::random();
        let quiet = if occasion == Occasion::Forced { Duration::zero() } else { QUIET };
        if !self.credentials.note_reset(email, &token, LIFE, quiet).await? {
            return Ok(());
        }
        let link = self.mailer.link("reset-password", &token.reveal());
        let (why, otherwise) = occasion.words();
        let text = format!(
            "{why}\n\nOpen this address within {} minutes to choose a new password for Patient\nLogger:\n\n{link}\n\n{otherwise}\n",
            LIFE.num_minutes()
        );
        let subject = "Choose a new password for Patient Logger".to_owned();
        self.mailer.send(Letter { to: email.to_owned(), subject, text });
        Ok(())
    }

    /// Makes `new_password` the password of the account that the token belongs to, and says how many sessions that ended.
    pub(super) async fn reset(&self, token: &str, new_password: &str, request: &RequestContext) -> Result<u64, Fail> {
        let token = ResetToken::parse(token).ok_or_else(invalid)?;
        let account = self.credentials.of_reset(&token).await?.ok_or_else(invalid)?;
        // Until now an administrator knew the password. What was set up with it need not be the owner's, so it ends here.
        let factor = account.opens.factor.clone().filter(|_| account.password_chosen_by.is_none());
        let counts = factor.as_ref().filter(|factor| factor.since.is_some());
        let rule = account.password_rule(counts);
        let password_hash = self.credentials.choose("newPassword", new_password, rule).await?;
        if !self.credentials.replace(&account, &Opens { password_hash, factor }, Password::Owners).await? {
            // Somebody was quicker with the same token.
            return Err(invalid());
        }
        self.credentials.tell_change(&account, request).await?;
        end_sessions(&self.credentials, &account, Ending::All, request).await
    }
}

fn invalid() -> Fail {
    let message = "This token was used already, has ended, or is none. Ask for a new letter with requestPasswordReset.";
    UserError::new(UserErrorCode::InvalidToken, &["token"], message).into()
}
