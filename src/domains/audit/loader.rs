use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Request;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use uuid::Uuid;

use super::repo::{self, Criteria, ShapeRow};
use super::{AuditEvent, service};
use crate::error::AppError;
use crate::kernel::PatientId;
use crate::tenancy::{HospitalScope, LoadKey, Page, PageRequest};

/// Names of fields by the id that stands for them.
pub(super) struct Shapes(Arc<HospitalScope>);

impl Loader<LoadKey<Uuid>> for Shapes {
    type Value = Arc<ShapeRow>;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<Uuid>]) -> Result<HashMap<LoadKey<Uuid>, Arc<ShapeRow>>, AppError> {
        let shapes = repo::shapes(&*self.0.read().await?, keys.iter().map(|key| key.id).collect()).await?;
        Ok(shapes.into_iter().map(|shape| (self.0.key(shape.id), Arc::new(shape))).collect())
    }
}

/// One page of the events about one patient.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HistoryOf {
    pub(super) patient: PatientId,
    pub(super) criteria: Criteria,
    pub(super) page: PageRequest,
}

/// Pages of events by patient.
pub(super) struct Histories(Arc<HospitalScope>);

impl Loader<LoadKey<HistoryOf>> for Histories {
    type Value = Page<AuditEvent>;
    type Error = AppError;

    async fn load(
        &self,
        keys: &[LoadKey<HistoryOf>],
    ) -> Result<HashMap<LoadKey<HistoryOf>, Page<AuditEvent>>, AppError> {
        let mut groups: HashMap<(&Criteria, &PageRequest), Vec<&LoadKey<HistoryOf>>> = HashMap::new();
        for key in keys {
            groups.entry((&key.id.criteria, &key.id.page)).or_default().push(key);
        }
        let mut loaded = HashMap::with_capacity(keys.len());
        for ((criteria, page), keys) in groups {
            let patients: Vec<Uuid> = keys.iter().map(|key| key.id.patient.0).collect();
            let mut pages = service::histories(&self.0, &patients, criteria, page).await?;
            loaded.extend(keys.into_iter().filter_map(|key| Some((key.clone(), pages.remove(&key.id.patient.0)?))));
        }
        Ok(loaded)
    }
}

/// The loaders as a request holds them.
pub(super) type ShapeLoader = DataLoader<Shapes, HashMapCache>;
pub(super) type HistoryLoader = DataLoader<Histories>;

/// Gives a request its loaders.
pub fn loaders(request: Request, scope: &Arc<HospitalScope>) -> Request {
    request
        .data(DataLoader::with_cache(Shapes(scope.clone()), tokio::spawn, HashMapCache::default()))
        .data(DataLoader::new(Histories(scope.clone()), tokio::spawn))
}
