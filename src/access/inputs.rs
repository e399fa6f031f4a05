//! Everything the plan reads from variables and arguments: conditions, page sizes and labelled inputs.
//!
//! Each of the three is one small function of a variable's value, and the walk asks nothing else of it. That is why
//! `steering`, which lists those same answers, is an exact key for the cached plan: two requests that steer alike get
//! the same plan, however else their variables differ.

use async_graphql::{
    Name, Pos, Positioned, ServerError, Value, Variables,
    parser::types::{BaseType, Directive, Field, Type, VariableDefinition},
};
use async_graphql_value::Value as Literal;

use super::{
    bits::Permissions,
    cost,
    facts::OperationFacts,
    refusal::invalid,
    table::{FieldDef, InputId, Kind, Table, TypeId},
};

#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) table: &'a Table,
    pub(super) definitions: &'a [Positioned<VariableDefinition>],
    pub(super) variables: &'a Variables,
    pub(super) held: Permissions,
}

impl<'a> Inputs<'a> {
    fn definition(&self, name: &str) -> Option<&'a VariableDefinition> {
        self.definitions.iter().map(|definition| &definition.node).find(|definition| definition.name.node == *name)
    }

    /// The value given, else the document's default.
    fn value(&self, name: &str) -> Option<&'a Value> {
        let default = || self.definition(name)?.default_value.as_ref().map(|value| &value.node);
        self.variables.get(name).or_else(default)
    }

    /// The size a variable gives to a page.
    pub(super) fn size(&self, name: &str) -> Option<u64> {
        self.value(name).and_then(cost::size)
    }

    fn boolean(&self, name: &str) -> Option<bool> {
        match self.value(name) {
            Some(Value::Boolean(value)) => Some(*value),
            _ => None,
        }
    }

    /// What the plan depends on, besides the document, the operation and the caller.
    pub(super) fn steering(&self, facts: &OperationFacts) -> Box<[u64]> {
        let conditions = facts.conditions.iter().map(|name| self.boolean(name).map_or(2, u64::from));
        let pages = facts.pages.iter().map(|name| self.size(name).map_or(0, |size| size.saturating_add(1)));
        let labelled = facts.labelled.iter().map(|(name, ty)| {
            let refused = self.value(name).and_then(|value| self.refused_value(value, *ty));
            refused.map_or(0, |input| input as u64 + 1)
        });
        conditions.chain(pages).chain(labelled).collect()
    }

    /// Whether the directives of a selection let it in.
    pub(super) fn includes(&self, directives: &[Positioned<Directive>]) -> Result<bool, ServerError> {
        let mut included = true;
        for (at, directive) in directives.iter().enumerate() {
            let name = &directive.node.name.node;
            let wanted = match name.as_str() {
                "include" => true,
                "skip" => false,
                _ => {
                    return Err(invalid(format!("There is no directive @{name} for a selection."), directive.pos));
                }
            };
            if directives[..at].iter().any(|earlier| earlier.node.name.node == *name) {
                return Err(invalid(format!("@{name} may be given once."), directive.pos));
            }
            let condition = match directive.node.arguments.as_slice() {
                [(argument, value)] if argument.node == "if" => self.condition(value)?,
                _ => {
                    return Err(invalid(format!("@{name} takes one argument, if: Boolean!."), directive.pos));
                }
            };
            included &= condition == wanted;
        }
        Ok(included)
    }

    fn condition(&self, value: &Positioned<Literal>) -> Result<bool, ServerError> {
        let variable = match &value.node {
            Literal::Boolean(value) => return Ok(*value),
            Literal::Variable(name) => name,
            _ => {
                return Err(invalid("A condition is true, false or a variable.", value.pos));
            }
        };
        let Some(definition) = self.definition(variable) else {
            return Err(invalid(format!("Variable \"${variable}\" is not defined."), value.pos));
        };
        let ty = &definition.var_type.node;
        let may_lack_value = ty.nullable && definition.default_value.is_none();
        if may_lack_value || !matches!(&ty.base, BaseType::Named(name) if name == "Boolean") {
            return Err(invalid(format!("Variable \"${variable}\" must be Boolean! to be a condition."), value.pos));
        }
        self.boolean(variable)
            .ok_or_else(|| invalid(format!("Variable \"${variable}\" has no Boolean value."), value.pos))
    }

    /// The first labelled input, among the arguments given to a field, that the caller may not use.
    pub(super) fn refused(&self, field: &Field, definition: &FieldDef) -> Result<Option<InputId>, ServerError> {
        for (name, value) in &field.arguments {
            let Some(argument) = definition.arguments.get(&name.node) else {
                let message = format!("Field \"{}\" has no argument \"{}\".", field.name.node, name.node);
                return Err(invalid(message, name.pos));
            };
            // A label stands on the use of an argument, whatever its value: null and unset variables need it too.
            if let Some(input) = self.lacks(argument.label) {
                return Ok(Some(input));
            }
            if let Some(input) = self.refused_literal(&value.node, argument.ty, value.pos)? {
                return Ok(Some(input));
            }
        }
        Ok(None)
    }

    fn lacks(&self, label: Option<InputId>) -> Option<InputId> {
        label.filter(|input| !self.held.contains(self.table.inputs[*input].need))
    }

    /// Lists are looked through at any depth, because a single value stands for a list of one.
    fn refused_literal(&self, value: &Literal, ty: TypeId, pos: Pos) -> Result<Option<InputId>, ServerError> {
        let expected = &self.table.types[ty];
        if !expected.reaches_label {
            return Ok(None);
        }
        match (value, &expected.kind) {
            (Literal::Variable(name), _) => {
                let Some(definition) = self.definition(name) else {
                    return Err(invalid(format!("Variable \"${name}\" is not defined."), pos));
                };
                // Steering reads a variable by its own type, so that must be the type of this place.
                let declared = base(&definition.var_type.node);
                if *declared != expected.name {
                    let message =
                        format!("Variable \"${name}\" is {declared} and used where {} is expected.", expected.name);
                    return Err(invalid(message, pos));
                }
                Ok(self.value(name).and_then(|value| self.refused_value(value, ty)))
            }
            (Literal::List(items), _) => {
                for item in items {
                    if let Some(input) = self.refused_literal(item, ty, pos)? {
                        return Ok(Some(input));
                    }
                }
                Ok(None)
            }
            (Literal::Enum(name), Kind::Enum(values)) => Ok(self.lacks(values.get(name).copied())),
            (Literal::String(name), Kind::Enum(values)) => Ok(self.lacks(values.get(name.as_str()).copied())),
            (Literal::Object(given), Kind::Input(fields)) => {
                for (name, value) in given {
                    let Some(field) = fields.get(name) else {
                        continue;
                    };
                    if let Some(input) = self.lacks(field.label) {
                        return Ok(Some(input));
                    }
                    if let Some(input) = self.refused_literal(value, field.ty, pos)? {
                        return Ok(Some(input));
                    }
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// The same for a value without variables in it; in JSON an enum value is a string.
    fn refused_value(&self, value: &Value, ty: TypeId) -> Option<InputId> {
        let expected = &self.table.types[ty];
        if !expected.reaches_label {
            return None;
        }
        match (value, &expected.kind) {
            (Value::List(items), _) => items.iter().find_map(|item| self.refused_value(item, ty)),
            (Value::Enum(name), Kind::Enum(values)) => self.lacks(values.get(name).copied()),
            (Value::String(name), Kind::Enum(values)) => self.lacks(values.get(name.as_str()).copied()),
            (Value::Object(given), Kind::Input(fields)) => given.iter().find_map(|(name, value)| {
                let field = fields.get(name)?;
                self.lacks(field.label).or_else(|| self.refused_value(value, field.ty))
            }),
            _ => None,
        }
    }
}

/// The named type inside any wrappers.
pub(super) fn base(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => base(inner),
    }
}
