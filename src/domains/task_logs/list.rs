//! Lists of task logs, wherever they hang: on the root, on a patient, on a clinician.

use std::sync::Arc;

use async_graphql::{Context, MaybeUndefined};
use uuid::Uuid;

use super::input::{TaskLogFilter, TaskLogOrder, TaskLogSort};
use super::loader::{CountLoader, CountOf, PageLoader, PageOf};
use super::repo::{By, Criteria};
use super::{TaskLogConnection, bounds, service};
use crate::domains::{patients, staff};
use crate::error::AppError;
use crate::graphql::{PageArgs, TotalCount, loader, scope, unless_null, wants_in_nodes, wants_page};
use crate::kernel::{PatientId, StaffId};
use crate::tenancy::{HospitalScope, Page};

/// On what a list of task logs hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::domains) enum Parent {
    Patient(PatientId),
    Clinician(StaffId),
}

impl Parent {
    pub(super) const fn split(self) -> (By, Uuid) {
        match self {
            Self::Patient(id) => (By::Patient, id.0),
            Self::Clinician(id) => (By::Clinician, id.0),
        }
    }
}

/// The task logs of the whole hospital.
pub(super) async fn all(
    ctx: &Context<'_>,
    filter: MaybeUndefined<TaskLogFilter>,
    order: Option<TaskLogOrder>,
    page: PageArgs,
) -> Result<TaskLogConnection, AppError> {
    let scope = scope(ctx)?;
    let (criteria, sort) = wanted(scope, filter, order, None)?;
    let page = page.request(ctx, sort.list())?;
    let page = match wants_page(ctx.look_ahead()) {
        true => service::list(scope, &criteria, sort, &page).await?,
        false => Page::unread(),
    };
    // Known here for the whole page at once; the resolvers below would ask one by one and wait for each other.
    if wants_in_nodes(ctx.look_ahead(), "patient") {
        patients::prime(ctx, page.rows.iter().map(|log| log.patient_id()).collect()).await?;
    }
    if wants_in_nodes(ctx.look_ahead(), "clinician") {
        staff::prime(ctx, page.rows.iter().map(|log| log.clinician_id()).collect()).await?;
    }
    let scope = scope.clone();
    let total = TotalCount::new(move || {
        let (scope, criteria) = (scope.clone(), criteria.clone());
        async move { service::count(&scope, &criteria, sort.field).await }
    });
    Ok(TaskLogConnection::new(page, sort.list(), sort.key(), total))
}

/// The task logs of one parent; those of all parents of a page are read together.
pub(in crate::domains) async fn of(
    ctx: &Context<'_>,
    parent: Parent,
    filter: MaybeUndefined<TaskLogFilter>,
    order: Option<TaskLogOrder>,
    page: PageArgs,
) -> Result<TaskLogConnection, AppError> {
    let scope = scope(ctx)?;
    let (criteria, sort) = wanted(scope, filter, order, Some(parent))?;
    let page = page.request(ctx, sort.list())?;
    let page = if wants_page(ctx.look_ahead()) {
        let key = PageOf { parent, criteria: criteria.clone(), sort, page };
        let page = loader::<PageLoader>(ctx)?.load_one(scope.key(key)).await?;
        page.ok_or_else(|| AppError::internal("a loader left out a page"))?
    } else {
        Page::unread()
    };
    let counts = loader::<CountLoader>(ctx)?.clone();
    let scope = scope.clone();
    let total = TotalCount::new(move || {
        let (counts, key) = (counts.clone(), scope.key(CountOf { parent, criteria: criteria.clone() }));
        async move { Ok(counts.load_one(key).await?.unwrap_or(0)) }
    });
    Ok(TaskLogConnection::new(page, sort.list(), sort.key(), total))
}

fn wanted(
    scope: &HospitalScope,
    filter: MaybeUndefined<TaskLogFilter>,
    order: Option<TaskLogOrder>,
    parent: Option<Parent>,
) -> Result<(Arc<Criteria>, TaskLogSort), AppError> {
    let criteria = unless_null("filter", filter)?.unwrap_or_default().criteria()?;
    let sort = TaskLogSort::new(order);
    bounds::list(&criteria, sort.field, parent, scope.clock.now())?;
    Ok((Arc::new(criteria), sort))
}
