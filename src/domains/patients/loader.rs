use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Request;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};

use super::{Patient, service};
use crate::error::AppError;
use crate::kernel::PatientId;
use crate::tenancy::{HospitalScope, LoadKey};

/// Patients by id.
pub struct Patients(Arc<HospitalScope>);

impl Loader<LoadKey<PatientId>> for Patients {
    type Value = Patient;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<PatientId>]) -> Result<HashMap<LoadKey<PatientId>, Patient>, AppError> {
        let patients = service::by_ids(&self.0, keys.iter().map(|key| key.id).collect()).await?;
        Ok(patients.into_iter().map(|patient| (self.0.key(patient.patient_id()), patient)).collect())
    }
}

/// The loader as a request holds it.
pub(super) type PatientLoader = DataLoader<Patients, HashMapCache>;

/// Gives a request its loader.
pub fn loaders(request: Request, scope: &Arc<HospitalScope>) -> Request {
    request.data(DataLoader::with_cache(Patients(scope.clone()), tokio::spawn, HashMapCache::default()))
}
