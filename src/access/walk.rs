//! The walk: one visit that flattens a document, merges equal keys, decides every field and counts what it costs.
//!
//! It follows the way an executor collects fields, but ahead of time: instead of one object of a known type it
//! carries the set of concrete types the object may turn out to have. Where the rights of those types differ, so do
//! their entries.

use std::collections::BTreeSet;

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{Field, OperationType, SelectionSet},
};

use super::{
    Caller, Limits,
    bits::{Permissions, TypeSet},
    collect::{Group, Item, classes, conflict, same_call},
    cost::{self, Size},
    facts::Chosen,
    inputs::Inputs,
    plan::{Entry, Node, NodeId, Variant},
    refusal::{self, Refusal, invalid, too_complex},
    table::{FieldDef, Shape, Table, TypeId},
};

pub(super) const TYPENAME: &str = "__typename";

pub(super) struct Walk<'a> {
    pub(super) inputs: Inputs<'a>,
    pub(super) chosen: Chosen<'a>,
    pub(super) caller: &'a Caller,
    pub(super) limits: &'a Limits,
    /// The fields met, which the entries point into.
    pub(super) fields: Vec<&'a Positioned<Field>>,
    pub(super) nodes: Vec<Node>,
    pub(super) refusals: Vec<Refusal>,
    path: Vec<Name>,
    /// Selections expanded, and entries decided, so far.
    pub(super) expanded: usize,
    entries: usize,
}

/// Where a selection set stands.
#[derive(Clone, Copy)]
struct Place {
    parent: TypeId,
    depth: usize,
    max_depth: usize,
    /// Lists of introspection gone through.
    introspection_lists: usize,
    /// The size of the page whose elements hang below this object, if it is a connection.
    page: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(inputs: Inputs<'a>, chosen: Chosen<'a>, caller: &'a Caller, limits: &'a Limits) -> Self {
        let (fields, nodes, refusals, path) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { inputs, chosen, caller, limits, fields, nodes, refusals, path, expanded: 0, entries: 0 }
    }

    pub(super) fn table(&self) -> &'a Table {
        self.inputs.table
    }

    /// Walks the operation; answers its root node and its cost.
    pub(super) fn operation(&mut self) -> Result<(NodeId, u64), ServerError> {
        let (operation, pos) = (&self.chosen.operation.node, self.chosen.operation.pos);
        let Some(parent) = self.table().root(operation.ty) else {
            return Err(invalid(format!("This API has no {} operations.", operation.ty), pos));
        };
        let place = Place { parent, depth: 1, max_depth: self.limits.depth, introspection_lists: 0, page: 1 };
        let (root, size) = self.set(place, &[&operation.selection_set.node])?;
        let roots = self.nodes[root].variants.first().map_or(&[][..], |variant| &variant.entries);
        if operation.ty == OperationType::Subscription {
            let is_event = |entry: &Entry| self.fields[entry.field].node.name.node != TYPENAME;
            if !matches!(roots, [only] if is_event(only)) {
                return Err(invalid("A subscription selects exactly one field.", pos));
            }
        }
        if roots.len() > self.limits.root_fields {
            return Err(too_complex("root fields", roots.len(), self.limits.root_fields, pos));
        }
        size.check(self.limits, pos)?;
        Ok((root, size.cost))
    }

    /// The fields that stay, as `Type.field`, and what they need together. Introspection is about the schema, not about anybody.
    pub(super) fn kept(&self) -> (Vec<String>, Permissions) {
        let table = self.table();
        let (mut coordinates, mut needs) = (BTreeSet::new(), Permissions::NONE);
        for variant in self.nodes.iter().flat_map(|node| &node.variants) {
            for entry in variant.entries.iter().filter(|entry| entry.refusal.is_none()) {
                let field = &self.fields[entry.field].node.name.node;
                for name in variant.types.iter().filter(|name| !name.starts_with("__") && !field.starts_with("__")) {
                    let definition = table.type_named(name).and_then(|ty| table.field(ty, field));
                    needs = needs | definition.map_or(Permissions::NONE, |definition| definition.need);
                    coordinates.insert(format!("{name}.{field}"));
                }
            }
        }
        (coordinates.into_iter().collect(), needs)
    }

    fn set(&mut self, place: Place, sources: &[&'a SelectionSet]) -> Result<(NodeId, Size), ServerError> {
        let possible = self.table().types[place.parent].possible;
        let mut groups = Vec::new();
        for source in sources {
            self.collect(source, place.parent, possible, 0, &mut groups)?;
        }
        let classes = classes(possible, &groups);
        let mut variants = Vec::new();
        let mut largest = Size::default();
        for class in classes {
            for (types, entries) in self.drafts(class, &groups)? {
                let (variant, size) = self.variant(place, types, entries, &groups)?;
                variants.push(variant);
                largest = largest.max(size);
            }
        }
        let keyed = !self.is_plain(place.parent, &variants, &groups);
        self.nodes.push(Node { keyed, variants });
        Ok((self.nodes.len() - 1, largest))
    }

    /// Decides the entries of each type of a class; types decided alike share them.
    fn drafts(&mut self, class: TypeSet, groups: &[Group<'a>]) -> Result<Vec<(TypeSet, Vec<Entry>)>, ServerError> {
        let mut drafts: Vec<(TypeSet, Vec<Entry>)> = Vec::new();
        for object in class.iter() {
            let mut entries = Vec::with_capacity(groups.len());
            for group in groups {
                let mut items = group.items.iter().filter(|item| item.types.contains(object));
                let Some(first) = items.next() else { continue };
                if let Some(other) = items.find(|item| !same_call(&first.field.node, &item.field.node)) {
                    return Err(conflict(group.key, first, other));
                }
                self.decided_entry(first.field.pos)?;
                entries.push(self.entry(self.table().object(object), group.key, first)?);
            }
            match drafts.iter_mut().find(|(_, known)| *known == entries) {
                Some((types, _)) => types.insert(object),
                None => {
                    let mut types = TypeSet::default();
                    types.insert(object);
                    drafts.push((types, entries));
                }
            }
        }
        Ok(drafts)
    }

    /// Entries are bounded too: behind an interface, one selection is decided for each type that implements it.
    fn decided_entry(&mut self, pos: Pos) -> Result<(), ServerError> {
        self.entries += 1;
        let limit = self.limits.expanded_selections * super::ENTRIES_PER_SELECTION;
        if self.entries > limit {
            return Err(too_complex("fields over all its types", self.entries, limit, pos));
        }
        Ok(())
    }

    /// Decides one field for one concrete type.
    fn entry(&mut self, object: TypeId, key: &Name, item: &Item<'a>) -> Result<Entry, ServerError> {
        let table = self.table();
        let name = &item.field.node.name.node;
        let entry = |shape, ty, refusal| Entry { key: key.clone(), shape, ty, refusal, child: None, field: item.index };
        let Some(definition) = table.field(object, name) else {
            // Only `__typename` is no field of its own; `add` refused every other name.
            let string = table.type_named("String").unwrap_or_default();
            let missing = self.missing_for_typename(object);
            let refusal = missing.map(|missing| self.refuse_field(object, key, item, missing));
            return Ok(entry(Shape::NON_NULL, string, refusal));
        };
        let refusal = if table.types[definition.ty].is_introspection && !self.caller.introspection {
            Some(self.refuse(key, item.field.pos, name.to_string(), Permissions::NONE, "ask for introspection"))
        } else if !self.caller.held.contains(definition.need) {
            Some(self.refuse_field(object, key, item, definition.need))
        } else if let Some(input) = self.inputs.refused(&item.field.node, definition)? {
            let input = &table.inputs[input];
            let act = format!("use {} in {}.{name}", input.coordinate, table.types[object].name);
            Some(self.refuse(key, item.field.pos, input.coordinate.clone(), input.need, &act))
        } else {
            None
        };
        Ok(entry(definition.shape, definition.ty, refusal))
    }

    /// The label of one way to learn that this object exists, if the caller has none of them.
    fn missing_for_typename(&self, object: TypeId) -> Option<Permissions> {
        let ways = &self.table().types[object].typename;
        let open = ways.iter().any(|need| self.caller.held.contains(*need));
        if open { None } else { Some(ways.first().copied().unwrap_or(Permissions::NOBODY)) }
    }

    fn refuse_field(&mut self, object: TypeId, key: &Name, item: &Item<'a>, need: Permissions) -> usize {
        let table = self.table();
        let coordinate = format!("{}.{}", table.types[object].name, item.field.node.name.node);
        let is_root = table.is_root(object);
        let verb = match self.chosen.operation.node.ty {
            OperationType::Mutation if is_root => "call",
            OperationType::Subscription if is_root => "follow",
            _ => "read",
        };
        let act = format!("{verb} {coordinate}");
        self.refuse(key, item.field.pos, coordinate, need, &act)
    }

    fn refuse(&mut self, key: &Name, pos: Pos, coordinate: String, need: Permissions, act: &str) -> usize {
        let names: Vec<&str> = self.table().permission_names(need.minus(self.caller.held)).collect();
        let signed_in = self.caller.signed_in;
        let (code, message) = match (signed_in, names.is_empty()) {
            (true, true) => (refusal::FORBIDDEN, format!("You may not {act}.")),
            (true, false) => (refusal::FORBIDDEN, format!("You need {} to {act}.", names.join(" and "))),
            (false, true) => (refusal::UNAUTHENTICATED, format!("Sign in first to {act}.")),
            (false, false) => {
                (refusal::UNAUTHENTICATED, format!("Sign in first: you need {} to {act}.", names.join(" and ")))
            }
        };
        let path = self.path.iter().chain([key]).cloned().collect();
        self.refusals.push(Refusal { path, coordinate, needs: names.join(", "), message, code, pos });
        self.refusals.len() - 1
    }

    /// Walks below the entries that stay; answers the variant and the size of one object of it.
    fn variant(
        &mut self,
        place: Place,
        types: TypeSet,
        mut entries: Vec<Entry>,
        groups: &[Group<'a>],
    ) -> Result<(Variant, Size), ServerError> {
        let table = self.table();
        let mut total = Size::default();
        for entry in &mut entries {
            let field = self.fields[entry.field];
            total = total.plus(Size::of_field(entry.refusal.is_some()));
            if entry.refusal.is_some() || !table.is_composite(entry.ty) {
                continue;
            }
            let is_introspection = table.types[entry.ty].is_introspection;
            let max_depth = if is_introspection { self.limits.introspection_depth } else { place.max_depth };
            if place.depth > max_depth {
                return Err(too_complex("levels of objects", place.depth, max_depth, field.pos));
            }
            let introspection_lists =
                place.introspection_lists + usize::from(is_introspection && entry.shape.is_list());
            let max_lists = self.limits.introspection_lists;
            if introspection_lists > max_lists {
                let what = "lists of introspection in one another";
                return Err(too_complex(what, introspection_lists, max_lists, field.pos));
            }
            let connection = cost::is_connection(table, entry.ty);
            let object = types.iter().next().map(|index| table.object(index));
            let definition = object.and_then(|object| table.field(object, &field.node.name.node));
            let multiplier = definition.map_or(1, |definition| self.multiplier(&field.node, definition, connection));
            let (page, times) = match (connection, cost::is_page_of_elements(&field.node.name.node)) {
                (true, _) => (multiplier, 1),
                (false, true) => (1, multiplier.max(place.page)),
                (false, false) => (1, multiplier),
            };
            let below = Place { parent: entry.ty, depth: place.depth + 1, max_depth, introspection_lists, page };
            let items = groups.iter().filter(|group| *group.key == entry.key).flat_map(|group| &group.items);
            let items = items.filter(|item| !item.types.and(&types).is_empty());
            let sources: Vec<_> = items.map(|item| &item.field.node.selection_set.node).collect();
            self.path.push(entry.key.clone());
            let (child, size) = self.set(below, &sources)?;
            self.path.pop();
            entry.child = Some(child);
            total = total.plus(size.times(times));
        }
        let types = types.iter().map(|index| table.types[table.object(index)].name.clone()).collect();
        Ok((Variant { types, entries }, total))
    }

    fn multiplier(&self, field: &Field, definition: &FieldDef, connection: bool) -> u64 {
        let size = |name: &str| self.inputs.size(name);
        cost::multiplier(field, definition, connection, self.limits.default_page, size)
    }

    /// Whether plain fields on `parent` say it all, so that the answer need not tell its type.
    fn is_plain(&self, parent: TypeId, variants: &[Variant], groups: &[Group<'a>]) -> bool {
        let table = self.table();
        if table.types[parent].is_object {
            return true;
        }
        let [only] = variants else { return false };
        only.entries.len() == groups.len()
            && only.entries.iter().all(|entry| {
                let name = &self.fields[entry.field].node.name.node;
                table.field(parent, name).map_or(name == TYPENAME, |found| found.ty == entry.ty)
            })
    }
}
