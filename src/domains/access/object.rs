use async_graphql::parser::types::OperationType;
use async_graphql::{Enum, SimpleObject};

use crate::access::ExplainedField;
use crate::graphql::label::access;
use crate::graphql::{Explainer, Explanation};
use crate::kernel::{Permission, Role};

/// A role, and what whoever has it may do.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct RoleDescription {
    /// The role.
    name: Role,
    /// Who has it.
    description: &'static str,
    /// What the role may do. The permissions of a `viewer` are these, and with a partner key those granted to the key.
    permissions: Vec<PermissionDescription>,
    /// What can be granted beyond that, one by one: to a partner key, with `createPartnerKey`. Empty for other roles.
    grantable_permissions: Vec<PermissionDescription>,
}

/// A permission.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::Public))]
pub struct PermissionDescription {
    /// The permission, as `@access` labels name it.
    name: Permission,
    /// What it allows, and who holds it.
    description: &'static str,
}

impl From<Permission> for PermissionDescription {
    fn from(permission: Permission) -> Self {
        Self { name: permission, description: permission.description() }
    }
}

impl RoleDescription {
    pub(super) fn new(role: Role, grantable: Vec<Permission>) -> Self {
        Self {
            name: role,
            description: role.description(),
            permissions: role.permissions().iter().map(Into::into).collect(),
            grantable_permissions: grantable.into_iter().map(Into::into).collect(),
        }
    }
}

/// What would become of a document. Nothing of it was run.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct AccessExplanation {
    /// What kind of operation it is. Null when the document was refused before that was known.
    operation: Option<OperationKind>,
    /// Whether the document would run and no field of it would be refused.
    allowed: bool,
    /// What the document costs: one for each field, times the size of each page it stands in; refused fields cost
    /// nothing. Null when the document would not run.
    cost: Option<i32>,
    /// What a document may cost.
    cost_limit: i32,
    /// The fields of the document, in its order, also those below refused fields. A field behind an interface stands here
    /// once for each type that it may belong to. Fields that `@skip` or `@include` leave out are not listed. Empty when the
    /// document would not run.
    fields: Vec<FieldAccess>,
    /// Why the document as a whole would be refused, and nothing of it would run: it does not parse, is not valid, goes
    /// beyond a limit, or comes from somebody who may not run it. Empty when it would run.
    errors: Vec<String>,
}

/// A field of a document: what it needs, and whether the answer would have it.
#[derive(Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::SignedIn))]
pub struct FieldAccess {
    /// Where the answer has it: the keys from the root, joined by dots, with `[]` for any item of a list, such as
    /// `patients.nodes[].contactPhone`.
    path: String,
    /// The field in the schema, such as `Patient.contactPhone`.
    coordinate: String,
    /// The permissions it needs, all of them; empty when everyone may read it.
    needs: Vec<Permission>,
    /// The arguments, input fields and enum values given to it whose own labels are why it needs more than its label says,
    /// such as `PatientFilter.text`.
    labelled_inputs: Vec<String>,
    /// Whether the answer would have its value.
    allowed: bool,
    /// Which of `needs` are missing. It can be empty for a field that is not allowed only because one above it is not.
    missing: Vec<Permission>,
    /// The path at which the answer would have null and a FORBIDDEN error instead: the field's own, or that of a field
    /// above it. Null when the field is allowed.
    refused_at: Option<String>,
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum OperationKind {
    /// Reads.
    Query,
    /// Changes something.
    Mutation,
    /// Follows events.
    Subscription,
}

impl From<OperationType> for OperationKind {
    fn from(operation: OperationType) -> Self {
        match operation {
            OperationType::Query => Self::Query,
            OperationType::Mutation => Self::Mutation,
            OperationType::Subscription => Self::Subscription,
        }
    }
}

impl AccessExplanation {
    pub(super) fn new(explainer: &Explainer, explanation: Explanation) -> Self {
        let Explanation { operation, cost, cost_limit, fields, errors } = explanation;
        let number = |cost| i32::try_from(cost).unwrap_or(i32::MAX);
        Self {
            operation: operation.map(Into::into),
            allowed: errors.is_empty() && fields.iter().all(|field| field.refused_at.is_none()),
            cost: cost.map(number),
            cost_limit: number(cost_limit),
            fields: fields.into_iter().map(|field| FieldAccess::new(explainer, field)).collect(),
            errors,
        }
    }
}

impl FieldAccess {
    fn new(explainer: &Explainer, field: ExplainedField) -> Self {
        let names = |set| explainer.permissions(set).iter().collect();
        Self {
            path: field.path,
            coordinate: field.coordinate,
            needs: names(field.needs),
            labelled_inputs: field.inputs,
            allowed: field.refused_at.is_none(),
            missing: names(field.missing),
            refused_at: field.refused_at,
        }
    }
}
