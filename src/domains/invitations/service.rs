use chrono::Duration;
use uuid::Uuid;

use super::input::{InviteStaffInput, RevokeInvitationInput};
use super::object::InvitationObject;
use super::repo::{self, InvitationRow};
use crate::auth::InvitationToken;
use crate::domains::{hospitals, staff};
use crate::error::{AppError, violated_constraint};
use crate::graphql::{Check, Fail, UserError, UserErrorCode};
use crate::kernel::{InvitationId, text};
use crate::mail::{Letter, Mailer};
use crate::tenancy::{HospitalScope, Page, PageRequest};

/// How long an invitation can be accepted. Who starts on Monday is invited on Friday: it has to outlive a weekend.
pub(super) const LIFE: Duration = Duration::hours(72);

pub(super) async fn list(scope: &HospitalScope, page: &PageRequest) -> Result<Page<InvitationObject>, AppError> {
    let rows = repo::list(&*scope.read().await?, page).await?;
    Ok(page.page(rows).map(InvitationObject::new))
}

pub(super) async fn count(scope: &HospitalScope) -> Result<u64, AppError> {
    Ok(repo::count(&*scope.read().await?).await?)
}

/// Invites somebody. What the address was sent before stops.
pub(super) async fn invite(
    scope: &HospitalScope,
    mailer: &Mailer,
    input: InviteStaffInput,
) -> Result<InvitationObject, Fail> {
    mailer.ready()?;
    let mut check = Check::default();
    let name = check.text("name", &input.name, 100, text::line);
    let email = check.email("email", &input.email);
    let role = staff::checked_role(&mut check, input.role);
    check.done()?;

    let now = scope.clock.now();
    let token = InvitationToken::random(scope.hospital_id(), InvitationId(Uuid::now_v7()));
    let row = InvitationRow {
        hospital_id: scope.hospital_id().0,
        id: token.id.0,
        email: email.clone(),
        name,
        role,
        token_hash: token.secret_hash().into(),
        invited_by_id: scope.staff_id()?.0,
        created_at: now,
        expires_at: now + LIFE,
        revoked_at: None,
        accepted_at: None,
        staff_id: None,
    };
    let tx = scope.write().await?;
    if staff::is_here_in_tx(&tx, &email).await? {
        return Err(staff::taken().into());
    }
    let hospital = hospitals::name_in_tx(&tx, scope.hospital_id()).await?;
    repo::revoke_pending(&tx, &email, now).await?;
    let row = repo::insert(&tx, row).await.map_err(|error| match violated_constraint(&error) {
        Some("invitations_pending") => {
            let message = "Somebody else is inviting this address just now. Look at staffInvitations.";
            UserError::new(UserErrorCode::Taken, &["email"], message).into()
        }
        _ => Fail::from(error),
    })?;
    scope.witness().subject(row.id);
    tx.commit().await?;
    mailer.send(letter(mailer, &hospital, &token, email));
    Ok(InvitationObject::new(row))
}

fn letter(mailer: &Mailer, hospital: &str, token: &InvitationToken, to: String) -> Letter {
    let link = mailer.link("accept-invitation", &token.reveal());
    let text = format!(
        "{hospital} invites you to Patient Logger.\n\nOpen this address within {} hours to join:\n\n{link}\n\n\
         If you do not know what this is about, do nothing.\n",
        LIFE.num_hours()
    );
    Letter { to, subject: format!("Invitation to Patient Logger from {hospital}"), text }
}

/// Revokes an invitation. Revoking it again changes nothing.
pub(super) async fn revoke(scope: &HospitalScope, input: RevokeInvitationInput) -> Result<InvitationObject, Fail> {
    let id = InvitationId::parse(&input.id)?;
    scope.witness().subject(id.0);
    let tx = scope.write().await?;
    let row = repo::lock(&tx, scope.hospital_id(), id).await?;
    let row = row.ok_or_else(|| UserError::not_found("id", "invitation"))?;
    if row.accepted_at.is_some() {
        let message = "The person has joined already. Use deactivateStaff to end the access.";
        return Err(UserError::new(UserErrorCode::Invalid, &["id"], message).into());
    }
    let row = match row.revoked_at {
        Some(_) => row,
        None => repo::revoke(&tx, &row, scope.clock.now()).await?,
    };
    tx.commit().await?;
    Ok(InvitationObject::new(row))
}
