use super::credentials::{Credentials, Proof};
use super::repo;
use crate::audit::{RequestContext, Who};
use crate::domains::sessions::{Opened, Sessions};
use crate::graphql::Fail;
use crate::kernel::{HospitalId, Role, StaffId};

/// What signing in needs.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Checks what opens the account.
    pub credentials: Credentials,
    /// Opens the session.
    pub sessions: Sessions,
}

/// A place where an account works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::domains) struct Place {
    pub(in crate::domains) staff_id: StaffId,
    pub(super) staff_name: String,
    pub(super) role: Role,
    pub(in crate::domains) hospital_id: HospitalId,
    pub(super) slug: String,
    pub(super) name: String,
}

/// What right credentials lead to.
pub(super) enum Entry {
    /// Into a hospital.
    In(Box<Opened>),
    /// To a choice between hospitals.
    Choose(Vec<Place>),
    /// To the question for a code.
    CodeNeeded,
}

impl SignIn {
    pub(super) async fn sign_in(
        &self,
        email: &str,
        password: &str,
        code: Option<&str>,
        hospital: Option<&str>,
        request: &RequestContext,
    ) -> Result<Entry, Fail> {
        let Proof::Whole(proven) = self.credentials.prove(email, request, password, code).await? else {
            return Ok(Entry::CodeNeeded);
        };
        let mut places = proven.account.places.clone();
        if let Some(slug) = hospital {
            places.retain(|place| place.slug == slug);
        }
        if places.len() > 1 {
            // The code is not used up yet: it comes again with the choice.
            return Ok(Entry::Choose(places));
        }
        let known = proven.account.clone();
        let refused = || self.credentials.refused(Some(&known), request);
        let place = places.pop().ok_or_else(refused)?;
        let account = self.credentials.settle(proven).await?;
        let opened = self.sessions.open(place.hospital_id, place.staff_id, request).await?.ok_or_else(refused)?;
        if !self.credentials.still_opens(&account).await? {
            self.sessions.end(&opened).await?;
            return Err(refused());
        }
        Ok(Entry::In(Box::new(opened)))
    }
}

impl Place {
    /// The account, as it works there.
    pub(super) fn who(&self) -> Who {
        Who::staff(self.hospital_id, self.staff_id, self.role)
    }

    pub(super) fn of(row: repo::DoorRow) -> Option<Self> {
        Some(Self {
            staff_id: StaffId(row.staff_id?),
            staff_name: row.staff_name?,
            role: Role::of(row.role.as_deref()?)?,
            hospital_id: HospitalId(row.hospital_id?),
            slug: row.hospital_slug?,
            name: row.hospital_name?,
        })
    }
}
