use std::sync::Arc;

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};

use super::input::StaffStatus;
use super::loader::{AdminLoader, EmailLoader};
use super::repo::{StaffRow, StaffStatusRow};
use super::service;
use crate::domains::task_logs::{self, Parent, TaskLogConnection, TaskLogFilter, TaskLogOrder};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{CannotReason, DateTime, PageArgs, connection, loader, scope};
use crate::kernel::{AccountId, Permission, PermissionSet, Role, StaffId};
use crate::tenancy::{KeyPart, SortKey};

/// A member of staff of your hospital.
#[derive(Clone, Debug)]
pub struct Staff(Arc<StaffRow>);

connection!(StaffConnection, StaffEdge, Staff, ReadStaff, "members of staff");

impl Staff {
    pub(super) fn new(row: StaffRow) -> Self {
        Self(Arc::new(row))
    }

    /// The id.
    pub fn staff_id(&self) -> StaffId {
        StaffId(self.0.id)
    }

    pub(super) fn account_id(&self) -> AccountId {
        AccountId(self.0.account_id)
    }

    /// The display name.
    pub fn display_name(&self) -> &str {
        &self.0.name
    }

    /// What this member of staff may do.
    pub fn permission_set(&self) -> PermissionSet {
        Role::from(self.0.role).permissions()
    }

    /// Whether this member of staff may sign in.
    pub fn is_active(&self) -> bool {
        self.0.status == StaffStatusRow::Active
    }

    fn cannot_change(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>, AppError> {
        Ok(service::cannot_update(&scope(ctx)?.viewer, &self.0))
    }

    async fn cannot_deactivate(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>, AppError> {
        let scope = scope(ctx)?;
        // Only an administrator's answer depends on the others.
        let admins = match scope.viewer.may(Permission::ManageStaff) {
            true => loader::<AdminLoader>(ctx)?.load_one(scope.key(())).await?.unwrap_or_default(),
            false => Vec::new(),
        };
        Ok(service::cannot_deactivate(&scope.viewer, &self.0, &admins))
    }

    /// Lists of staff are sorted by name.
    pub(super) fn sort_key(&self) -> SortKey {
        SortKey(vec![KeyPart::Text(self.0.name.clone()), KeyPart::Id(self.0.id)])
    }
}

/// A member of staff of your hospital.
#[Object(directive = access::apply(Permission::ReadStaff))]
impl Staff {
    /// Identifies the member of staff in the whole API.
    pub async fn id(&self) -> ID {
        self.staff_id().to_string().into()
    }

    /// Name as colleagues know it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The role.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// E-mail address for signing in.
    #[graphql(directive = access::apply(Permission::ReadStaffAccounts), directive = semantic_non_null::apply())]
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let key = scope(ctx)?.key(self.account_id());
        Ok(loader::<EmailLoader>(ctx)?.load_one(key).await?)
    }

    /// Whether the person may sign in.
    #[graphql(directive = access::apply(Permission::ReadStaffAccounts), directive = semantic_non_null::apply())]
    async fn status(&self) -> Option<StaffStatus> {
        Some(self.0.status.into())
    }

    /// When the person joined.
    #[graphql(directive = access::apply(Permission::ReadStaffAccounts), directive = semantic_non_null::apply())]
    async fn created_at(&self) -> Option<DateTime> {
        Some(self.0.created_at.into())
    }

    /// When the record last changed.
    #[graphql(directive = access::apply(Permission::ReadStaffAccounts), directive = semantic_non_null::apply())]
    async fn updated_at(&self) -> Option<DateTime> {
        Some(self.0.updated_at.into())
    }

    /// Counts changes, from 1. Send it as `expectedVersion` with a change.
    #[graphql(directive = access::apply(Permission::ReadStaffAccounts), directive = semantic_non_null::apply())]
    async fn version(&self) -> Option<i32> {
        Some(self.0.version)
    }

    /// Whether you can change this member of staff now. Draw the button from this.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.cannot_change(ctx)?.is_empty())
    }

    /// Why you cannot change this member of staff; empty when you can.
    async fn viewer_cannot_update_reasons(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>> {
        Ok(self.cannot_change(ctx)?)
    }

    /// Whether you can deactivate this member of staff now.
    async fn viewer_can_delete(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.cannot_deactivate(ctx).await?.is_empty())
    }

    /// Why you cannot deactivate this member of staff; empty when you can.
    async fn viewer_cannot_delete_reasons(&self, ctx: &Context<'_>) -> Result<Vec<CannotReason>> {
        Ok(self.cannot_deactivate(ctx).await?)
    }

    /// What this person did for patients, most recently completed first unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    #[graphql(directive = access::apply(Permission::ReadTaskLogs), directive = semantic_non_null::apply())]
    async fn task_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of the person's task logs; all when left out.")] filter: MaybeUndefined<TaskLogFilter>,
        #[graphql(desc = "In which order; most recently completed first when left out.")] order_by: Option<
            TaskLogOrder,
        >,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<TaskLogConnection>> {
        let page = PageArgs { first, after, last, before };
        Ok(Some(task_logs::of(ctx, Parent::Clinician(self.staff_id()), filter, order_by, page).await?))
    }
}
