//! What opens an account, and the proof of having it: the one place that finds out a wrong address, password or code.
//!
//! Every change says from which state of the account it was made, and is refused when that is no longer the present one; so of
//! two that use the same code, or the same token from a letter, one succeeds.

use chrono::Duration;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};

use super::account::{Account, Factor, Opens, Password};
use super::repo;
use crate::audit::{AuditAction, AuditOutcome, Entry, RequestContext, Who};
use crate::auth::{PasswordProblem, PasswordRule, Passwords, RecoveryCode, ResetToken, SecondFactor};
use crate::domains::attempts::{Attempts, Guess};
use crate::domains::staff;
use crate::error::AppError;
use crate::graphql::{Fail, UserError, UserErrorCode};
use crate::kernel::{AccountId, Clock, StaffId, text};
use crate::keys::Sealer;
use crate::tenancy::{Database, HospitalScope, Tx};

/// Checks what opens an account, and changes it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The database, without a hospital: an account is in none.
    pub database: Database,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Counts the guesses.
    pub attempts: Attempts,
    /// Keeps the secrets of second factors.
    pub sealer: Sealer,
    /// The time.
    pub clock: Clock,
}

/// What somebody who wants in has shown.
pub(in crate::domains) enum Proof {
    /// Everything.
    Whole(Box<Proven>),
    /// The password; the code of the second factor is still to come.
    CodeNeeded,
}

/// An account whose owner has shown everything that opens it. A code counts as used when this is settled.
pub(in crate::domains) struct Proven {
    pub(in crate::domains) account: Account,
    /// What opens the account from then on.
    pub(in crate::domains) left: Opens,
}

/// What a guess came to.
enum Guessed<T> {
    Right(T),
    Unfinished(T),
    Wrong,
}

impl Credentials {
    /// The account of an address in the form that is kept.
    pub(in crate::domains) async fn find(&self, email: &str) -> Result<Option<Account>, AppError> {
        let rows = repo::sign_in_door(&self.database.begin_outside_hospitals().await?, email).await?;
        Ok(Account::read(email, rows))
    }

    /// The account of a member of staff of the viewer's hospital.
    pub(in crate::domains) async fn of_staff(
        &self,
        scope: &HospitalScope,
        id: StaffId,
    ) -> Result<Option<Account>, AppError> {
        let Some(member) = staff::find(scope, id).await? else { return Ok(None) };
        let email = staff::email_of(scope, &member).await?;
        // A request holds one connection at a time.
        scope.close().await;
        match email {
            Some(email) => self.find(&email).await,
            None => Ok(None),
        }
    }

    /// The viewer's own account.
    pub(in crate::domains) async fn own(&self, scope: &HospitalScope) -> Result<Account, AppError> {
        self.of_staff(scope, scope.staff_id()?).await?.ok_or_else(AppError::unauthenticated)
    }

    /// The account of an address as somebody typed it, if this is its password. Without an account it takes as long to say no.
    pub(in crate::domains) async fn password_is(
        &self,
        email: &str,
        request: &RequestContext,
        password: &str,
    ) -> Result<Account, Fail> {
        self.guess(email, request, password, Guessed::Right).await
    }

    /// Whether somebody has all that opens an account: the password and, if there is a second factor, a code.
    pub(in crate::domains) async fn prove(
        &self,
        email: &str,
        request: &RequestContext,
        password: &str,
        code: Option<&str>,
    ) -> Result<Proof, Fail> {
        let code = code.filter(|code| !code.trim().is_empty());
        let check = |account: Account| {
            let mut left = account.opens.clone();
            if let Some(factor) = account.factor() {
                // Half an answer is neither right nor wrong. Taken for right, it would let its bearer guess codes for ever.
                let Some(code) = code else { return Guessed::Unfinished(Proof::CodeNeeded) };
                match self.without(account.id, factor, code) {
                    Some(factor) => left.factor = Some(factor),
                    None => return Guessed::Wrong,
                }
            }
            Guessed::Right(Proof::Whole(Box::new(Proven { account, left })))
        };
        let mut proof = self.guess(email, request, password, check).await?;
        if let Proof::Whole(proven) = &mut proof
            && Passwords::is_outdated(&proven.left.password_hash)
            && let Ok(hash) = self.passwords.hash(password).await
        {
            // When the server is too busy, a better hash can wait for a quieter moment.
            proven.left.password_hash = hash;
        }
        Ok(proof)
    }

    /// Looks whether a password is right, and at what else there is to see; and counts what was wrong.
    async fn guess<T>(
        &self,
        email: &str,
        request: &RequestContext,
        password: &str,
        check: impl FnOnce(Account) -> Guessed<T>,
    ) -> Result<T, Fail> {
        let address = text::address(email).ok();
        let turn = self.passwords.turn()?;
        let attempt =
            self.attempts.begin(Guess::Password, address.as_deref().unwrap_or(email), &request.client).await?;
        let account = match &address {
            Some(address) => self.find(address).await?,
            // Nobody has it.
            None => None,
        };
        let hash = account.as_ref().map(|account| account.opens.password_hash.as_str());
        let matches = match turn.verify(password, hash).await {
            Ok(matches) => matches,
            Err(fault) => {
                attempt.withdrawn().await?;
                return Err(fault.into());
            }
        };
        let known = account.clone();
        match account.filter(|_| matches).map_or(Guessed::Wrong, check) {
            Guessed::Right(found) => {
                attempt.succeeded().await?;
                Ok(found)
            }
            Guessed::Unfinished(found) => {
                attempt.withdrawn().await?;
                Ok(found)
            }
            Guessed::Wrong => {
                attempt.failed();
                Err(self.refused(known.as_ref(), request))
            }
        }
    }

    /// Refuses somebody who wants in, and leaves word of it where the account works. The answer does not wait for that:
    /// whether there is such an account must not show in the time.
    pub(super) fn refused(&self, account: Option<&Account>, request: &RequestContext) -> Fail {
        let places = account.map(Account::staff).unwrap_or_default();
        self.database.leave(self.events(&places, request, AuditAction::SignIn, AuditOutcome::Refused));
        wrong()
    }

    /// Tells the hospitals where an account works that what opens it was changed by somebody who is not signed in.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(in crate::domains) async fn tell_change(
        &self,
        account: &Account,
        request: &RequestContext,
    ) -> Result<(), AppError> {
        let entry = self.events(&account.staff(), request, AuditAction::Change, AuditOutcome::Ok);
        self.database.record(entry).await
    }

    fn events(&self, places: &[Who], request: &RequestContext, action: AuditAction, outcome: AuditOutcome) -> Entry {
        let now = self.clock.now();
        request.entry(places.iter().map(|who| request.event(now, *who, action, outcome)).collect())
    }

    /// The factor after this code was used; `None` when it is a wrong one.
    fn without(&self, account: AccountId, factor: &Factor, code: &str) -> Option<Factor> {
        if let Some(code) = RecoveryCode::parse(code) {
            let hash = code.hash();
            let left: Vec<_> = factor.recovery_hashes.iter().filter(|known| **known != hash).cloned().collect();
            return (left.len() < factor.recovery_hashes.len())
                .then(|| Factor { recovery_hashes: left, ..factor.clone() });
        }
        let (secret, step) = self.shown(account, factor, code)?;
        // RFC 6238, 5.2: a code is accepted once, and an older one not after it.
        let is_later = factor.step.is_none_or(|last| step > last);
        // Sealed anew, so that an old key is out of use some time after another was promoted.
        let used = || Factor { sealed: self.seal(account, &secret), step: Some(step), ..factor.clone() };
        is_later.then(used)
    }

    /// The secret of a factor and the time step of a code, if an authenticator app shows that now.
    fn shown(&self, account: AccountId, factor: &Factor, code: &str) -> Option<(SecondFactor, i64)> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).take(10).collect();
        let secret = SecondFactor::from_bytes(&self.sealer.open(account.0.as_bytes(), &factor.sealed)?)?;
        let step = secret.step_of(&digits, self.clock.now().timestamp())?;
        Some((secret, step))
    }

    /// The time step of a code that an authenticator app shows now.
    pub(in crate::domains) fn step_of(&self, account: AccountId, factor: &Factor, code: &str) -> Option<i64> {
        self.shown(account, factor, code).map(|(_, step)| step)
    }

    /// A new second factor as it is kept, still to be confirmed.
    pub(in crate::domains) fn new_factor(&self, account: AccountId, secret: &SecondFactor) -> Factor {
        Factor { sealed: self.seal(account, secret), since: None, step: None, recovery_hashes: Vec::new() }
    }

    /// A secret that only this installation can read, and only for this account.
    fn seal(&self, account: AccountId, secret: &SecondFactor) -> Vec<u8> {
        self.sealer.seal(account.0.as_bytes(), secret.as_bytes())
    }

    /// Writes down what was used for a proof. Somebody who was quicker with the same code makes it a wrong one.
    pub(in crate::domains) async fn settle(&self, proven: Box<Proven>) -> Result<Account, Fail> {
        let Proven { account, left } = *proven;
        let is_settled = left == account.opens || self.replace(&account, &left, Password::Same).await?;
        // A better hash of the same password may be lost; a code that was used may not.
        if is_settled || left.factor == account.opens.factor { Ok(account) } else { Err(wrong()) }
    }

    /// Whether the password is still the one that the account was read with. Whoever changes it ends all sessions after that;
    /// who opens one with the old password asks this last, so one of the two finds the other.
    pub(in crate::domains) async fn still_opens(&self, account: &Account) -> Result<bool, AppError> {
        let now = self.find(&account.email).await?;
        Ok(now.is_some_and(|now| now.id == account.id && now.password_version == account.password_version))
    }

    /// The hash of a password that the owner of an account has chosen, if it may be chosen; `field` is where it stands in the
    /// input.
    pub(in crate::domains) async fn choose(
        &self,
        field: &str,
        password: &str,
        rule: PasswordRule,
    ) -> Result<String, Fail> {
        match self.passwords.check(password, rule).await? {
            Ok(()) => Ok(self.passwords.hash(password).await?),
            Err(problem) => Err(UserError::new(code_of(problem), &[field], problem.message(field)).into()),
        }
    }

    /// Makes `opens` what opens the account; false when the account has changed since it was read. A new password ends an open
    /// reset.
    pub(in crate::domains) async fn replace(
        &self,
        account: &Account,
        opens: &Opens,
        password: Password,
    ) -> Result<bool, AppError> {
        self.ask(repo::replace(account, opens, password, self.clock.now())).await
    }

    /// [`Credentials::replace`], with everything else that the transaction does or not at all.
    pub(in crate::domains) async fn replace_in_tx(
        &self,
        tx: &Tx,
        account: &Account,
        opens: &Opens,
        password: Password,
    ) -> Result<bool, AppError> {
        let statement = repo::replace(account, opens, password, self.clock.now());
        Ok(done(tx.query_one_raw(statement).await?)?)
    }

    /// Notes a token with which a new password can be chosen until then; the one before stops. False when there is no letter to
    /// send: the address has no account that works anywhere, or got a letter after `quiet_since`.
    pub(in crate::domains) async fn note_reset(
        &self,
        email: &str,
        token: &ResetToken,
        life: Duration,
        quiet: Duration,
    ) -> Result<bool, AppError> {
        let now = self.clock.now();
        self.ask(repo::note_reset(email, token.secret_hash(), now, now + life, now - quiet)).await
    }

    /// The account that a token for a new password belongs to, in the state from which it can be used.
    pub(in crate::domains) async fn of_reset(&self, token: &ResetToken) -> Result<Option<Account>, AppError> {
        let question = repo::reset_owner(token.secret_hash(), self.clock.now());
        let Some(row) = self.database.ask_for_credential(question).await? else { return Ok(None) };
        let (email, seen): (String, i32) = (row.try_get("", "address")?, row.try_get("", "seen")?);
        Ok(self.find(&email).await?.filter(|account| account.version == seen))
    }

    async fn ask(&self, statement: Statement) -> Result<bool, AppError> {
        Ok(done(self.database.ask_for_credential(statement).await?)?)
    }
}

/// Whether a door did what it was asked. It says true or nothing.
fn done(row: Option<QueryResult>) -> Result<bool, DbErr> {
    let done = row.map(|row| row.try_get::<Option<bool>>("", "done")).transpose()?;
    Ok(done.flatten() == Some(true))
}

/// The code of the user error for a password that cannot be chosen.
pub(in crate::domains) fn code_of(problem: PasswordProblem) -> UserErrorCode {
    match problem {
        PasswordProblem::TooShort(_) => UserErrorCode::TooShort,
        PasswordProblem::TooLong => UserErrorCode::TooLong,
        PasswordProblem::Forbidden => UserErrorCode::Invalid,
        PasswordProblem::Guessable => UserErrorCode::Guessable,
    }
}

/// A wrong address, password or code. They are one answer, so that nobody learns which.
fn wrong() -> Fail {
    let message = "The e-mail address, the password or the code is wrong, or the account may not sign in there.";
    UserError::new(UserErrorCode::InvalidCredentials, &[], message).into()
}
