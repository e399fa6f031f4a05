use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Request;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};

use super::{Staff, service};
use crate::error::AppError;
use crate::kernel::{AccountId, StaffId};
use crate::tenancy::{HospitalScope, LoadKey};

/// Members of staff by id.
pub struct StaffById(Arc<HospitalScope>);

impl Loader<LoadKey<StaffId>> for StaffById {
    type Value = Staff;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<StaffId>]) -> Result<HashMap<LoadKey<StaffId>, Staff>, AppError> {
        let staff = service::by_ids(&self.0, keys.iter().map(|key| key.id).collect()).await?;
        Ok(staff.into_iter().map(|member| (self.0.key(member.staff_id()), member)).collect())
    }
}

/// E-mail addresses by account.
pub struct Emails(Arc<HospitalScope>);

impl Loader<LoadKey<AccountId>> for Emails {
    type Value = String;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<AccountId>]) -> Result<HashMap<LoadKey<AccountId>, String>, AppError> {
        let emails = service::emails(&self.0, keys.iter().map(|key| key.id).collect()).await?;
        Ok(emails.into_iter().map(|(account, email)| (self.0.key(account), email)).collect())
    }
}

/// The active administrators: whether one of them is the last.
pub struct ActiveAdmins(Arc<HospitalScope>);

impl Loader<LoadKey<()>> for ActiveAdmins {
    type Value = Vec<StaffId>;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<()>]) -> Result<HashMap<LoadKey<()>, Vec<StaffId>>, AppError> {
        let admins = service::active_admins(&self.0).await?;
        Ok(keys.iter().map(|key| (*key, admins.clone())).collect())
    }
}

/// The loaders as a request holds them.
pub(super) type StaffLoader = DataLoader<StaffById, HashMapCache>;
pub(super) type AdminLoader = DataLoader<ActiveAdmins, HashMapCache>;
pub(super) type EmailLoader = DataLoader<Emails, HashMapCache>;

/// Gives a request its loaders.
pub fn loaders(request: Request, scope: &Arc<HospitalScope>) -> Request {
    request
        .data(DataLoader::with_cache(StaffById(scope.clone()), tokio::spawn, HashMapCache::default()))
        .data(DataLoader::with_cache(ActiveAdmins(scope.clone()), tokio::spawn, HashMapCache::default()))
        .data(DataLoader::with_cache(Emails(scope.clone()), tokio::spawn, HashMapCache::default()))
}
