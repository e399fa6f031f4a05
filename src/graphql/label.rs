//! The directives that say in the schema what a field needs.

#![expect(missing_docs, reason = "the macro makes items beside the functions, which carry the documentation")]

use std::borrow::Cow;

use async_graphql::TypeDirective;
use async_graphql::registry::location_traits::Directive_At_FIELD_DEFINITION;
use async_graphql::registry::{MetaDirectiveInvocation, Registry};

use crate::kernel::Permission;

/// The permission that the viewer needs to read this field or the fields of this type, or to use this argument, input
/// field or enum value. A field's own label takes the place of its type's. Without the permission the field is null and
/// `errors` has one entry with its path, `code: "FORBIDDEN"` and the permission in `needs`.
#[TypeDirective(
    location = "Object",
    location = "FieldDefinition",
    location = "ArgumentDefinition",
    location = "InputFieldDefinition",
    location = "EnumValue"
)]
pub fn access(needs: Permission) {}

/// The field is null only together with an error at its path. Clients that treat such errors as exceptions may take it
/// for non-null.
#[TypeDirective(location = "FieldDefinition", name = "semanticNonNull")]
pub fn semantic_non_null_at(
    #[graphql(
        desc = "Where it holds: 0 is the field itself, 1 the items of its list, 2 the items of those.",
        default_with = "Some(vec![Some(0)])"
    )]
    levels: Option<Vec<Option<i32>>>,
) {
}

/// `@semanticNonNull` without `levels`: the field itself, but not the items of its list. All fields mean that so far,
/// so none of them says it.
#[expect(non_camel_case_types, reason = "it stands where the directives of the macro stand")]
pub struct semantic_non_null;

impl semantic_non_null {
    /// The label of a field.
    pub fn apply() -> MetaDirectiveInvocation {
        semantic_non_null_at::apply(None)
    }
}

impl Directive_At_FIELD_DEFINITION for semantic_non_null {}

impl TypeDirective for semantic_non_null {
    fn name(&self) -> Cow<'static, str> {
        semantic_non_null_at.name()
    }

    fn register(&self, registry: &mut Registry) {
        semantic_non_null_at.register(registry);
    }
}
