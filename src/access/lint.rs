//! Judges the labels of a schema. Each finding is a way a denial would surprise someone, or a label would not hold.

use async_graphql::{Value, parser::types::OperationType};

use super::{
    bits::Permissions,
    cost::is_connection,
    table::{FieldDef, InputDef, Kind, Table, TypeDef},
};

pub(super) fn findings(table: &Table) -> Vec<String> {
    let mut findings = Vec::new();
    for ty in table.types.iter().filter(|ty| !ty.is_introspection) {
        Lint { table, ty, findings: &mut findings }.judge();
    }
    findings.sort();
    findings.dedup();
    findings
}

struct Lint<'a> {
    table: &'a Table,
    ty: &'a TypeDef,
    findings: &'a mut Vec<String>,
}

impl Lint<'_> {
    fn say(&mut self, place: &str, finding: &str) {
        self.findings.push(format!("{}{place} {finding}", self.ty.name));
    }

    fn judge(&mut self) {
        let ty = self.ty;
        match &ty.kind {
            Kind::Composite(fields) => {
                let is_root = self.is_root();
                if is_root && ty.label.is_some() {
                    self.say("", "is a root, where a label would quietly cover new fields; label each field instead.");
                }
                if ty.possible.is_empty() {
                    self.say("", "has no concrete types; remove it or implement it.");
                }
                for (name, field) in fields.iter().filter(|(name, _)| !name.starts_with("__")) {
                    self.field(&format!(".{name}"), field, is_root);
                    for (argument, definition) in &field.arguments {
                        self.input(&format!(".{name}({argument}:)"), definition);
                    }
                }
            }
            Kind::Input(fields) => {
                self.no_label();
                fields.iter().for_each(|(name, field)| self.input(&format!(".{name}"), field));
            }
            Kind::Leaf | Kind::Enum(_) => self.no_label(),
        }
    }

    fn is_root(&self) -> bool {
        self.is_root_of(&[OperationType::Query, OperationType::Mutation, OperationType::Subscription])
    }

    fn no_label(&mut self) {
        if self.ty.label.is_some() {
            self.say("", "carries a label that nothing reads; label its fields or values, or the fields that use it.");
        }
    }

    fn field(&mut self, place: &str, field: &FieldDef, is_root: bool) {
        if self.ty.is_object && field.need == Permissions::NOBODY {
            self.say(place, "has no label, so nobody may read it; add one, PUBLIC if it is for everyone.");
        }
        let reached = field.arguments.values().any(|argument| self.is_labelled(argument));
        if field.shape.is_non_null() && self.ty.is_object {
            if self.is_root_of(&[OperationType::Mutation, OperationType::Subscription]) {
                self.say(place, "is a mutation or subscription; make it nullable, so that a denial is an answer.");
            } else if !self.base(self.ty).contains(field.need) {
                self.say(place, "needs more than its object does; make it nullable, or one denial empties the object.");
            } else if reached {
                self.say(place, "has labelled input; make it nullable, so that a denial stays at this field.");
            }
        }
        if field.shape.is_non_null_within() && self.ty.is_object {
            let target = &self.table.types[field.ty];
            let held = field.need | self.base(self.ty);
            let objects = target.possible.iter().map(|index| &self.table.types[self.table.object(index)]);
            if let Some(object) = objects.into_iter().find(|object| !held.contains(self.base(object))) {
                let finding = format!("may hold a {}, which needs more; let it be null.", object.name);
                self.say(place, &finding);
            }
        }
        let is_sized = ["first", "last"].iter().any(|name| field.arguments.contains_key(*name));
        if is_connection(self.table, field.ty) && !is_sized {
            self.say(place, "is a page of unknown size, whose cost is a guess; give it the argument first.");
        }
        // Whoever may run a mutation knows that it ran, so what it returns tells nothing by being there.
        let tells = (is_root && !self.is_root_of(&[OperationType::Mutation])) || field.shape.is_list();
        let target = &self.table.types[field.ty];
        if let Some(label) = target.label.filter(|_| self.ty.is_object && tells)
            && !field.need.contains(label)
        {
            let finding = format!("needs less than {}, so its presence or length tells; label it alike.", target.name);
            self.say(place, &finding);
        }
    }

    fn is_root_of(&self, operations: &[OperationType]) -> bool {
        let id = self.table.type_named(&self.ty.name);
        id.is_some() && operations.iter().any(|operation| self.table.root(*operation) == id)
    }

    /// What whoever meets an object of this type may be trusted to hold: the type's label; without one, what its id
    /// needs; without an id, what all its fields need alike. A root is met by everyone.
    fn base(&self, ty: &TypeDef) -> Permissions {
        let Kind::Composite(fields) = &ty.kind else { return Permissions::NONE };
        if self.table.type_named(&ty.name).is_some_and(|id| self.table.is_root(id)) {
            return Permissions::NONE;
        }
        let shared = || fields.values().map(|field| field.need).reduce(Permissions::and).unwrap_or_default();
        ty.label.unwrap_or_else(|| fields.get("id").map_or_else(shared, |id| id.need))
    }

    fn is_labelled(&self, input: &InputDef) -> bool {
        input.label.is_some() || self.table.types[input.ty].reaches_label
    }

    fn input(&mut self, place: &str, input: &InputDef) {
        let target = &self.table.types[input.ty];
        if matches!(target.kind, Kind::Leaf) && (target.name.starts_with("JSON") || target.name == "Any") {
            self.say(place, "is an opaque scalar, in which no label can be seen; use an input object.");
        }
        let Some(default) = &input.default else { return };
        if input.label.is_some() {
            self.say(place, "is labelled and has a default, which nobody has to ask for; remove the default.");
        } else if self.table.names_label(default, input.ty) {
            self.say(place, "has a default that uses a labelled input, which nobody has to ask for; change it.");
        }
    }
}

impl Table {
    /// Whether a default names a labelled enum value or sets a labelled input field.
    fn names_label(&self, value: &Value, ty: usize) -> bool {
        match (value, &self.types[ty].kind) {
            (Value::List(items), _) => items.iter().any(|item| self.names_label(item, ty)),
            (Value::Enum(name), Kind::Enum(values)) => values.contains_key(name),
            (Value::String(name), Kind::Enum(values)) => values.contains_key(name.as_str()),
            (Value::Object(given), Kind::Input(fields)) => given.iter().any(|(name, value)| {
                let field = fields.get(name);
                field.is_some_and(|field| field.label.is_some() || self.names_label(value, field.ty))
            }),
            _ => false,
        }
    }
}
