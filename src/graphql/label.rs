//! The directives that say in the schema what a field needs.

#![expect(missing_docs, reason = "the macro makes items beside the functions, which carry the documentation")]

use async_graphql::TypeDirective;

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
pub fn semantic_non_null() {}
