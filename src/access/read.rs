//! Reads the table from the schema's own SDL.
//!
//! Reading the printed SDL, rather than a list kept beside the code, is what makes the published schema and the
//! enforced rules one and the same text.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value,
    parser::{
        parse_schema,
        types::{
            BaseType, ConstDirective, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind,
            TypeSystemDefinition,
        },
    },
};

use super::{
    bits::{Permissions, TypeSet},
    table::{FieldDef, InputDef, InputId, Kind, LabelledInput, PUBLIC, Shape, Table, TypeDef, TypeId},
};

/// The directive that carries a label.
const DIRECTIVE: &str = "access";
const PERMISSION_ENUM: &str = "Permission";

/// The introspection types are not part of any SDL export. With them in the table an introspection document is
/// flattened, bounded and validated like any other. All is nullable here, so that patching never judges them.
const INTROSPECTION: &str = "
type __Schema { description: String types: [__Type] queryType: __Type mutationType: __Type
  subscriptionType: __Type directives: [__Directive] }
type __Type { kind: __TypeKind name: String description: String fields(includeDeprecated: Boolean = false): [__Field]
  interfaces: [__Type] possibleTypes: [__Type] enumValues(includeDeprecated: Boolean = false): [__EnumValue]
  inputFields(includeDeprecated: Boolean = false): [__InputValue] ofType: __Type specifiedByURL: String
  isOneOf: Boolean }
type __Field { name: String description: String args(includeDeprecated: Boolean = false): [__InputValue]
  type: __Type isDeprecated: Boolean deprecationReason: String }
type __InputValue { name: String description: String type: __Type defaultValue: String isDeprecated: Boolean
  deprecationReason: String }
type __EnumValue { name: String description: String isDeprecated: Boolean deprecationReason: String }
type __Directive { name: String description: String locations: [__DirectiveLocation]
  args(includeDeprecated: Boolean = false): [__InputValue] isRepeatable: Boolean }
type __Entry { __schema: __Schema __type(name: String!): __Type }
scalar __TypeKind
scalar __DirectiveLocation
scalar String
scalar Int
scalar Float
scalar Boolean
scalar ID
";

/// Reads the SDL. The findings are those that leave no usable table; `lint` finds the rest.
pub(super) fn read(sdl: &str) -> Result<Table, Vec<String>> {
    let parse = |text: &str| parse_schema(text).map_err(|error| vec![format!("The SDL does not parse: {error}")]);
    let (schema, introspection) = (parse(sdl)?, parse(INTROSPECTION)?);
    let mut definitions = Vec::new();
    let mut root_names: [Option<Name>; 3] = [None, None, None];
    for definition in schema.definitions.into_iter().chain(introspection.definitions) {
        match definition {
            TypeSystemDefinition::Type(definition) => definitions.push(definition.node),
            TypeSystemDefinition::Schema(schema) => {
                let roots = [schema.node.query, schema.node.mutation, schema.node.subscription];
                root_names = roots.map(|name| name.map(|name| name.node));
            }
            TypeSystemDefinition::Directive(_) => {}
        }
    }
    Reader::new(definitions, root_names).read()
}

struct Reader {
    definitions: Vec<TypeDefinition>,
    root_names: [Option<Name>; 3],
    table: Table,
    findings: Vec<String>,
}

impl Reader {
    fn new(definitions: Vec<TypeDefinition>, root_names: [Option<Name>; 3]) -> Self {
        let names = definitions.iter().enumerate().map(|(id, ty)| (ty.name.node.clone(), id)).collect();
        let table = Table {
            types: Vec::with_capacity(definitions.len()),
            inputs: Vec::new(),
            names,
            objects: Vec::new(),
            permissions: Vec::new(),
            roots: [None; 3],
        };
        Self { definitions, root_names, table, findings: Vec::new() }
    }

    fn read(mut self) -> Result<Table, Vec<String>> {
        let definitions = std::mem::take(&mut self.definitions);
        self.permissions(&definitions);
        let objects = definitions.iter().enumerate().filter(|(_, ty)| matches!(ty.kind, TypeKind::Object(_)));
        self.table.objects = objects.map(|(id, _)| id).collect();
        if self.table.objects.len() > TypeSet::CAPACITY {
            let found = self.table.objects.len();
            self.findings
                .push(format!("The schema has {found} object types, more than the table holds; widen TypeSet."));
            return Err(self.findings);
        }
        for definition in &definitions {
            let ty = self.type_def(definition, &definitions);
            self.table.types.push(ty);
        }
        self.roots();
        self.reach_labels();
        if self.findings.is_empty() { Ok(self.table) } else { Err(self.findings) }
    }

    fn permissions(&mut self, definitions: &[TypeDefinition]) {
        let found = definitions.iter().find(|ty| ty.name.node == PERMISSION_ENUM).map(|ty| &ty.kind);
        let Some(TypeKind::Enum(found)) = found else {
            self.findings.push(format!("The schema has no enum {PERMISSION_ENUM}; register the access directive."));
            return;
        };
        let names = found.values.iter().map(|value| value.node.value.node.clone()).filter(|name| name != PUBLIC);
        self.table.permissions = names.collect();
        if self.table.permissions.len() > Permissions::CAPACITY {
            self.findings
                .push(format!("{PERMISSION_ENUM} has more than {} values; widen Permissions.", Permissions::CAPACITY));
            self.table.permissions.truncate(Permissions::CAPACITY);
        }
    }

    /// The label among the directives of the thing at `coordinate`. A label that cannot be read counts as `NOBODY`.
    fn label(&mut self, coordinate: &str, directives: &[Positioned<ConstDirective>]) -> Option<Permissions> {
        let mut labels = directives.iter().filter(|directive| directive.node.name.node == DIRECTIVE);
        let label = labels.next()?;
        let need = match label.node.get_argument("needs").map(|value| &value.node) {
            Some(Value::Enum(name)) => self.table.permission(name),
            _ => None,
        };
        if need.is_none() || labels.next().is_some() {
            self.findings.push(format!(
                "{coordinate} needs exactly one readable label, @{DIRECTIVE}(needs: X) with X a {PERMISSION_ENUM}."
            ));
        }
        Some(need.unwrap_or(Permissions::NOBODY))
    }

    fn type_ref(&mut self, coordinate: &str, ty: &Type) -> TypeId {
        let mut base = &ty.base;
        loop {
            match base {
                BaseType::List(inner) => base = &inner.base,
                BaseType::Named(name) => {
                    return self.table.type_named(name).unwrap_or_else(|| {
                        self.findings.push(format!("{coordinate} names the type {name}, which the SDL lacks."));
                        0
                    });
                }
            }
        }
    }

    fn type_def(&mut self, definition: &TypeDefinition, all: &[TypeDefinition]) -> TypeDef {
        let name = &definition.name.node;
        let label = self.label(name, &definition.directives);
        let mut possible = TypeSet::default();
        for (index, object) in self.table.objects.iter().enumerate() {
            if is_possible(definition, &all[*object]) {
                possible.insert(index);
            }
        }
        let kind = match &definition.kind {
            TypeKind::Scalar => Kind::Leaf,
            TypeKind::Enum(found) => {
                let mut values = HashMap::new();
                for value in &found.values {
                    let coordinate = format!("{name}.{}", value.node.value.node);
                    if let Some(need) = self.label(&coordinate, &value.node.directives) {
                        values.insert(value.node.value.node.clone(), self.labelled(coordinate, need));
                    }
                }
                if values.is_empty() { Kind::Leaf } else { Kind::Enum(values) }
            }
            TypeKind::InputObject(found) => {
                let fields = found.fields.iter().map(|field| {
                    let coordinate = format!("{name}.{}", field.node.name.node);
                    (field.node.name.node.clone(), self.input_def(coordinate, &field.node))
                });
                Kind::Input(fields.collect())
            }
            TypeKind::Union(_) => Kind::Composite(HashMap::new()),
            TypeKind::Interface(found) => {
                Kind::Composite(self.fields(name, &found.fields, label.unwrap_or(Permissions::NONE), &[]))
            }
            TypeKind::Object(found) => {
                let implements = |ty: &&TypeDefinition| found.implements.iter().any(|name| name.node == ty.name.node);
                let interfaces: Vec<_> = all.iter().filter(implements).collect();
                let introspection = name.starts_with("__");
                let unlabelled = if introspection { Permissions::NONE } else { Permissions::NOBODY };
                Kind::Composite(self.fields(name, &found.fields, label.unwrap_or(unlabelled), &interfaces))
            }
        };
        TypeDef {
            is_object: matches!(definition.kind, TypeKind::Object(_)),
            typename: typename_needs(&kind, label),
            is_introspection: name.starts_with("__"),
            name: name.clone(),
            kind,
            label,
            possible,
            reaches_label: false,
        }
    }

    fn fields(
        &mut self,
        owner: &Name,
        fields: &[Positioned<FieldDefinition>],
        unlabelled: Permissions,
        interfaces: &[&TypeDefinition],
    ) -> HashMap<Name, FieldDef> {
        let mut found = HashMap::with_capacity(fields.len());
        for field in fields.iter().map(|field| &field.node) {
            let name = &field.name.node;
            let coordinate = format!("{owner}.{name}");
            let mut need = self.label(&coordinate, &field.directives).unwrap_or(unlabelled);
            let mut arguments = self.arguments(&coordinate, field);
            for interface in interfaces {
                let TypeKind::Interface(definition) = &interface.kind else {
                    continue;
                };
                let Some(same) = definition.fields.iter().map(|field| &field.node).find(|same| same.name.node == *name)
                else {
                    continue;
                };
                let own = self.label(&coordinate, &same.directives);
                need = need | own.or_else(|| self.label(&coordinate, &interface.directives)).unwrap_or_default();
                for (name, inherited) in self.arguments(&format!("{}.{name}", interface.name.node), same) {
                    self.inherit(arguments.get_mut(&name), inherited);
                }
            }
            let ty = self.type_ref(&coordinate, &field.ty.node);
            found.insert(name.clone(), FieldDef { need, shape: Shape::of(&field.ty.node), ty, arguments });
        }
        found
    }

    fn arguments(&mut self, field: &str, definition: &FieldDefinition) -> HashMap<Name, InputDef> {
        let argument = |argument: &Positioned<InputValueDefinition>| {
            let name = argument.node.name.node.clone();
            let definition = self.input_def(format!("{field}({name}:)"), &argument.node);
            (name, definition)
        };
        definition.arguments.iter().map(argument).collect()
    }

    /// An argument labelled on an interface is labelled on each type that implements it; both labels must be held.
    fn inherit(&mut self, own: Option<&mut InputDef>, inherited: InputDef) {
        let (Some(own), Some(inherited)) = (own, inherited.label) else {
            return;
        };
        let mut label = self.table.inputs[inherited].clone();
        if let Some(own) = own.label {
            label.need = label.need | self.table.inputs[own].need;
        }
        own.label = Some(self.labelled(label.coordinate, label.need));
    }

    fn input_def(&mut self, coordinate: String, definition: &InputValueDefinition) -> InputDef {
        let ty = self.type_ref(&coordinate, &definition.ty.node);
        let default = definition.default_value.as_ref().map(|value| value.node.clone());
        let label = self.label(&coordinate, &definition.directives).map(|need| self.labelled(coordinate, need));
        InputDef { label, ty, default }
    }

    fn labelled(&mut self, coordinate: String, need: Permissions) -> InputId {
        self.table.inputs.push(LabelledInput { coordinate, need });
        self.table.inputs.len() - 1
    }

    /// Finds the root types and gives the query root its two introspection fields.
    fn roots(&mut self) {
        for (at, name) in self.root_names.iter().enumerate() {
            let Some(name) = name else { continue };
            self.table.roots[at] = self.table.type_named(name);
            let Some(root) = self.table.roots[at] else {
                self.findings.push(format!("The root type {name} is not in the SDL."));
                continue;
            };
            // A root is always there to be asked, so its name tells nothing.
            self.table.types[root].typename = vec![Permissions::NONE];
        }
        let entry = self.table.type_named("__Entry").map(|id| &mut self.table.types[id].kind);
        let Some(Kind::Composite(fields)) = entry else {
            return;
        };
        let fields = std::mem::take(fields);
        let query = self.table.roots[0].map(|id| &mut self.table.types[id].kind);
        match query {
            Some(Kind::Composite(query)) => query.extend(fields),
            _ => self.findings.push("The schema has no query root.".to_owned()),
        }
    }

    /// Marks the input types in which a label can be met, through any depth of input objects.
    fn reach_labels(&mut self) {
        loop {
            let reaches = |ty: &TypeDef| match &ty.kind {
                Kind::Enum(_) => true,
                Kind::Input(fields) => {
                    let labelled = |field: &InputDef| field.label.is_some() || self.table.types[field.ty].reaches_label;
                    fields.values().any(labelled)
                }
                _ => false,
            };
            let found: Vec<bool> = self.table.types.iter().map(reaches).collect();
            if self.table.types.iter().zip(&found).all(|(ty, found)| ty.reaches_label == *found) {
                return;
            }
            self.table.types.iter_mut().zip(found).for_each(|(ty, found)| ty.reaches_label = found);
        }
    }
}

fn is_possible(definition: &TypeDefinition, object: &TypeDefinition) -> bool {
    let name = &definition.name.node;
    match (&definition.kind, &object.kind) {
        (TypeKind::Object(_), _) => *name == object.name.node,
        (TypeKind::Union(union), _) => union.members.iter().any(|member| member.node == object.name.node),
        (TypeKind::Interface(_), TypeKind::Object(object)) => object.implements.iter().any(|found| found.node == *name),
        _ => false,
    }
}

fn typename_needs(kind: &Kind, label: Option<Permissions>) -> Vec<Permissions> {
    match (kind, label) {
        (_, Some(label)) => vec![label],
        (Kind::Composite(fields), None) => {
            let mut needs: Vec<Permissions> = Vec::new();
            for field in fields.values() {
                if !needs.contains(&field.need) {
                    needs.push(field.need);
                }
            }
            needs.sort();
            needs
        }
        _ => Vec::new(),
    }
}
