use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use tokio::sync::OnceCell;

use crate::domains::audit::{self, ActivityConnection};
use crate::domains::hospitals::{self, Hospital};
use crate::domains::partner_keys::{self, PartnerKeyObject};
use crate::domains::sessions::{self, Session};
use crate::domains::staff::{self, Staff};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{DateTime, PageArgs};
use crate::kernel::{Actor, Permission, Role, StaffId};
use crate::tenancy::HospitalScope;

/// You, in the hospital that you are signed in to.
#[derive(Clone, Debug)]
pub struct ViewerObject {
    /// Its own scope: right after `signIn` the request itself has none.
    scope: Arc<HospitalScope>,
    staff: Arc<OnceCell<Staff>>,
}

impl ViewerObject {
    pub(in crate::domains) fn new(scope: Arc<HospitalScope>) -> Self {
        Self { scope, staff: Arc::default() }
    }

    /// The staff record, of a person.
    async fn member(&self) -> Result<Option<&Staff>, AppError> {
        let Some(id) = self.scope.viewer.staff_id() else { return Ok(None) };
        let find = async || staff::find(&self.scope, id).await?.ok_or_else(AppError::unauthenticated);
        self.staff.get_or_try_init(find).await.map(Some)
    }

    async fn key(&self) -> Result<PartnerKeyObject, AppError> {
        let Actor::PartnerKey(id) = self.scope.viewer.actor else { return Err(AppError::unauthenticated()) };
        partner_keys::find(&self.scope, id).await?.ok_or_else(AppError::unauthenticated)
    }
}

/// A hospital in which your account works.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct WorkContext {
    /// Your staff record there, for `switchContext`.
    staff_id: ID,
    /// Your role there.
    role: Role,
    /// The `slug` of the hospital.
    slug: String,
    /// The name of the hospital.
    name: String,
    /// Whether you are there now.
    current: bool,
}

/// Your second factor: a code beside the password.
#[derive(Clone, Copy, Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct SecondFactorStatus {
    /// Whether your account has one: `signIn` asks for a code.
    enrolled: bool,
    /// Whether this hospital requires one. While you have none, you may do nothing here but set one up with
    /// `startSecondFactor` and `confirmSecondFactor`.
    required: bool,
}

/// You, in the hospital that you are signed in to. Whoever gets a viewer is that viewer, so these fields need nothing more.
#[Object(name = "Viewer", directive = access::apply(Permission::Public))]
impl ViewerObject {
    /// The id of your staff record, or of your partner key.
    async fn id(&self) -> ID {
        match self.scope.viewer.actor {
            Actor::Staff { id, .. } => id.to_string().into(),
            Actor::PartnerKey(id) => id.to_string().into(),
        }
    }

    /// Your name as colleagues know it, or the name of your partner key.
    async fn name(&self) -> Result<String> {
        Ok(match self.member().await? {
            Some(member) => member.display_name().to_owned(),
            None => self.key().await?.display_name().to_owned(),
        })
    }

    /// Your e-mail address for signing in; null with a partner key.
    async fn email(&self) -> Result<Option<String>> {
        match self.member().await? {
            Some(member) => Ok(staff::email_of(&self.scope, member).await?),
            None => Ok(None),
        }
    }

    /// Your role.
    async fn role(&self) -> Role {
        self.scope.viewer.role
    }

    /// What you may do. A field whose label needs one of these gives you its value.
    async fn permissions(&self) -> Vec<Permission> {
        self.scope.viewer.permissions.iter().collect()
    }

    /// The hospital that you are signed in to.
    async fn hospital(&self) -> Result<Hospital> {
        Ok(hospitals::current(&self.scope).await?)
    }

    /// Your staff record; null with a partner key. Right after `signIn` it is refused: ask for it in the next request, with the token.
    #[graphql(directive = access::apply(Permission::ReadStaff))]
    async fn staff(&self) -> Result<Option<Staff>> {
        Ok(self.member().await?.cloned())
    }

    /// Your sessions in this hospital that have not ended, the one used last first, at most 50; none with a partner key. If
    /// you do not know one of them, end it with `revokeSession`.
    async fn sessions(&self) -> Result<Vec<Session>> {
        Ok(sessions::list(&self.scope).await?)
    }

    /// Where your account works, this hospital among them; none with a partner key. `switchContext` opens a session there.
    async fn contexts(&self) -> Result<Vec<WorkContext>> {
        let (scope, contexts) = (&self.scope, sessions::contexts(&self.scope).await?);
        let context = |row: sessions::ContextRow| {
            let staff_id = StaffId(row.staff_id);
            Some(WorkContext {
                staff_id: staff_id.to_string().into(),
                role: row.role()?,
                slug: row.hospital_slug,
                name: row.hospital_name,
                current: scope.viewer.staff_id() == Some(staff_id),
            })
        };
        Ok(contexts.into_iter().filter_map(context).collect())
    }

    /// What you did in this hospital, newest first; with a partner key, what was done with it. Right after `signIn` it is refused:
    /// ask for it in the next request, with the token.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn recent_activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
    ) -> Result<Option<ActivityConnection>> {
        Ok(Some(audit::recent_activity(ctx, PageArgs { first, after, ..PageArgs::default() }).await?))
    }

    /// Your second factor; null with a partner key.
    async fn second_factor(&self) -> Result<Option<SecondFactorStatus>> {
        let Some(member) = self.member().await? else { return Ok(None) };
        Ok(Some(SecondFactorStatus {
            enrolled: staff::has_second_factor(&self.scope, member).await?,
            required: hospitals::current(&self.scope).await?.requires_second_factor(),
        }))
    }

    /// When your access token or partner key stops working.
    async fn expires_at(&self) -> DateTime {
        self.scope.viewer.expires_at.into()
    }
}
