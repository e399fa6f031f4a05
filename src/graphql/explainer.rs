//! Answers what would become of a document, without running it.
//!
//! The answer is put together from the same parts as the decision about a real request: [`Documents`] prepares the
//! plan, and the library validates the plan's document. Only execution is left out.

use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::parser::types::OperationType;
use async_graphql::{ObjectType, Request, Response, Schema, ServerError, SubscriptionType, Variables};
use futures_util::future::BoxFuture;

use super::Documents;
use crate::access::{ExplainedField, Permissions};
use crate::error::{AppError, ErrorCode};
use crate::kernel::{Permission, PermissionSet};

/// Explains documents. It is data of each request, because it is made of the schema that answers the request.
pub struct Explainer {
    documents: Arc<Documents>,
    /// The faults that the library's validation finds.
    validate: Box<dyn Fn(Request) -> BoxFuture<'static, Vec<ServerError>> + Send + Sync>,
}

/// A document and somebody who might send it.
#[derive(Debug)]
pub struct Question<'a> {
    /// The document.
    pub document: &'a str,
    /// Which of its operations.
    pub operation_name: Option<&'a str>,
    /// Its variables.
    pub variables: Variables,
    /// What the sender may do.
    pub held: PermissionSet,
    /// Whether the sender is refused every mutation.
    pub only_reads: bool,
}

/// What would become of it.
#[derive(Debug)]
pub struct Explanation {
    /// What kind of operation it is; `None` when the document cannot be read so far.
    pub operation: Option<OperationType>,
    /// What it costs; `None` when it would not run.
    pub cost: Option<u64>,
    /// What a document may cost.
    pub cost_limit: u64,
    /// Its fields; none when it would not run.
    pub fields: Vec<ExplainedField>,
    /// Why it would not run.
    pub errors: Vec<String>,
}

impl Explainer {
    /// Explains what `documents` decides. `schema` validates: the schema of the API, built with [`DryRun`].
    pub fn new<Q, M, S>(documents: Arc<Documents>, schema: Schema<Q, M, S>) -> Self
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        let validate = move |request| -> BoxFuture<'static, Vec<ServerError>> {
            let schema = schema.clone();
            Box::pin(async move {
                // The library finds them in no certain order.
                let mut errors = schema.execute(request).await.errors;
                errors.sort_by(|one, other| (&one.locations, &one.message).cmp(&(&other.locations, &other.message)));
                errors
            })
        };
        Self { documents, validate: Box::new(validate) }
    }

    /// Explains one document.
    ///
    /// # Errors
    /// When there is more to explain than one answer holds.
    pub async fn explain(&self, question: Question<'_>) -> Result<Explanation, AppError> {
        let Question { document, operation_name, variables, held, only_reads } = question;
        let caller = self.documents.caller(Some(held), !only_reads);
        let cost_limit = self.documents.cost_limit();
        let refused = |operation, errors| Explanation { operation, cost: None, cost_limit, fields: Vec::new(), errors };
        let plan = match self.documents.prepare(document, operation_name, &variables, &caller) {
            Ok(plan) => plan,
            Err(error) => return Ok(refused(None, vec![error.message])),
        };
        let operation = Some(plan.operation());
        if plan.operation() == OperationType::Mutation && only_reads {
            return Ok(refused(operation, vec![AppError::only_reads().message().to_owned()]));
        }
        let errors = match plan.request(variables.clone()) {
            Some(request) => (self.validate)(request).await,
            None => Vec::new(),
        };
        if !errors.is_empty() {
            return Ok(refused(operation, errors.into_iter().map(|error| error.message).collect()));
        }
        let fields = self.documents.explain(document, operation_name, &variables, &caller);
        let fields = fields.map_err(|error| AppError::public(ErrorCode::QueryTooComplex, error.message))?;
        Ok(Explanation { cost: Some(plan.cost()), fields, ..refused(operation, Vec::new()) })
    }

    /// Checks each operation of a document for somebody who may do everything, and gives their names.
    ///
    /// # Errors
    /// Everything that is wrong with it, whoever sends it.
    pub async fn check(&self, document: &str) -> Result<Vec<Option<String>>, Vec<ServerError>> {
        let names = self.documents.operations(document).map_err(|error| vec![error])?;
        let caller = self.documents.caller(Some(Permission::ALL.into_iter().collect()), true);
        let mut faults = Vec::new();
        for name in &names {
            match self.documents.prepare(document, name.as_deref(), &Variables::default(), &caller) {
                Ok(plan) => {
                    if let Some(request) = plan.request(Variables::default()) {
                        faults.extend((self.validate)(request).await);
                    }
                }
                Err(error) => faults.push(error),
            }
        }
        if faults.is_empty() { Ok(names) } else { Err(faults) }
    }

    /// The permissions in a set of the labels.
    pub fn permissions(&self, set: Permissions) -> PermissionSet {
        self.documents.permissions(set)
    }
}

impl Explanation {
    /// The same for somebody of whom nothing would run, whatever it is.
    pub fn refused(self, why: &str) -> Self {
        Self { cost: None, fields: Vec::new(), errors: vec![why.to_owned()], ..self }
    }
}

/// Lets a schema validate a document and then not run it.
#[derive(Debug)]
pub struct DryRun;

impl ExtensionFactory for DryRun {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for DryRun {
    async fn execute(&self, _: &ExtensionContext<'_>, _: Option<&str>, _: NextExecute<'_>) -> Response {
        Response::default()
    }
}
