//! What a document says before anyone looks at its types: which fragments and variables it uses, and which of those
//! variables can change the plan. Found once per document, each fragment visited once per operation.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Pos, Positioned, ServerError, Value,
    parser::types::{Directive, ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value as Literal;

use super::{
    Limits,
    cost::is_page_argument,
    inputs::base,
    refusal,
    table::{Table, TypeId},
};

/// Selections may nest this deep through fragments and inline fragments, so that no document exhausts a stack.
pub(super) const NESTING: usize = 64;

/// The facts of each operation of a document.
pub(crate) struct Facts {
    operations: Vec<OperationFacts>,
}

/// One operation of a document, with its facts.
#[derive(Clone, Copy)]
pub(crate) struct Chosen<'a> {
    /// Its number among the facts.
    pub(crate) index: usize,
    pub(super) facts: &'a OperationFacts,
    pub(super) operation: &'a Positioned<OperationDefinition>,
    pub(super) document: &'a ExecutableDocument,
}

pub(super) struct OperationFacts {
    pub(super) name: Option<Name>,
    /// Variables mentioned anywhere in the operation or its fragments.
    pub(super) used: HashSet<Name>,
    /// Variables in a condition of `@skip` or `@include`.
    pub(super) conditions: Vec<Name>,
    /// Variables that size a page or a list of ids.
    pub(super) pages: Vec<Name>,
    /// Variables inside whose type a label can be met.
    pub(super) labelled: Vec<(Name, TypeId)>,
}

impl Facts {
    pub(super) fn of(document: &ExecutableDocument, table: &Table, limits: &Limits) -> Result<Self, ServerError> {
        let mut operations = Vec::new();
        let mut reached = HashSet::new();
        // The parser keeps them in no order; of several faults the first one is told, whenever the document is sent.
        let mut in_order: Vec<_> = document.operations.iter().collect();
        in_order.sort_unstable_by_key(|(_, operation)| operation.pos);
        for (name, operation) in in_order {
            let mut visit = Visit::new(document, table, limits, name);
            visit.operation(&operation.node, operation.pos)?;
            reached.extend(visit.fragments.into_keys());
            operations.push(visit.facts);
        }
        let unused = document.fragments.iter().filter(|(name, _)| !reached.contains(name.as_str()));
        if let Some((name, fragment)) = unused.min_by_key(|(_, fragment)| fragment.pos) {
            return Err(refusal::invalid(format!("Fragment \"{name}\" is never used."), fragment.pos));
        }
        Ok(Self { operations })
    }

    /// The operation to run: the one wanted, or the only one there is.
    pub(crate) fn choose<'a>(
        &'a self,
        document: &'a ExecutableDocument,
        wanted: Option<&str>,
    ) -> Result<Chosen<'a>, ServerError> {
        let index = match wanted {
            Some(wanted) => self.operations.iter().position(|facts| facts.name.as_deref() == Some(wanted)),
            None if self.operations.len() == 1 => Some(0),
            None => None,
        };
        let chosen = index.and_then(|index| {
            let facts = &self.operations[index];
            let (_, operation) = document.operations.iter().find(|(name, _)| *name == facts.name.as_ref())?;
            Some(Chosen { index, facts, operation, document })
        });
        chosen.ok_or_else(|| {
            let message = match wanted {
                Some(wanted) => format!("The document has no operation named \"{wanted}\"."),
                None => "The document has several operations; say which one in operationName.".to_owned(),
            };
            refusal::refuse(refusal::VALIDATION_FAILED, message, None)
        })
    }
}

struct Visit<'a> {
    document: &'a ExecutableDocument,
    table: &'a Table,
    limits: &'a Limits,
    facts: OperationFacts,
    /// The fragments met so far; `true` while inside one, which is how a cycle shows.
    fragments: HashMap<&'a str, bool>,
    aliases: usize,
}

impl<'a> Visit<'a> {
    fn new(document: &'a ExecutableDocument, table: &'a Table, limits: &'a Limits, name: Option<&Name>) -> Self {
        let facts = OperationFacts {
            name: name.cloned(),
            used: HashSet::new(),
            conditions: Vec::new(),
            pages: Vec::new(),
            labelled: Vec::new(),
        };
        Self { document, table, limits, facts, fragments: HashMap::new(), aliases: 0 }
    }

    fn operation(&mut self, operation: &'a OperationDefinition, pos: Pos) -> Result<(), ServerError> {
        for definition in &operation.variable_definitions {
            if let Some(default) = &definition.node.default_value {
                bound_value(&default.node, self.limits, Some(default.pos))?;
            }
            let ty = self.table.type_named(base(&definition.node.var_type.node));
            if let Some(ty) = ty.filter(|ty| self.table.types[*ty].reaches_label) {
                self.facts.labelled.push((definition.node.name.node.clone(), ty));
            }
        }
        self.directives(&operation.directives)?;
        self.selections(&operation.selection_set.node, 1)?;
        if self.aliases > self.limits.aliases {
            return Err(refusal::too_complex("aliases", self.aliases, self.limits.aliases, pos));
        }
        Ok(())
    }

    fn selections(&mut self, set: &'a SelectionSet, nesting: usize) -> Result<(), ServerError> {
        for selection in &set.items {
            if nesting > NESTING {
                return Err(refusal::too_complex("levels of nesting", nesting, NESTING, selection.pos));
            }
            self.directives(selection.node.directives())?;
            match &selection.node {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.node.alias.is_some());
                    for (name, value) in &field.node.arguments {
                        self.literal(value, 1)?;
                        if let Literal::Variable(variable) = &value.node
                            && is_page_argument(&name.node)
                        {
                            note(&mut self.facts.pages, variable);
                        }
                    }
                    self.selections(&field.node.selection_set.node, nesting + 1)?;
                }
                Selection::InlineFragment(fragment) => {
                    self.selections(&fragment.node.selection_set.node, nesting + 1)?;
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name, nesting)?,
            }
        }
        Ok(())
    }

    fn fragment(&mut self, name: &'a Positioned<Name>, nesting: usize) -> Result<(), ServerError> {
        let Some((known, fragment)) = self.document.fragments.get_key_value(&name.node) else {
            return Err(refusal::invalid(format!("There is no fragment named \"{}\".", name.node), name.pos));
        };
        match self.fragments.insert(known.as_str(), true) {
            Some(true) => {
                return Err(refusal::invalid(format!("Fragment \"{known}\" contains itself."), name.pos));
            }
            Some(false) => {}
            None => {
                self.directives(&fragment.node.directives)?;
                self.selections(&fragment.node.selection_set.node, nesting + 1)?;
            }
        }
        self.fragments.insert(known.as_str(), false);
        Ok(())
    }

    fn directives(&mut self, directives: &'a [Positioned<Directive>]) -> Result<(), ServerError> {
        for directive in directives {
            let is_condition = matches!(directive.node.name.node.as_str(), "skip" | "include");
            for (_, value) in &directive.node.arguments {
                self.literal(value, 1)?;
                if let Literal::Variable(variable) = &value.node
                    && is_condition
                {
                    note(&mut self.facts.conditions, variable);
                }
            }
        }
        Ok(())
    }

    /// Notes the variables inside a literal and holds it to the limits of input.
    fn literal(&mut self, value: &'a Positioned<Literal>, depth: usize) -> Result<(), ServerError> {
        let mut open = vec![(&value.node, depth)];
        while let Some((inner, depth)) = open.pop() {
            match inner {
                Literal::Variable(variable) => {
                    self.facts.used.insert(variable.clone());
                }
                Literal::List(items) => {
                    bound_level(items.len(), depth, self.limits, Some(value.pos))?;
                    open.extend(items.iter().map(|item| (item, depth + 1)));
                }
                Literal::Object(fields) => {
                    bound_level(0, depth, self.limits, Some(value.pos))?;
                    open.extend(fields.values().map(|field| (field, depth + 1)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn note(list: &mut Vec<Name>, variable: &Name) {
    if !list.contains(variable) {
        list.push(variable.clone());
    }
}

/// Holds a value, given in the document or as a variable, to the limits of input.
pub(super) fn bound_value(value: &Value, limits: &Limits, pos: Option<Pos>) -> Result<(), ServerError> {
    let mut open = vec![(value, 1)];
    while let Some((inner, depth)) = open.pop() {
        match inner {
            Value::List(items) => {
                bound_level(items.len(), depth, limits, pos)?;
                open.extend(items.iter().map(|item| (item, depth + 1)));
            }
            Value::Object(fields) => {
                bound_level(0, depth, limits, pos)?;
                open.extend(fields.values().map(|field| (field, depth + 1)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn bound_level(items: usize, depth: usize, limits: &Limits, pos: Option<Pos>) -> Result<(), ServerError> {
    if depth > limits.input_nesting {
        return Err(refusal::too_complex("levels of input nesting", depth, limits.input_nesting, pos));
    }
    if items > limits.input_list {
        return Err(refusal::too_complex("items in one input list", items, limits.input_list, pos));
    }
    Ok(())
}
