use super::repo;
use crate::audit::{AuditAction, AuditOutcome, RequestContext, Who};
use crate::auth::Passwords;
use crate::domains::sessions::{Opened, Sessions};
use crate::graphql::{Fail, UserError, UserErrorCode};
use crate::kernel::{HospitalId, Role, StaffId, text};
use crate::tenancy::Database;

/// What signing in needs.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The database, without a hospital yet.
    pub database: Database,
    /// Checks the password.
    pub passwords: Passwords,
    /// Opens the session.
    pub sessions: Sessions,
}

/// A place where an account works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) staff_id: StaffId,
    pub(super) role: Role,
    pub(super) hospital_id: HospitalId,
    pub(super) slug: String,
    pub(super) name: String,
}

/// What a right password leads to.
pub(super) enum Entry {
    /// Into a hospital.
    In(Box<Opened>),
    /// To a choice between hospitals.
    Choose(Vec<Place>),
}

impl SignIn {
    pub(super) async fn sign_in(
        &self,
        email: &str,
        password: &str,
        hospital: Option<&str>,
        request: &RequestContext,
    ) -> Result<Entry, Fail> {
        let rows = match text::address(email) {
            Ok(address) => repo::sign_in_door(&self.database.begin_outside_hospitals().await?, &address).await?,
            // Nobody has it.
            Err(_) => Vec::new(),
        };
        let hash = rows.first().map(|row| row.password_hash.clone());
        let mut places = rows.into_iter().filter_map(Place::of).collect::<Vec<_>>();
        if !self.passwords.verify(password, hash.as_deref()).await? {
            return Err(self.refused(&places, request));
        }
        let all = places.clone();
        if let Some(slug) = hospital {
            places.retain(|place| place.slug == slug);
        }
        match places.len() {
            0 => Err(self.refused(&all, request)),
            1 => {
                let place = &places[0];
                let opened = self.sessions.open(place.hospital_id, place.staff_id, place.role, request).await?;
                Ok(Entry::In(Box::new(opened)))
            }
            _ => Ok(Entry::Choose(places)),
        }
    }

    /// Refuses a sign-in, and leaves word of it where the account works. The answer does not wait for that: whether there is
    /// such an account must not show in the time.
    fn refused(&self, places: &[Place], request: &RequestContext) -> Fail {
        let now = self.sessions.now();
        let events = places.iter().map(|place| {
            let who = Who::staff(place.hospital_id, place.staff_id, place.role);
            request.event(now, who, AuditAction::SignIn, AuditOutcome::Refused)
        });
        self.database.leave(request.entry(events.collect()));
        invalid_credentials()
    }
}

impl Place {
    fn of(row: repo::DoorRow) -> Option<Self> {
        Some(Self {
            staff_id: StaffId(row.staff_id?),
            role: Role::of(row.role.as_deref()?)?,
            hospital_id: HospitalId(row.hospital_id?),
            slug: row.hospital_slug?,
            name: row.hospital_name?,
        })
    }
}

fn invalid_credentials() -> Fail {
    let message = "E-mail address and password do not match, or the account may not sign in there.";
    UserError::new(UserErrorCode::InvalidCredentials, &[], message).into()
}
