use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Request;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};

use super::{PartnerKeyObject, service};
use crate::error::AppError;
use crate::kernel::PartnerKeyId;
use crate::tenancy::{HospitalScope, LoadKey};

/// Keys by id.
pub struct PartnerKeysById(Arc<HospitalScope>);

impl Loader<LoadKey<PartnerKeyId>> for PartnerKeysById {
    type Value = PartnerKeyObject;
    type Error = AppError;

    async fn load(
        &self,
        keys: &[LoadKey<PartnerKeyId>],
    ) -> Result<HashMap<LoadKey<PartnerKeyId>, PartnerKeyObject>, AppError> {
        let found = service::by_ids(&self.0, keys.iter().map(|key| key.id).collect()).await?;
        Ok(found.into_iter().map(|key| (self.0.key(key.key_id()), key)).collect())
    }
}

/// The loader as a request holds it.
pub(super) type PartnerKeyLoader = DataLoader<PartnerKeysById, HashMapCache>;

/// Gives a request its loader.
pub fn loaders(request: Request, scope: &Arc<HospitalScope>) -> Request {
    request.data(DataLoader::with_cache(PartnerKeysById(scope.clone()), tokio::spawn, HashMapCache::default()))
}
