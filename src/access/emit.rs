//! Writes the reduced document: what is left of the operation, without fragments, conditions or refused fields.

use std::collections::HashSet;

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{
        DocumentOperations, ExecutableDocument, Field, InlineFragment, OperationDefinition, Selection, SelectionSet,
        TypeCondition,
    },
};
use async_graphql_value::Value as Literal;

use super::{
    ENTRIES_PER_SELECTION, Limits,
    facts::Chosen,
    plan::{Entry, Node, NodeId},
    refusal::too_complex,
    table::PRIVATE_TYPENAME,
    walk::TYPENAME,
};

pub(super) struct Emit<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) fields: &'a [&'a Positioned<Field>],
    pub(super) limits: &'a Limits,
    used: HashSet<&'a Name>,
    /// Fields written so far.
    pub(super) written: usize,
}

impl<'a> Emit<'a> {
    pub(super) fn new(nodes: &'a [Node], fields: &'a [&'a Positioned<Field>], limits: &'a Limits) -> Self {
        Self { nodes, fields, limits, used: HashSet::new(), written: 0 }
    }

    /// The document to run, or `None` when the root has nothing left.
    pub(super) fn document(
        &mut self,
        root: NodeId,
        chosen: Chosen<'a>,
    ) -> Result<Option<ExecutableDocument>, ServerError> {
        let entries = self.nodes[root].variants.first().map_or(&[][..], |variant| &variant.entries);
        let lost = |entry: &Entry| entry.refusal.is_some() && entry.shape.is_non_null();
        if entries.iter().all(|entry| entry.refusal.is_some()) || entries.iter().any(lost) {
            return Ok(None);
        }
        let Chosen { facts, operation, .. } = chosen;
        let OperationDefinition { ty, variable_definitions, directives, selection_set } = &operation.node;
        let selection_set = self.set(root, selection_set.pos)?;
        for (_, value) in directives.iter().flat_map(|directive| &directive.node.arguments) {
            self.note(&value.node);
        }
        // A variable that only refused or skipped parts used goes with them; one that nothing used is left for the
        // validation to complain about.
        let stays = |name: &Name| self.used.contains(name) || !facts.used.contains(name);
        let definitions = variable_definitions.iter().filter(|definition| stays(&definition.node.name.node));
        let operation = operation.position_node(OperationDefinition {
            ty: *ty,
            variable_definitions: definitions.cloned().collect(),
            directives: directives.clone(),
            selection_set,
        });
        let operations = match &facts.name {
            Some(name) => DocumentOperations::Multiple([(name.clone(), operation)].into()),
            None => DocumentOperations::Single(operation),
        };
        Ok(Some(ExecutableDocument { operations, fragments: Default::default() }))
    }

    fn set(&mut self, node: NodeId, pos: Pos) -> Result<Positioned<SelectionSet>, ServerError> {
        let node = &self.nodes[node];
        let mut items = Vec::new();
        if !node.keyed {
            for variant in &node.variants {
                self.entries(&variant.entries, &mut items)?;
            }
        } else {
            for variant in node.variants.iter().filter(|variant| variant.entries.iter().any(stays)) {
                for name in &variant.types {
                    let mut fields = Vec::new();
                    self.entries(&variant.entries, &mut fields)?;
                    let condition = TypeCondition { on: Positioned::new(name.clone(), pos) };
                    let fragment = InlineFragment {
                        type_condition: Some(Positioned::new(condition, pos)),
                        directives: Vec::new(),
                        selection_set: Positioned::new(SelectionSet { items: fields }, pos),
                    };
                    let fragment = Positioned::new(fragment, pos);
                    items.push(Positioned::new(Selection::InlineFragment(fragment), pos));
                }
            }
        }
        // Last, so that patching cuts it off the end. An emptied set asks for it too: no set may be empty.
        if node.keyed || items.is_empty() {
            items.push(Positioned::new(Selection::Field(Positioned::new(private_typename(pos), pos)), pos));
        }
        Ok(Positioned::new(SelectionSet { items }, pos))
    }

    fn entries(&mut self, entries: &'a [Entry], items: &mut Vec<Positioned<Selection>>) -> Result<(), ServerError> {
        for entry in entries.iter().filter(|entry| stays(entry)) {
            let original = self.fields[entry.field];
            self.written += 1;
            let limit = self.limits.expanded_selections * ENTRIES_PER_SELECTION;
            if self.written > limit {
                return Err(too_complex("fields over all its types", self.written, limit, original.pos));
            }
            for (_, value) in &original.node.arguments {
                self.note(&value.node);
            }
            let selection_set = match entry.child {
                Some(child) => self.set(child, original.node.selection_set.pos)?,
                None => Positioned::new(SelectionSet::default(), original.node.selection_set.pos),
            };
            let field = Field {
                alias: original.node.alias.clone(),
                name: original.node.name.clone(),
                arguments: original.node.arguments.clone(),
                directives: Vec::new(),
                selection_set,
            };
            items.push(Positioned::new(Selection::Field(original.position_node(field)), original.pos));
        }
        Ok(())
    }

    /// Notes the variables of a literal; facts.rs has bounded its depth.
    fn note(&mut self, value: &'a Literal) {
        match value {
            Literal::Variable(name) => {
                self.used.insert(name);
            }
            Literal::List(items) => items.iter().for_each(|item| self.note(item)),
            Literal::Object(fields) => fields.values().for_each(|field| self.note(field)),
            _ => {}
        }
    }
}

fn stays(entry: &Entry) -> bool {
    entry.refusal.is_none()
}

fn private_typename(pos: Pos) -> Field {
    Field {
        alias: Some(Positioned::new(Name::new(PRIVATE_TYPENAME), pos)),
        name: Positioned::new(Name::new(TYPENAME), pos),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet::default(), pos),
    }
}
