use crate::audit::RequestContext;
use crate::domains::accounts::{Account, Credentials, Opens, Password};
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
    let rule = account.password_rule(account.factor());
    let password_hash = credentials.choose("newPassword", new, rule).await?;
    let opens = Opens { password_hash, ..account.opens.clone() };
    if !credentials.replace(&account, &opens, Password::New).await? {
        return Err(changed_meanwhile().into());
    }
    end_sessions(credentials, &account, Ending::AllBut(session_id), request).await
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
