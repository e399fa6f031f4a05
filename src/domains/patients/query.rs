use std::sync::Arc;

use async_graphql::{Context, ID, MaybeUndefined, Object, Result};

use super::input::{PatientFilter, PatientOrder, PatientSort};
use super::{Patient, PatientConnection, service};
use crate::error::AppError;
use crate::graphql::label::{access, semantic_non_null};
use crate::graphql::{PageArgs, TotalCount, scope, unless_null, wants_page};
use crate::kernel::{PatientId, Permission};
use crate::tenancy::Page;

/// The queries of this domain.
#[derive(Debug, Default)]
pub struct Query;

#[Object(name = "PatientQueries")]
impl Query {
    /// A patient by id or by MRN; give one of the two. Null when your hospital has no such patient. Archived patients are found,
    /// and so are restricted ones; by MRN only if you may read them or break the glass.
    #[graphql(directive = access::apply(Permission::ReadPatients))]
    async fn patient(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the patient.")] id: Option<ID>,
        #[graphql(
            desc = "The medical record number, exactly as it is written.",
            directive = access::apply(Permission::ReadPatientIdentity)
        )]
        mrn: Option<String>,
    ) -> Result<Option<Patient>> {
        Ok(match (id, mrn) {
            (Some(id), None) => {
                let id = PatientId::parse(&id).map_err(AppError::from)?;
                scope(ctx)?.witness().named(id.0, super::by_id(ctx, id).await?)
            }
            (None, Some(mrn)) => service::by_mrn(scope(ctx)?, &mrn).await?,
            _ => return Err(AppError::bad_input("Give id or mrn: one of the two.").into()),
        })
    }

    /// The patients of your hospital. Newest first unless `orderBy` says otherwise; archived ones only when the filter asks for them.
    /// Restricted records that are not open to you are there in the order of creation, unless a filter asks for what is in them.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    #[graphql(directive = access::apply(Permission::ReadPatients), directive = semantic_non_null::apply())]
    async fn patients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which patients; all who are not archived when left out.")] filter: MaybeUndefined<
            PatientFilter,
        >,
        #[graphql(desc = "In which order; newest record first when left out.")] order_by: Option<PatientOrder>,
        #[graphql(
            desc = "Take this many from the start of the list, 1 to 100. 20 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Start behind this cursor; goes with first.")] after: Option<String>,
        #[graphql(desc = "Take this many from the end of the list, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor; goes with last.")] before: Option<String>,
    ) -> Result<Option<PatientConnection>> {
        let scope = scope(ctx)?;
        let criteria = unless_null("filter", filter)?.unwrap_or_default().criteria()?;
        let sort = PatientSort::new(order_by);
        let page = PageArgs { first, after, last, before }.request(ctx, sort.list())?;
        let rows = match wants_page(ctx.look_ahead()) {
            true => service::list(scope, &criteria, sort, &page).await?,
            false => Page::unread(),
        };
        let (scope, criteria) = (scope.clone(), Arc::new(criteria));
        let total = TotalCount::new(move || {
            let (scope, criteria) = (scope.clone(), criteria.clone());
            async move { service::count(&scope, &criteria).await }
        });
        Ok(Some(PatientConnection::new(rows, sort.list(), sort.key(), total)))
    }
}
