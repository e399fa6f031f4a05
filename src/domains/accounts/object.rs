use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use tokio::sync::OnceCell;

use crate::domains::hospitals::{self, Hospital};
use crate::domains::staff::{self, Staff};
use crate::error::AppError;
use crate::graphql::DateTime;
use crate::graphql::label::{access, semantic_non_null};
use crate::kernel::{Permission, Role};
use crate::tenancy::HospitalScope;

/// You, in the hospital that you are signed in to.
#[derive(Clone, Debug)]
pub struct ViewerObject {
    /// Its own scope: right after `signIn` the request itself has none.
    scope: Arc<HospitalScope>,
    staff: Arc<OnceCell<Staff>>,
}

impl ViewerObject {
    pub(super) fn new(scope: Arc<HospitalScope>) -> Self {
        Self { scope, staff: Arc::default() }
    }

    async fn member(&self) -> Result<&Staff, AppError> {
        let find = async || staff::find(&self.scope, self.scope.viewer.staff_id).await?.ok_or_else(AppError::unauthenticated);
        self.staff.get_or_try_init(find).await
    }
}

/// You, in the hospital that you are signed in to. Whoever gets a viewer is that viewer, so these fields need nothing more.
#[Object(name = "Viewer", directive = access::apply(Permission::Public))]
impl ViewerObject {
    /// The id of your staff record.
    async fn id(&self) -> ID {
        self.scope.viewer.staff_id.to_string().into()
    }

    /// Your name as colleagues know it.
    async fn name(&self) -> Result<String> {
        Ok(self.member().await?.display_name().to_owned())
    }

    /// Your e-mail address for signing in.
    async fn email(&self) -> Result<String> {
        let email = staff::email_of(&self.scope, self.member().await?).await?;
        Ok(email.ok_or_else(AppError::unauthenticated)?)
    }

    /// Your role.
    async fn role(&self) -> Role {
        self.scope.viewer.role
    }

    /// What you may do. A field whose label needs one of these gives you its value.
    async fn permissions(&self) -> Vec<Permission> {
        self.scope.viewer.role.permissions().collect()
    }

    /// The hospital that you are signed in to.
    async fn hospital(&self) -> Result<Hospital> {
        Ok(hospitals::current(&self.scope).await?)
    }

    /// Your staff record. Right after `signIn` it is refused: ask for it in the next request, with the token.
    #[graphql(directive = access::apply(Permission::ReadStaff), directive = semantic_non_null::apply())]
    async fn staff(&self, _ctx: &Context<'_>) -> Result<Option<Staff>> {
        Ok(Some(self.member().await?.clone()))
    }

    /// When your access token stops working.
    async fn expires_at(&self) -> DateTime {
        self.scope.viewer.expires_at.into()
    }
}
