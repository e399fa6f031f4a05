use std::sync::Arc;

use async_graphql::{ID, Object};

use super::repo::HospitalRow;
use crate::graphql::label::access;
use crate::kernel::{HospitalId, Permission};

/// A hospital.
#[derive(Clone, Debug)]
pub struct Hospital(Arc<HospitalRow>);

impl Hospital {
    pub(super) fn new(row: HospitalRow) -> Self {
        Self(Arc::new(row))
    }

    /// The name of its time zone, from the IANA database.
    pub fn time_zone_name(&self) -> &str {
        &self.0.time_zone
    }

    /// Whether staff need a second factor here.
    pub fn requires_second_factor(&self) -> bool {
        self.0.second_factor_required
    }
}

/// A hospital.
#[Object(directive = access::apply(Permission::Public))]
impl Hospital {
    /// Identifies the hospital in the whole API.
    pub async fn id(&self) -> ID {
        HospitalId(self.0.id).to_string().into()
    }

    /// Short name, for signing in.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Display name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Time zone from the IANA database, such as `Europe/London`. A day in `taskLogStats` is a day there.
    async fn time_zone(&self) -> &str {
        &self.0.time_zone
    }

    /// Whether staff need a second factor here: who has none may only set one up. See `requireSecondFactor`.
    async fn second_factor_required(&self) -> bool {
        self.0.second_factor_required
    }
}
