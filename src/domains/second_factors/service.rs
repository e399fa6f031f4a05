use crate::audit::RequestContext;
use crate::auth::{RecoveryCode, ResetToken, SecondFactor};
use crate::domains::accounts::{Account, Credentials, Factor, Opens, Password, Proof};
use crate::domains::hospitals::{self, Hospital};
use crate::domains::passwords::{Occasion, PasswordResets};
use crate::domains::sessions::{self, Ending};
use crate::domains::staff::{self, Staff};
use crate::error::{AppError, ErrorCode};
use crate::graphql::{Fail, UserError, UserErrorCode};
use crate::kernel::StaffId;
use crate::mail::{Letter, Mailer};
use crate::tenancy::HospitalScope;

/// Makes a secret that waits to be confirmed. Starting again makes another.
pub(super) async fn start(
    credentials: &Credentials,
    scope: &HospitalScope,
    request: &RequestContext,
    password: &str,
) -> Result<(SecondFactor, Account), Fail> {
    let own = credentials.own(scope).await?;
    let account = credentials.password_is(&own.email, request, password).await?;
    if account.factor().is_some() {
        return Err(enrolled());
    }
    let secret = SecondFactor::random();
    let opens = Opens { factor: Some(credentials.new_factor(account.id, &secret)), ..account.opens.clone() };
    replace(credentials, &account, &opens).await?;
    Ok((secret, account))
}

/// Makes the secret count, and gives the recovery codes.
pub(super) async fn confirm(
    credentials: &Credentials,
    scope: &HospitalScope,
    code: &str,
) -> Result<Vec<RecoveryCode>, Fail> {
    let account = credentials.own(scope).await?;
    if account.factor().is_some() {
        return Err(enrolled());
    }
    let Some(waiting) = account.opens.factor.clone() else { return Err(missing("Begin with startSecondFactor.")) };
    let step = credentials.step_of(account.id, &waiting, code).ok_or_else(|| {
        let message =
            "This is not the code that the app shows now. Look at the clock of the telephone, and try the next code.";
        UserError::new(UserErrorCode::InvalidCredentials, &["code"], message)
    })?;
    let (codes, recovery_hashes) = recovery_codes();
    let factor = Factor { since: Some(credentials.clock.now()), step: Some(step), recovery_hashes, ..waiting };
    replace(credentials, &account, &Opens { factor: Some(factor), ..account.opens.clone() }).await?;
    Ok(codes)
}

/// Removes the viewer's second factor.
pub(super) async fn remove(
    credentials: &Credentials,
    scope: &HospitalScope,
    request: &RequestContext,
    password: &str,
    code: &str,
) -> Result<(), Fail> {
    let (account, _) = prove(credentials, scope, request, password, code).await?;
    // A password that was long enough beside a second factor may not be without.
    if credentials.passwords.check(password, account.password_rule(None)).await?.is_err() {
        let message = "Your password is too weak to be all there is. Choose one of 15 characters or more with changePassword first.";
        return Err(UserError::new(UserErrorCode::TooShort, &["password"], message).into());
    }
    replace(credentials, &account, &Opens { factor: None, ..account.opens.clone() }).await
}

/// Gives new recovery codes and ends the old ones.
pub(super) async fn renew(
    credentials: &Credentials,
    scope: &HospitalScope,
    request: &RequestContext,
    password: &str,
    code: &str,
) -> Result<Vec<RecoveryCode>, Fail> {
    let (account, left) = prove(credentials, scope, request, password, code).await?;
    let Some(factor) = left.factor.clone() else { return Err(missing("There is nothing to recover.")) };
    let (codes, recovery_hashes) = recovery_codes();
    replace(credentials, &account, &Opens { factor: Some(Factor { recovery_hashes, ..factor }), ..left }).await?;
    Ok(codes)
}

/// Decides whether staff of the viewer's hospital need a second factor.
pub(super) async fn require(scope: &HospitalScope, required: bool) -> Result<Hospital, Fail> {
    let own = staff::find(scope, scope.staff_id()?).await?.ok_or_else(AppError::unauthenticated)?;
    // Who requires it without having one would lock the own door from outside.
    if required && !staff::has_second_factor(scope, &own).await? {
        return Err(missing("Begin with your own: startSecondFactor."));
    }
    Ok(hospitals::require_second_factor(scope, required).await?)
}

/// Removes the lost second factor of a colleague, who gets a letter to choose a new password: so that nobody is let in by a
/// stolen password and a good story. An account that works in another hospital too keeps its factor, because that hospital
/// relies on it; the letter says so. The answer is one and the same: where else somebody works is not this hospital's to know.
pub(super) async fn reset(
    credentials: &Credentials,
    resets: &PasswordResets,
    mailer: &Mailer,
    scope: &HospitalScope,
    id: &str,
) -> Result<Staff, Fail> {
    let id = StaffId::parse(id)?;
    scope.witness().subject(id.0);
    mailer.ready()?;
    let member = staff::active(scope, id).await?;
    let account = credentials.of_staff(scope, id).await?.ok_or_else(AppError::unauthenticated)?;
    if account.factor().is_none() {
        return Err(missing("This person has none."));
    }
    if account.places.iter().any(|place| place.hospital_id != scope.hospital_id()) {
        let text = "An administrator asked to remove the second factor of your account in Patient Logger. It was not removed,\n\
                    because your account works in several hospitals. Sign in with a recovery code instead.\n";
        let subject = "Your second factor for Patient Logger".to_owned();
        mailer.send(Letter { to: account.email, subject, text: text.to_owned() });
        return Ok(member);
    }
    // A password that nobody knows, in case it was one that was only good enough beside the factor, or somebody else's by now.
    let nobodys = credentials.passwords.hash(&ResetToken::random().reveal()).await?;
    if !credentials.replace(&account, &Opens { password_hash: nobodys, factor: None }, Password::New).await? {
        return Err(changed_meanwhile().into());
    }
    sessions::end_all(
        &credentials.database,
        &account.staff(),
        Ending::All,
        scope.clock.now(),
        scope.witness().request(),
    )
    .await?;
    resets.offer(&account.email, Occasion::Forced).await?;
    Ok(member)
}

async fn prove(
    credentials: &Credentials,
    scope: &HospitalScope,
    request: &RequestContext,
    password: &str,
    code: &str,
) -> Result<(Account, Opens), Fail> {
    let own = credentials.own(scope).await?;
    if own.factor().is_none() {
        return Err(missing("There is none to change."));
    }
    match credentials.prove(&own.email, request, password, Some(code)).await? {
        Proof::Whole(proven) => Ok((proven.account, proven.left)),
        Proof::CodeNeeded => Err(UserError::new(UserErrorCode::Blank, &["code"], "code must not be blank.").into()),
    }
}

fn recovery_codes() -> (Vec<RecoveryCode>, Vec<Vec<u8>>) {
    let codes = RecoveryCode::random();
    let hashes = codes.iter().map(|code| code.hash().to_vec()).collect();
    (codes, hashes)
}

async fn replace(credentials: &Credentials, account: &Account, opens: &Opens) -> Result<(), Fail> {
    if credentials.replace(account, opens, Password::Same).await? { Ok(()) } else { Err(changed_meanwhile().into()) }
}

fn changed_meanwhile() -> AppError {
    AppError::public(ErrorCode::Unavailable, "The account was changed at the same moment. Try again.")
}

fn missing(what_to_do: &str) -> Fail {
    let message = format!("There is no second factor. {what_to_do}");
    UserError::new(UserErrorCode::SecondFactorMissing, &[], message).into()
}

fn enrolled() -> Fail {
    let message = "Your account has a second factor. To change it, remove it with removeSecondFactor first.";
    UserError::new(UserErrorCode::SecondFactorEnrolled, &[], message).into()
}
