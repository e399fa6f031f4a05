use std::sync::Arc;

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};

use super::input::StaffStatus;
use super::loader::EmailLoader;
use super::repo::{StaffRow, StaffStatusRow};
use crate::domains::task_logs::{self, Parent, TaskLogConnection, TaskLogFilter, TaskLogOrder};
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{DateTime, PageArgs, connection, loader, scope};
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

    /// What this person did for patients, most recently completed first unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    #[graphql(directive = access::apply(Permission::ReadTaskLogs), directive = semantic_non_null::apply())]
    async fn task_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of the person's task logs; all when left out.")] filter: MaybeUndefined<TaskLogFilter>,
        #[graphql(desc = "In which order; most recently completed first when left out.")] order_by: Option<TaskLogOrder>,
        #[graphql(desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<TaskLogConnection>> {
        let page = PageArgs { first, after, last, before };
        Ok(Some(task_logs::of(ctx, Parent::Clinician(self.staff_id()), filter, order_by, page).await?))
    }
}
