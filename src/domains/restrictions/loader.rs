use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Request;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};

use super::repo::{self, RestrictionRow};
use crate::error::AppError;
use crate::kernel::PatientId;
use crate::tenancy::{HospitalScope, LoadKey};

/// Restrictions by patient.
pub struct Restrictions(Arc<HospitalScope>);

impl Loader<LoadKey<PatientId>> for Restrictions {
    type Value = RestrictionRow;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<PatientId>]) -> Result<HashMap<LoadKey<PatientId>, RestrictionRow>, AppError> {
        let rows = repo::in_force(&*self.0.read().await?, keys.iter().map(|key| key.id).collect()).await?;
        Ok(rows.into_iter().map(|row| (self.0.key(PatientId(row.patient_id)), row)).collect())
    }
}

/// The loader as a request holds it.
pub(super) type RestrictionLoader = DataLoader<Restrictions, HashMapCache>;

/// Gives a request its loader.
pub fn loaders(request: Request, scope: &Arc<HospitalScope>) -> Request {
    request.data(DataLoader::with_cache(Restrictions(scope.clone()), tokio::spawn, HashMapCache::default()))
}
