//! Joining with the token from a letter. There is no viewer yet, so this uses the database directly, in the hospital that the
//! token names.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::input::AcceptInvitationInput;
use super::repo::{self, InvitationRow};
use crate::audit::{AuditAction, AuditOutcome, Event, RequestContext, Who};
use crate::auth::{InvitationToken, PasswordRule};
use crate::domains::accounts::{Account, Credentials, Password, Proof, Proven};
use crate::domains::sessions::{Opened, Sessions};
use crate::domains::staff::NewStaff;
use crate::domains::{hospitals, staff};
use crate::error::{AppError, ErrorCode};
use crate::graphql::{Check, Fail, UserError, UserErrorCode};
use crate::kernel::{AccountId, StaffId, text};
use crate::tenancy::WriteTx;

/// What joining needs.
#[derive(Clone, Debug)]
pub struct Joining {
    /// Makes the account, or checks the one that is there.
    pub credentials: Credentials,
    /// Opens the session.
    pub sessions: Sessions,
}

/// What became of an invitation.
pub(super) enum Joined {
    /// A session.
    In(Box<Opened>),
    /// A question for the code of the account that the address has already.
    CodeNeeded,
}

/// How the account of somebody who joins is opened from then on.
enum Login {
    /// A new account with a password that its owner has chosen.
    New(String),
    /// The account that the address had.
    Proven(Box<Proven>),
}

impl Joining {
    pub(super) async fn accept(&self, input: AcceptInvitationInput, request: &RequestContext) -> Result<Joined, Fail> {
        let token = InvitationToken::parse(&input.token).ok_or_else(invalid)?;
        let now = self.credentials.clock.now();
        let tx = self.credentials.database.begin_for_credential(token.hospital_id).await?;
        let invitation = pending(&tx, &token, now).await?;
        let hospital = hospitals::name_in_tx(&tx, token.hospital_id).await?;
        // Nothing is held while a password is computed.
        drop(tx);

        let mut check = Check::default();
        let name = match &input.name {
            Some(name) => check.text("name", name, 100, text::line),
            None => invitation.name.clone(),
        };
        let login = match self.credentials.find(&invitation.email).await? {
            Some(account) => {
                check.done()?;
                match self.proven(&account, request, &input, &invitation).await? {
                    Some(proven) => Login::Proven(proven),
                    None => return Ok(Joined::CodeNeeded),
                }
            }
            None => {
                let words = vec![name.clone(), invitation.name.clone(), invitation.email.clone(), hospital];
                let rule = PasswordRule { beside_factor: false, words };
                let chosen = self.credentials.choose("password", &input.password, rule).await;
                let hash = match chosen {
                    Err(Fail::User(errors)) => {
                        errors.into_iter().for_each(|error| check.add(error));
                        String::new()
                    }
                    chosen => chosen?,
                };
                check.done()?;
                Login::New(hash)
            }
        };
        let proven = match &login {
            Login::New(_) => None,
            Login::Proven(proven) => Some(proven.account.clone()),
        };
        let staff_id = self.join(&token, name, login, request).await?;
        let opened = self.sessions.open(token.hospital_id, staff_id, request).await?.ok_or_else(invalid)?;
        if let Some(account) = proven
            && !self.credentials.still_opens(&account).await?
        {
            self.sessions.end(&opened).await?;
            return Err(AppError::unauthenticated().into());
        }
        Ok(Joined::In(Box::new(opened)))
    }

    /// The proof that the person has what opens the account; `None` when the code is still to come.
    async fn proven(
        &self,
        account: &Account,
        request: &RequestContext,
        input: &AcceptInvitationInput,
        invitation: &InvitationRow,
    ) -> Result<Option<Box<Proven>>, Fail> {
        // An administrator elsewhere knows this password; it must not come to open this hospital too.
        if account.password_chosen_by.is_some_and(|hospital| hospital.0 != invitation.hospital_id) {
            let message = "You have an account with a password that an administrator chose for you. Choose your own first, with \
                           requestPasswordReset, then accept this invitation again.";
            return Err(UserError::new(UserErrorCode::InvalidCredentials, &["password"], message).into());
        }
        match self.credentials.prove(&account.email, request, &input.password, input.code.as_deref()).await {
            Ok(Proof::Whole(proven)) => Ok(Some(proven)),
            Ok(Proof::CodeNeeded) => Ok(None),
            // Who has the letter may know that there is an account: the mailbox is theirs.
            Err(Fail::User(_)) => {
                let message = "You have an account with this e-mail address. Give its password and, if it has a second factor, a \
                               code; or choose a new password with requestPasswordReset first.";
                Err(UserError::new(UserErrorCode::InvalidCredentials, &["password"], message).into())
            }
            Err(error) => Err(error),
        }
    }

    /// Writes it all down, or nothing.
    async fn join(
        &self,
        token: &InvitationToken,
        name: String,
        login: Login,
        request: &RequestContext,
    ) -> Result<StaffId, Fail> {
        let now = self.credentials.clock.now();
        let tx = self.credentials.database.begin_for_credential(token.hospital_id).await?;
        // Whoever else uses this token waits here, and then finds that it was used.
        let invitation = pending(&tx, token, now).await?;
        let staff_id = StaffId(Uuid::now_v7());
        let new_account = AccountId(Uuid::now_v7());
        let password_hash = match &login {
            Login::New(hash) => hash.clone(),
            Login::Proven(proven) => proven.account.opens.password_hash.clone(),
        };
        let new = NewStaff { email: invitation.email.clone(), name, role: invitation.role, password_hash };
        let (_, found) = staff::join_in_tx(&tx, token.hospital_id, staff_id, new_account, new, now).await?;
        let settled = match login {
            // Until now it counts as chosen by this hospital; but its owner did.
            Login::New(password_hash) if found == new_account => {
                let account = Account::fresh(new_account, &invitation.email, &password_hash);
                let opens = account.opens.clone();
                self.credentials.replace_in_tx(&tx, &account, &opens, Password::Owners).await?
            }
            Login::New(_) => false,
            Login::Proven(proven) => {
                let Proven { account, left } = *proven;
                found == account.id && self.credentials.replace_in_tx(&tx, &account, &left, Password::Same).await?
            }
        };
        if !settled {
            // The account was made or changed at the same moment. Nothing of this was written.
            return Err(AppError::public(
                ErrorCode::Unavailable,
                "Your account was changed at the same moment. Try again.",
            )
            .into());
        }
        repo::accept(&tx, &invitation, staff_id, now).await?;
        let who = Who::staff(token.hospital_id, staff_id, invitation.role.into());
        let event = request.event(now, who, AuditAction::Change, AuditOutcome::Ok);
        tx.commit_with(&request.entry(vec![Event { subject_id: Some(token.id.0), ..event }])).await?;
        Ok(staff_id)
    }
}

/// The invitation that a token is for, held against other changes, while it can be accepted.
async fn pending(tx: &WriteTx, token: &InvitationToken, now: DateTime<Utc>) -> Result<InvitationRow, Fail> {
    let row = repo::lock(tx, token.hospital_id, token.id).await?;
    let stands = |row: &InvitationRow| {
        // Hashes of a secret that nobody can choose: how long the comparison takes says nothing.
        row.token_hash == token.secret_hash()
            && row.accepted_at.is_none()
            && row.revoked_at.is_none()
            && row.expires_at > now
    };
    row.filter(stands).ok_or_else(invalid)
}

fn invalid() -> Fail {
    let message =
        "This invitation was used already, was revoked, has ended, or is none. Ask your hospital for another.";
    UserError::new(UserErrorCode::InvalidToken, &["token"], message).into()
}
