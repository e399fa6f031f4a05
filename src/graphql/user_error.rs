use async_graphql::{Context, Enum, MaybeUndefined, SimpleObject};

use super::label::access;
use super::scope;
use crate::audit::AuditOutcome;
use crate::error::AppError;
use crate::kernel::Permission;
use crate::kernel::text::TextProblem;

/// Why a mutation did not do what it was asked: something that the person at the screen can understand and mend.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct UserError {
    /// The reason, for programs.
    pub code: UserErrorCode,
    /// The reason, for people.
    pub message: String,
    /// The path in `input` of what has to change; empty when it is not about one field.
    pub field: Vec<String>,
}

/// Why a mutation did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// Nothing but white space, or null where a value is needed.
    Blank,
    /// Longer than allowed; the message says how long it may be.
    TooLong,
    /// Shorter than allowed; the message says how long it must be.
    TooShort,
    /// Not of the form that is needed, or with characters that are not allowed.
    Invalid,
    /// A time that is still to come.
    InFuture,
    /// Somebody else has it already.
    Taken,
    /// There is no such thing in your hospital.
    NotFound,
    /// You lack the permission for this.
    NoPermission,
    /// Only the clinician who recorded it may do this.
    NotAuthor,
    /// Say why: changing somebody else's record needs a reason.
    ReasonRequired,
    /// It has changed since you read it. Read it again and decide anew.
    VersionConflict,
    /// The record is archived and does not change any more.
    Archived,
    /// The record is restricted and not open to you. In an emergency, open it with `breakGlass` first.
    Restricted,
    /// The record is not restricted, so there is nothing to open.
    NotRestricted,
    /// A hospital keeps at least one active administrator.
    LastAdmin,
    /// This member of staff is deactivated.
    Deactivated,
    /// This idempotency key was used with another input.
    IdempotencyKeyReused,
    /// A password that is common, or made of what others know about its owner.
    Guessable,
    /// The e-mail address, the password or the code is wrong, or the account may not sign in there.
    InvalidCredentials,
    /// The token from a letter is none, was used before, or has ended. Ask for another letter.
    InvalidToken,
    /// You have no second factor, or have not begun to set one up.
    SecondFactorMissing,
    /// Your account has a second factor already.
    SecondFactorEnrolled,
    /// The session has ended, or the refresh token is not its own or was used before. Sign in again.
    InvalidSession,
}

impl UserError {
    /// An error about the field at `path` of the input.
    pub fn new(code: UserErrorCode, path: &[&str], message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: path.iter().map(|&name| name.to_owned()).collect() }
    }

    /// No such thing: absent, foreign and hidden are one answer.
    pub fn not_found(field: &str, noun: &str) -> Self {
        Self::new(UserErrorCode::NotFound, &[field], format!("There is no such {noun} in your hospital."))
    }

    /// Somebody changed it in between.
    pub fn version_conflict(expected: i32, found: i32) -> Self {
        let message =
            format!("You expected version {expected}; it is at version {found}. Read it again and decide anew.");
        Self::new(UserErrorCode::VersionConflict, &["expectedVersion"], message)
    }
}

/// How a mutation fails: in an expected way, or by surprise.
#[derive(Debug)]
pub enum Fail {
    /// Expected: goes into the payload.
    User(Vec<UserError>),
    /// A surprise: goes into `errors`.
    App(AppError),
}

impl From<UserError> for Fail {
    fn from(error: UserError) -> Self {
        Self::User(vec![error])
    }
}

impl<E: Into<AppError>> From<E> for Fail {
    fn from(error: E) -> Self {
        Self::App(error.into())
    }
}

/// Splits what a service did into the two fields of a payload, and sees to it that the audit trail tells of it: also what
/// changed nothing leaves an event when somebody is signed in.
///
/// # Errors
/// The surprises.
pub fn settle<T>(ctx: &Context<'_>, done: Result<T, Fail>) -> Result<(Option<T>, Vec<UserError>), AppError> {
    if let Ok(scope) = scope(ctx) {
        let outcome = match &done {
            Ok(_) => AuditOutcome::Ok,
            Err(Fail::User(_)) => AuditOutcome::Refused,
            Err(Fail::App(_)) => AuditOutcome::Failed,
        };
        scope.witness().settle(scope.clock.now(), outcome);
    }
    settle_outside(done)
}

/// The same where nobody is signed in yet, or somebody else than will be: the service sees to the events.
///
/// # Errors
/// The surprises.
pub fn settle_outside<T>(done: Result<T, Fail>) -> Result<(Option<T>, Vec<UserError>), AppError> {
    match done {
        Ok(value) => Ok((Some(value), Vec::new())),
        Err(Fail::User(errors)) => Ok((None, errors)),
        Err(Fail::App(error)) => Err(error),
    }
}

/// Collects what is wrong with an input, so that a form shows all of it at once.
#[derive(Debug, Default)]
pub struct Check(Vec<UserError>);

impl Check {
    /// Notes an error.
    pub fn refuse(&mut self, code: UserErrorCode, field: &str, message: impl Into<String>) {
        self.0.push(UserError::new(code, &[field], message));
    }

    /// Notes an error that was found elsewhere.
    pub fn add(&mut self, error: UserError) {
        self.0.push(error);
    }

    /// A text cleaned by `clean` (see [`crate::kernel::text`]); empty when it is refused.
    pub fn text(
        &mut self,
        field: &str,
        text: &str,
        max: usize,
        clean: fn(&str, usize) -> Result<String, TextProblem>,
    ) -> String {
        clean(text, max).unwrap_or_else(|problem| {
            match problem {
                TextProblem::Blank => self.refuse(UserErrorCode::Blank, field, format!("{field} must not be blank.")),
                TextProblem::TooLong => {
                    self.refuse(UserErrorCode::TooLong, field, format!("{field} may have at most {max} characters."));
                }
                TextProblem::Forbidden => self.refuse(
                    UserErrorCode::Invalid,
                    field,
                    format!("{field} has control characters or characters that change the direction of writing."),
                ),
            }
            String::new()
        })
    }

    /// A value that may be left out of a change, but not be null.
    pub fn required<T>(&mut self, field: &str, value: MaybeUndefined<T>) -> Option<T> {
        if value.is_null() {
            self.refuse(
                UserErrorCode::Blank,
                field,
                format!("{field} cannot be empty. Leave it out to keep it as it is."),
            );
        }
        value.take()
    }

    /// An e-mail address, in lower case. Whether it exists is for a letter to find out; here it only has to look like one.
    pub fn email(&mut self, field: &str, email: &str) -> String {
        let clean = crate::kernel::text::address(email).unwrap_or_default();
        let fits = clean.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty()
                && host.contains('.')
                && !host.starts_with('.')
                && !host.ends_with('.')
                && !host.contains('@')
        });
        if !fits || clean.contains(char::is_whitespace) {
            self.refuse(
                UserErrorCode::Invalid,
                field,
                format!("{field} must be an e-mail address such as ann@example.org."),
            );
        }
        clean
    }

    /// Goes on if nothing was noted.
    ///
    /// # Errors
    /// What was noted.
    pub fn done(self) -> Result<(), Fail> {
        if self.0.is_empty() { Ok(()) } else { Err(Fail::User(self.0)) }
    }
}
