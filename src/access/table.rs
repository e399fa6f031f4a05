//! The table: what each field, argument and enum value needs, and the shape of the schema around it.

use std::collections::HashMap;

use async_graphql::{
    Name, Value,
    parser::types::{BaseType, OperationType, Type},
};

use super::bits::{Permissions, TypeSet};

pub(super) const PUBLIC: &str = "PUBLIC";
/// The response key the emitted document adds where the answer must tell its concrete type. Clients may not use it.
pub(super) const PRIVATE_TYPENAME: &str = "__t";

pub(super) type TypeId = usize;
/// The number of a labelled argument, input field or enum value.
pub(super) type InputId = usize;

/// The list and non-null wrappers of a type: bit 0 is the outermost level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    lists: u8,
    non_null: u8,
}

impl Shape {
    pub(super) const NON_NULL: Self = Self { lists: 0, non_null: 1 };

    pub(super) fn of(ty: &Type) -> Self {
        match &ty.base {
            BaseType::Named(_) => Self { lists: 0, non_null: u8::from(!ty.nullable) },
            BaseType::List(inner) => {
                let inner = Self::of(inner);
                Self { lists: inner.lists + 1, non_null: inner.non_null << 1 | u8::from(!ty.nullable) }
            }
        }
    }

    pub(super) fn is_list(self) -> bool {
        self.lists > 0
    }

    pub(super) fn is_non_null(self) -> bool {
        self.non_null & 1 == 1
    }

    /// How many lists are around the value.
    pub(super) fn levels(self) -> usize {
        self.lists.into()
    }

    /// Whether the value inside every list may not be null.
    pub(super) fn is_non_null_within(self) -> bool {
        self.non_null >> self.lists & 1 == 1
    }

    /// The shape of a list's elements.
    pub(super) fn element(self) -> Self {
        Self { lists: self.lists.saturating_sub(1), non_null: self.non_null >> 1 }
    }
}

/// A field of an object or interface.
pub(super) struct FieldDef {
    pub(super) need: Permissions,
    pub(super) shape: Shape,
    pub(super) ty: TypeId,
    pub(super) arguments: HashMap<Name, InputDef>,
}

/// An argument or input field.
pub(super) struct InputDef {
    pub(super) label: Option<InputId>,
    pub(super) ty: TypeId,
    pub(super) default: Option<Value>,
}

/// A labelled argument, input field or enum value.
#[derive(Clone)]
pub(super) struct LabelledInput {
    /// `PatientFilter.phone`, `Query.patients(search:)` or `PatientOrder.PHONE`.
    pub(super) coordinate: String,
    pub(super) need: Permissions,
}

pub(super) enum Kind {
    /// A scalar, or an enum without labelled values.
    Leaf,
    /// An enum's labelled values.
    Enum(HashMap<Name, InputId>),
    Input(HashMap<Name, InputDef>),
    /// An object, interface or union.
    Composite(HashMap<Name, FieldDef>),
}

pub(super) struct TypeDef {
    pub(super) name: Name,
    pub(super) kind: Kind,
    pub(super) label: Option<Permissions>,
    /// The concrete types a value of this composite type may have.
    pub(super) possible: TypeSet,
    pub(super) is_object: bool,
    /// What `__typename` needs: one of these, since whoever may read some field of an object may know its kind.
    pub(super) typename: Vec<Permissions>,
    /// Whether a label can be met inside a value of this input type.
    pub(super) reaches_label: bool,
    pub(super) is_introspection: bool,
}

/// Everything the walk asks about the schema.
pub(super) struct Table {
    pub(super) types: Vec<TypeDef>,
    pub(super) inputs: Vec<LabelledInput>,
    pub(super) names: HashMap<Name, TypeId>,
    pub(super) objects: Vec<TypeId>,
    pub(super) permissions: Vec<Name>,
    pub(super) roots: [Option<TypeId>; 3],
}

impl Table {
    pub(super) fn type_named(&self, name: &str) -> Option<TypeId> {
        self.names.get(name).copied()
    }

    pub(super) fn field(&self, ty: TypeId, name: &str) -> Option<&FieldDef> {
        match &self.types[ty].kind {
            Kind::Composite(fields) => fields.get(name),
            _ => None,
        }
    }

    pub(super) fn is_composite(&self, ty: TypeId) -> bool {
        matches!(self.types[ty].kind, Kind::Composite(_))
    }

    /// The type with this number among the concrete types.
    pub(super) fn object(&self, index: usize) -> TypeId {
        self.objects[index]
    }

    pub(super) fn root(&self, operation: OperationType) -> Option<TypeId> {
        self.roots[operation as usize]
    }

    pub(super) fn is_root(&self, ty: TypeId) -> bool {
        self.roots.contains(&Some(ty))
    }

    pub(super) fn permission(&self, name: &str) -> Option<Permissions> {
        if name == PUBLIC {
            return Some(Permissions::NONE);
        }
        self.permissions.iter().position(|known| known == name).map(Permissions::bit)
    }

    pub(super) fn permission_names(&self, set: Permissions) -> impl Iterator<Item = &str> {
        set.indices().map(|index| self.permissions.get(index).map_or("NOBODY", Name::as_str))
    }
}
