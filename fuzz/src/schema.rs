//! The schema as the writer needs it: read from the printed SDL, like the labels.

use std::collections::BTreeMap;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};

/// The types by their names.
pub(crate) struct Schema(BTreeMap<String, Kind>);

pub(crate) enum Kind {
    Scalar,
    /// The values.
    Enum(Vec<String>),
    /// The fields.
    Input(Vec<Input>),
    Object(Vec<Field>),
    /// The fields, and the objects that have them; a union has no fields.
    Abstract(Vec<Field>, Vec<String>),
}

pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) arguments: Vec<Input>,
}

/// An argument, or a field of an input object.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) ty: Type,
}

impl Input {
    pub(crate) fn is_required(&self) -> bool {
        !self.ty.nullable
    }
}

impl Schema {
    pub(crate) fn read(sdl: &str) -> Self {
        let mut types = BTreeMap::new();
        let mut implementors: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for definition in parse_schema(sdl).expect("the printed schema parses").definitions {
            let TypeSystemDefinition::Type(ty) = definition else { continue };
            let name = ty.node.name.node.to_string();
            let kind = match &ty.node.kind {
                TypeKind::Scalar => Kind::Scalar,
                TypeKind::Enum(found) => {
                    Kind::Enum(found.values.iter().map(|value| value.node.value.node.to_string()).collect())
                }
                TypeKind::InputObject(found) => Kind::Input(found.fields.iter().map(input).collect()),
                TypeKind::Object(found) => {
                    for interface in &found.implements {
                        implementors.entry(interface.node.to_string()).or_default().push(name.clone());
                    }
                    Kind::Object(found.fields.iter().map(field).collect())
                }
                TypeKind::Interface(found) => Kind::Abstract(found.fields.iter().map(field).collect(), Vec::new()),
                TypeKind::Union(found) => {
                    Kind::Abstract(Vec::new(), found.members.iter().map(|member| member.node.to_string()).collect())
                }
            };
            types.insert(name, kind);
        }
        for (interface, objects) in implementors {
            if let Some(Kind::Abstract(_, known)) = types.get_mut(&interface) {
                *known = objects;
            }
        }
        Self(types)
    }

    pub(crate) fn kind(&self, name: &str) -> &Kind {
        self.0.get(name).unwrap_or(&Kind::Scalar)
    }

    /// The fields of an object or interface.
    pub(crate) fn fields(&self, name: &str) -> &[Field] {
        match self.kind(name) {
            Kind::Object(fields) | Kind::Abstract(fields, _) => fields,
            _ => &[],
        }
    }

    pub(crate) fn field(&self, ty: &str, name: &str) -> Option<&Field> {
        self.fields(ty).iter().find(|field| field.name == name)
    }

    /// The objects that a value of this type may be.
    pub(crate) fn objects<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        match self.kind(name) {
            Kind::Abstract(_, objects) => objects.iter().map(String::as_str).collect(),
            _ => vec![name],
        }
    }

    pub(crate) fn is_leaf(&self, name: &str) -> bool {
        matches!(self.kind(name), Kind::Scalar | Kind::Enum(_))
    }

    /// The names of all types.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// The name inside a type's lists.
pub(crate) fn base(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => base(inner),
    }
}

fn field(found: &Positioned<FieldDefinition>) -> Field {
    let FieldDefinition { name, ty, arguments, .. } = &found.node;
    Field { name: name.node.to_string(), ty: ty.node.clone(), arguments: arguments.iter().map(input).collect() }
}

fn input(found: &Positioned<InputValueDefinition>) -> Input {
    Input { name: found.node.name.node.to_string(), ty: found.node.ty.node.clone() }
}
