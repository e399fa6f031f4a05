//! The schema as its text says it: read here anew, not through `src/access`, so that two readers have to agree.

use std::collections::BTreeMap;

use async_graphql::Value;
use async_graphql::parser::types::{
    BaseType, ConstDirective, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Positioned, parser::parse_schema};

/// Needs nothing.
pub const PUBLIC: &str = "PUBLIC";
/// What a field without any label needs.
pub const NO_LABEL: &str = "(no label)";

pub struct Schema(BTreeMap<String, TypeDef>);

pub struct TypeDef {
    label: Option<String>,
    is_one_of: bool,
    pub kind: Kind,
}

pub enum Kind {
    Object(Vec<Field>),
    /// The types that implement it.
    Interface(Vec<String>),
    Input(Vec<Input>),
    Enum(Vec<EnumValue>),
    Scalar,
}

pub struct Field {
    pub name: String,
    pub ty: String,
    pub is_list: bool,
    pub arguments: Vec<Input>,
    label: Option<String>,
}

/// An argument or a field of an input.
#[derive(Clone)]
pub struct Input {
    pub name: String,
    pub ty: String,
    pub is_list: bool,
    pub is_required: bool,
    pub label: Option<String>,
}

pub struct EnumValue {
    pub name: String,
    pub label: Option<String>,
}

impl Schema {
    pub fn read(sdl: &str) -> Self {
        let mut types = BTreeMap::new();
        let mut implementers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for definition in parse_schema(sdl).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let definition = definition.node;
            let name = definition.name.node.to_string();
            let kind = match definition.kind {
                TypeKind::Object(object) => {
                    for interface in object.implements {
                        implementers.entry(interface.node.to_string()).or_default().push(name.clone());
                    }
                    Kind::Object(object.fields.into_iter().map(|field| self::field(field.node)).collect())
                }
                TypeKind::Interface(_) => Kind::Interface(Vec::new()),
                TypeKind::InputObject(object) => {
                    Kind::Input(object.fields.into_iter().map(|field| input(field.node)).collect())
                }
                TypeKind::Enum(list) => Kind::Enum(
                    list.values
                        .into_iter()
                        .map(|value| EnumValue {
                            name: value.node.value.node.to_string(),
                            label: label(&value.node.directives),
                        })
                        .collect(),
                ),
                TypeKind::Scalar => Kind::Scalar,
                TypeKind::Union(_) => panic!("{name} is a union: teach this test to reach through it"),
            };
            types.insert(
                name,
                TypeDef { label: label(&definition.directives), is_one_of: has(&definition.directives, "oneOf"), kind },
            );
        }
        for (name, ty) in &mut types {
            if let Kind::Interface(list) = &mut ty.kind {
                list.extend(implementers.remove(name).unwrap_or_default());
            }
        }
        Self(types)
    }

    /// What the server serves.
    pub fn served() -> Self {
        Self::read(&patient_logger::app::sdl())
    }

    /// The served one without the audit trail, which grows with each question: two servers never have the same.
    pub fn without_audit_trail() -> Self {
        let mut schema = Self::served();
        for ty in schema.0.values_mut() {
            if let Kind::Object(fields) = &mut ty.kind {
                fields.retain(|field| {
                    !["AuditEventConnection", "AuditProof", "ActivityConnection"].contains(&field.ty.as_str())
                });
            }
        }
        schema
    }

    pub fn kind(&self, ty: &str) -> &Kind {
        self.0.get(ty).map_or(&Kind::Scalar, |ty| &ty.kind)
    }

    /// Every object type, roots included.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, ty)| matches!(ty.kind, Kind::Object(_))).map(|(name, _)| name.as_str())
    }

    /// Every enum that labels a value, and every input.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, ty)| matches!(ty.kind, Kind::Input(_) | Kind::Enum(_))).map(|(name, _)| name.as_str())
    }

    pub fn fields(&self, ty: &str) -> &[Field] {
        match self.kind(ty) {
            Kind::Object(fields) => fields,
            _ => &[],
        }
    }

    pub fn field(&self, ty: &str, name: &str) -> &Field {
        self.fields(ty).iter().find(|field| field.name == name).unwrap_or_else(|| panic!("there is no {ty}.{name}"))
    }

    /// Whether an input takes exactly one of its fields.
    pub fn is_one_of(&self, ty: &str) -> bool {
        self.0.get(ty).is_some_and(|ty| ty.is_one_of)
    }

    pub fn is_leaf(&self, ty: &str) -> bool {
        matches!(self.kind(ty), Kind::Scalar | Kind::Enum(_))
    }

    /// The permission that reading a field needs: its own label, else that of its type.
    pub fn need(&self, ty: &str, field: &str) -> &str {
        let own = self.fields(ty).iter().find(|one| one.name == field).and_then(|one| one.label.as_deref());
        let of_type = || self.0[ty].label.as_deref();
        let is_root = ty == "Query" || ty == "Mutation";
        own.or_else(of_type).unwrap_or(if is_root && field.starts_with("__") { PUBLIC } else { NO_LABEL })
    }
}

fn has(directives: &[Positioned<ConstDirective>], name: &str) -> bool {
    directives.iter().any(|directive| directive.node.name.node == name)
}

fn label(directives: &[Positioned<ConstDirective>]) -> Option<String> {
    let access = directives.iter().find(|directive| directive.node.name.node == "access")?;
    match access.node.get_argument("needs").map(|value| &value.node) {
        Some(Value::Enum(name)) => Some(name.to_string()),
        other => panic!("@access(needs: {other:?})"),
    }
}

fn base(ty: &Type) -> String {
    match &ty.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => base(inner),
    }
}

fn field(definition: FieldDefinition) -> Field {
    let ty = &definition.ty.node;
    Field {
        name: definition.name.node.to_string(),
        ty: base(ty),
        is_list: matches!(ty.base, BaseType::List(_)),
        arguments: definition.arguments.into_iter().map(|argument| input(argument.node)).collect(),
        label: label(&definition.directives),
    }
}

fn input(definition: InputValueDefinition) -> Input {
    let ty = &definition.ty.node;
    Input {
        name: definition.name.node.to_string(),
        ty: base(ty),
        is_list: matches!(ty.base, BaseType::List(_)),
        is_required: !ty.nullable && definition.default_value.is_none(),
        label: label(&definition.directives),
    }
}
