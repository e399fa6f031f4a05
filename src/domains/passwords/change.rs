use crate::audit::RequestContext;
use crate::auth::PasswordRule;
use crate::domains::accounts::{Account, Credentials, Opens};
use crate::domains::sessions::{self, Ending};
use crate::error::{AppError, ErrorCode};
use crate::graphql::Fail;
use crate::kernel::Actor;
use crate::tenancy::HospitalScope;

/// Changes the password of the viewer's account and says how many other sessions that ended.
pub(super) async fn change(
    credentials: &Credentials,
    scope: &HospitalScope,
    request: &RequestContext,
    current: &str,
    new: &str,
) -> Result<u64, Fail> {
    let Actor::Staff { session_id, .. } = scope.viewer.actor else { return Err(AppError::unauthenticated().into()) };
    let own = credentials.own(scope).await?;
    let account = credentials.password_is(&own.email, request, current).await?;
    let password_hash = credentials.choose("newPassword", new, rule_for(&account)).await?;
    if !credentials.replace_password(&account, &Opens { password_hash, ..account.opens.clone() }).await? {
        return Err(changed_meanwhile().into());
    }
    end_sessions(credentials, &account, Ending::AllBut(session_id), request).await
}

/// What a new password of this account has to withstand.
pub(super) fn rule_for(account: &Account) -> PasswordRule {
    PasswordRule { beside_factor: account.factor().is_some(), words: account.words() }
}

/// Ends what the account has open, wherever it works, and says how much that was.
pub(super) async fn end_sessions(
    credentials: &Credentials,
    account: &Account,
    ending: Ending,
    request: &RequestContext,
) -> Result<u64, Fail> {
    // Asked anew: a password of its owner's own opens every hospital that the account works in.
    let places = credentials.find(&account.email).await?.map(|account| account.staff()).unwrap_or_default();
    Ok(sessions::end_all(&credentials.database, &places, ending, credentials.clock.now(), request).await?)
}

fn changed_meanwhile() -> AppError {
    AppError::public(ErrorCode::Unavailable, "Your account was changed at the same moment. Try again.")
}
