//! Relay's object identification: anything with an id can be fetched again by it.

use async_graphql::{Context, ID, Interface, Object, Result};

use super::hospitals::Hospital;
use super::patients::Patient;
use super::staff::Staff;
use super::task_logs::TaskLog;
use super::{hospitals, patients, staff, task_logs};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::scope;
use crate::kernel::{GlobalId, HospitalId, Kind, PatientId, Permission, StaffId, TaskLogId};

/// Something with an id by which it can be fetched again.
#[derive(Clone, Debug, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Identifies the object in the whole API."))]
pub enum Node {
    /// A hospital.
    Hospital(Hospital),
    /// A patient.
    Patient(Patient),
    /// A member of staff.
    Staff(Staff),
    /// A task log.
    TaskLog(TaskLog),
}

#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "NodeQueries")]
impl Query {
    /// The object with this id. Null when there is none in your hospital, or when you may not read its kind.
    #[graphql(directive = access::apply(Permission::SignedIn))]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id that the object gave.")] id: ID,
    ) -> Result<Option<Node>> {
        Ok(fetch(ctx, GlobalId::parse(&id).map_err(AppError::from)?).await?)
    }

    /// The objects with these ids, in their order, at most 100. Null stands where there is none in your hospital, or
    /// where you may not read its kind.
    #[graphql(directive = access::apply(Permission::SignedIn), directive = semantic_non_null::apply())]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ids that the objects gave.")] ids: Vec<ID>,
    ) -> Result<Option<Vec<Option<Node>>>> {
        if ids.len() > 100 {
            return Err(AppError::bad_input(format!("ids may hold at most 100 ids; it holds {}.", ids.len())).into());
        }
        let ids = ids.iter().map(|id| GlobalId::parse(id)).collect::<Result<Vec<_>, _>>().map_err(AppError::from)?;
        let fetched = futures_util::future::try_join_all(ids.into_iter().map(|id| fetch(ctx, id)));
        Ok(Some(fetched.await?))
    }
}

/// The kinds that have no node, and the kinds that the viewer may not read, look like ids that do not exist.
async fn fetch(ctx: &Context<'_>, id: GlobalId) -> Result<Option<Node>, AppError> {
    let may = |permission| scope(ctx).map(|scope| scope.viewer.may(permission));
    let found = match id.kind {
        Kind::Hospital if may(Permission::SignedIn)? => {
            hospitals::by_id(ctx, HospitalId(id.uuid)).await?.map(Node::Hospital)
        }
        Kind::Patient if may(Permission::ReadPatients)? => {
            patients::by_id(ctx, PatientId(id.uuid)).await?.map(Node::Patient)
        }
        Kind::Staff if may(Permission::ReadStaff)? => staff::by_id(ctx, StaffId(id.uuid)).await?.map(Node::Staff),
        Kind::TaskLog if may(Permission::ReadTaskLogs)? => {
            task_logs::by_id(ctx, TaskLogId(id.uuid)).await?.map(Node::TaskLog)
        }
        _ => None,
    };
    Ok(scope(ctx)?.witness().named(id.uuid, found))
}
