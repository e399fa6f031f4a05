use std::sync::Arc;

use uuid::Uuid;

use super::repo;
use crate::auth::{AccessToken, Passwords, Tokens};
use crate::error::AppError;
use crate::graphql::{Fail, UserError, UserErrorCode};
use crate::kernel::{Actor, Clock, HospitalId, Role, SessionId, StaffId, Viewer, text};
use crate::tenancy::{Database, HospitalScope};

/// What signing in needs.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The database, without a hospital yet.
    pub database: Database,
    /// Checks the password.
    pub passwords: Passwords,
    /// Makes the token.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
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
    In(AccessToken, Arc<HospitalScope>),
    /// To a choice between hospitals.
    Choose(Vec<Place>),
}

impl SignIn {
    pub(super) async fn sign_in(&self, email: &str, password: &str, hospital: Option<&str>) -> Result<Entry, Fail> {
        let rows = match text::address(email) {
            Ok(address) => repo::sign_in_door(&self.database.begin_outside_hospitals().await?, &address).await?,
            // Nobody has it.
            Err(_) => Vec::new(),
        };
        let hash = rows.first().map(|row| row.password_hash.clone());
        if !self.passwords.verify(password, hash.as_deref()).await? {
            return Err(invalid_credentials());
        }
        let mut places = rows.into_iter().filter_map(Place::of).collect::<Vec<_>>();
        if let Some(slug) = hospital {
            places.retain(|place| place.slug == slug);
        }
        match places.len() {
            0 => Err(invalid_credentials()),
            1 => Ok(self.enter(&places[0])?),
            _ => Ok(Entry::Choose(places)),
        }
    }

    fn enter(&self, place: &Place) -> Result<Entry, AppError> {
        let session_id = SessionId(Uuid::now_v7());
        let token = self.tokens.issue(place.staff_id, place.hospital_id, place.role, session_id)?;
        let viewer = Viewer {
            hospital_id: place.hospital_id,
            actor: Actor::Staff { id: place.staff_id, session_id },
            role: place.role,
            permissions: place.role.permissions(),
            expires_at: token.expires_at,
        };
        let scope = HospitalScope::new(self.database.clone(), self.clock.clone(), viewer);
        Ok(Entry::In(token, Arc::new(scope)))
    }
}

impl Place {
    fn of(row: repo::DoorRow) -> Option<Self> {
        Some(Self {
            staff_id: StaffId(row.staff_id?),
            role: Role::ALL.into_iter().find(|role| Some(role.name()) == row.role.as_deref())?,
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
