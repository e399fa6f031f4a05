use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::Request;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use uuid::Uuid;

use super::input::TaskLogSort;
use super::list::Parent;
use super::repo::{self, Criteria};
use super::revision::TaskLogRevision;
use super::{TaskLog, service};
use crate::error::AppError;
use crate::kernel::{PatientId, TaskLogId};
use crate::tenancy::{HospitalScope, LoadKey, Page, PageRequest};

/// Task logs by id.
pub(super) struct TaskLogs(Arc<HospitalScope>);

impl Loader<LoadKey<TaskLogId>> for TaskLogs {
    type Value = TaskLog;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<TaskLogId>]) -> Result<HashMap<LoadKey<TaskLogId>, TaskLog>, AppError> {
        let logs = service::by_ids(&self.0, keys.iter().map(|key| key.id).collect()).await?;
        Ok(logs.into_iter().map(|log| (self.0.key(log.task_log_id()), log)).collect())
    }
}

/// One page of the task logs of one parent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PageOf {
    pub(super) parent: Parent,
    pub(super) criteria: Arc<Criteria>,
    pub(super) sort: TaskLogSort,
    pub(super) page: PageRequest,
}

/// Pages of task logs by parent: one statement for all parents that want the same page.
pub(super) struct TaskLogPages(Arc<HospitalScope>);

impl Loader<LoadKey<PageOf>> for TaskLogPages {
    type Value = Page<TaskLog>;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<PageOf>]) -> Result<HashMap<LoadKey<PageOf>, Page<TaskLog>>, AppError> {
        let tx = self.0.read().await?;
        let mut loaded = HashMap::with_capacity(keys.len());
        let alike = grouped(keys, |key| {
            let PageOf { parent, criteria, sort, page } = &key.id;
            (parent.split().0, criteria.clone(), *sort, page.clone())
        });
        for ((by, criteria, sort, page), keys) in alike {
            let parents = keys.iter().map(|key| key.id.parent.split().1).collect();
            let rows = repo::lists_by(&tx, by, parents, &criteria, sort, &page).await?;
            let mut rows = grouped(rows, |row| by.of(row));
            for key in keys {
                let rows = rows.remove(&key.id.parent.split().1).unwrap_or_default();
                loaded.insert(key.clone(), page.page(rows).map(|row| TaskLog::seen(&self.0, row)));
            }
        }
        Ok(loaded)
    }
}

/// The number of task logs of one parent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CountOf {
    pub(super) parent: Parent,
    pub(super) criteria: Arc<Criteria>,
}

/// Numbers of task logs by parent.
pub(super) struct TaskLogCounts(Arc<HospitalScope>);

impl Loader<LoadKey<CountOf>> for TaskLogCounts {
    type Value = u64;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<CountOf>]) -> Result<HashMap<LoadKey<CountOf>, u64>, AppError> {
        let tx = self.0.read().await?;
        let mut loaded = HashMap::with_capacity(keys.len());
        for ((by, criteria), keys) in grouped(keys, |key| (key.id.parent.split().0, key.id.criteria.clone())) {
            let parents = keys.iter().map(|key| key.id.parent.split().1).collect();
            let counts: HashMap<Uuid, i64> = repo::counts_by(&tx, by, parents, &criteria).await?.into_iter().collect();
            for key in keys {
                let count = counts.get(&key.id.parent.split().1).copied().unwrap_or(0);
                loaded.insert(key.clone(), count.unsigned_abs());
            }
        }
        Ok(loaded)
    }
}

/// One page of the earlier versions of one task log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RevisionsOf {
    pub(super) log: TaskLogId,
    /// Whose task log it is.
    pub(super) patient: PatientId,
    pub(super) page: PageRequest,
}

/// Earlier versions by task log.
pub(super) struct Revisions(Arc<HospitalScope>);

impl Loader<LoadKey<RevisionsOf>> for Revisions {
    type Value = Page<TaskLogRevision>;
    type Error = AppError;

    async fn load(
        &self,
        keys: &[LoadKey<RevisionsOf>],
    ) -> Result<HashMap<LoadKey<RevisionsOf>, Page<TaskLogRevision>>, AppError> {
        let tx = self.0.read().await?;
        let mut loaded = HashMap::with_capacity(keys.len());
        for (page, keys) in grouped(keys, |key| key.id.page.clone()) {
            let rows = repo::revisions_of(&tx, keys.iter().map(|key| key.id.log.0).collect(), &page).await?;
            let mut rows = grouped(rows, |row| row.task_log_id);
            for key in keys {
                let rows = rows.remove(&key.id.log.0).unwrap_or_default();
                let seen = |row| TaskLogRevision::seen(&self.0, key.id.patient, row);
                loaded.insert(key.clone(), page.page(rows).map(seen));
            }
        }
        Ok(loaded)
    }
}

/// Numbers of earlier versions by task log.
pub(super) struct RevisionCounts(Arc<HospitalScope>);

impl Loader<LoadKey<TaskLogId>> for RevisionCounts {
    type Value = u64;
    type Error = AppError;

    async fn load(&self, keys: &[LoadKey<TaskLogId>]) -> Result<HashMap<LoadKey<TaskLogId>, u64>, AppError> {
        let counts = repo::count_revisions(&*self.0.read().await?, keys.iter().map(|key| key.id.0).collect()).await?;
        Ok(counts.into_iter().map(|(log, count)| (self.0.key(TaskLogId(log)), count.unsigned_abs())).collect())
    }
}

fn grouped<T, K: Eq + Hash>(items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> HashMap<K, Vec<T>> {
    let mut groups: HashMap<K, Vec<T>> = HashMap::new();
    for item in items {
        groups.entry(key(&item)).or_default().push(item);
    }
    groups
}

/// The loaders as a request holds them.
pub(super) type TaskLogLoader = DataLoader<TaskLogs, HashMapCache>;
pub(super) type PageLoader = DataLoader<TaskLogPages>;
pub(super) type CountLoader = Arc<DataLoader<TaskLogCounts>>;
pub(super) type RevisionLoader = DataLoader<Revisions>;
pub(super) type RevisionCountLoader = Arc<DataLoader<RevisionCounts>>;

/// Gives a request its loaders.
pub fn loaders(request: Request, scope: &Arc<HospitalScope>) -> Request {
    request
        .data(DataLoader::with_cache(TaskLogs(scope.clone()), tokio::spawn, HashMapCache::default()))
        .data(DataLoader::new(TaskLogPages(scope.clone()), tokio::spawn))
        .data(Arc::new(DataLoader::new(TaskLogCounts(scope.clone()), tokio::spawn)))
        .data(DataLoader::new(Revisions(scope.clone()), tokio::spawn))
        .data(Arc::new(DataLoader::new(RevisionCounts(scope.clone()), tokio::spawn)))
}
