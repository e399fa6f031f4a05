use async_graphql::{Context, Object, Result, SimpleObject};

use super::input::{CreateStaffInput, DeactivateStaffInput, UpdateStaffInput};
use super::{Staff, service};
use crate::auth::Passwords;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{UserError, scope, settle};
use crate::kernel::Permission;

/// The mutations of this domain.
#[derive(Debug, Default)]
pub struct Mutation;

/// What became of `createStaff`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManageStaff))]
pub struct CreateStaffPayload {
    /// The new member of staff; null when there are user errors.
    staff: Option<Staff>,
    /// Why nobody was added; empty when somebody was.
    user_errors: Vec<UserError>,
}

/// What became of `updateStaff`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManageStaff))]
pub struct UpdateStaffPayload {
    /// The member of staff as it is now; null when there are user errors.
    staff: Option<Staff>,
    /// Why nothing was changed; empty when it was.
    user_errors: Vec<UserError>,
}

/// What became of `deactivateStaff`.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ManageStaff))]
pub struct DeactivateStaffPayload {
    /// The member of staff as it is now; null when there are user errors.
    staff: Option<Staff>,
    /// Why nobody was deactivated; empty when somebody was.
    user_errors: Vec<UserError>,
}

#[Object(name = "StaffMutations")]
impl Mutation {
    /// Adds a member of staff to your hospital with a password that you choose. Prefer `inviteStaff`: there the person chooses,
    /// and shows that the address is the own. This is for people whom no letter reaches; the password opens your hospital only,
    /// until they choose one of their own by letter, with `requestPasswordReset`.
    #[graphql(directive = access::apply(Permission::ManageStaff), directive = semantic_non_null::apply())]
    async fn create_staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member of staff.")] input: CreateStaffInput,
    ) -> Result<Option<CreateStaffPayload>> {
        let (staff, user_errors) = settle(ctx, service::create(scope(ctx)?, ctx.data::<Passwords>()?, input).await)?;
        Ok(Some(CreateStaffPayload { staff, user_errors }))
    }

    /// Changes a member of staff. What the input leaves out stays as it is. The last active administrator of a hospital
    /// stays one.
    #[graphql(directive = access::apply(Permission::ManageStaff), directive = semantic_non_null::apply())]
    async fn update_staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member of staff and what changes.")] input: UpdateStaffInput,
    ) -> Result<Option<UpdateStaffPayload>> {
        let (staff, user_errors) = settle(ctx, service::update(scope(ctx)?, input).await)?;
        Ok(Some(UpdateStaffPayload { staff, user_errors }))
    }

    /// Ends a member of staff's access to your hospital. What the person recorded stays. The last active administrator
    /// of a hospital cannot be deactivated.
    #[graphql(directive = access::apply(Permission::ManageStaff), directive = semantic_non_null::apply())]
    async fn deactivate_staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member of staff.")] input: DeactivateStaffInput,
    ) -> Result<Option<DeactivateStaffPayload>> {
        let (staff, user_errors) = settle(ctx, service::deactivate(scope(ctx)?, input).await)?;
        Ok(Some(DeactivateStaffPayload { staff, user_errors }))
    }
}
