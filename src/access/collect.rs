//! Collecting: the selections of an object, with fragments flattened, conditions resolved and equal keys merged.

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{Field, Selection, SelectionSet},
};

use super::{
    bits::TypeSet,
    facts::NESTING,
    refusal::{invalid, too_complex},
    table::{PRIVATE_TYPENAME, Shape, TypeId},
    walk::{TYPENAME, Walk},
};

/// A field as found in some selection set, for the concrete types in `types`.
pub(super) struct Item<'a> {
    pub(super) field: &'a Positioned<Field>,
    pub(super) index: usize,
    pub(super) owner: TypeId,
    pub(super) types: TypeSet,
}

/// The fields that answer under one response key.
pub(super) struct Group<'a> {
    pub(super) key: &'a Name,
    pub(super) items: Vec<Item<'a>>,
}

impl<'a> Walk<'a> {
    /// Adds the fields of a selection set to `groups`, through every fragment.
    pub(super) fn collect(
        &mut self,
        set: &'a SelectionSet,
        parent: TypeId,
        types: TypeSet,
        nesting: usize,
        groups: &mut Vec<Group<'a>>,
    ) -> Result<(), ServerError> {
        for selection in &set.items {
            if nesting > NESTING {
                return Err(too_complex("levels of nesting", nesting, NESTING, selection.pos));
            }
            self.expanded += 1;
            if self.expanded > self.limits.expanded_selections {
                let what = "selections with its fragments expanded";
                return Err(too_complex(what, self.expanded, self.limits.expanded_selections, selection.pos));
            }
            if !self.inputs.includes(selection.node.directives())? {
                continue;
            }
            let (condition, set) = match &selection.node {
                Selection::Field(field) => {
                    self.add(field, parent, types, groups)?;
                    continue;
                }
                Selection::InlineFragment(fragment) => {
                    (fragment.node.type_condition.as_ref(), &fragment.node.selection_set)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name;
                    let Some(fragment) = self.chosen.document.fragments.get(&name.node) else {
                        return Err(invalid(format!("There is no fragment named \"{}\".", name.node), name.pos));
                    };
                    if let Some(directive) = fragment.node.directives.first() {
                        return Err(invalid("A fragment definition takes no directives.", directive.pos));
                    }
                    (Some(&fragment.node.type_condition), &fragment.node.selection_set)
                }
            };
            let Some(condition) = condition.map(|condition| &condition.node.on) else {
                self.collect(&set.node, parent, types, nesting + 1, groups)?;
                continue;
            };
            let narrower = self.condition(parent, condition, selection.pos)?;
            let types = types.and(&self.table().types[narrower].possible);
            if !types.is_empty() {
                self.collect(&set.node, narrower, types, nesting + 1, groups)?;
            }
        }
        Ok(())
    }

    /// The type a fragment narrows to, if objects of `parent` can ever have it.
    fn condition(&self, parent: TypeId, condition: &Positioned<Name>, pos: Pos) -> Result<TypeId, ServerError> {
        let table = self.table();
        let name = &condition.node;
        let Some(narrower) = table.type_named(name).filter(|ty| table.is_composite(*ty)) else {
            return Err(invalid(format!("There is no object, interface or union named \"{name}\"."), condition.pos));
        };
        let parent = &table.types[parent];
        if parent.possible.and(&table.types[narrower].possible).is_empty() {
            return Err(invalid(format!("\"{}\" can never be \"{name}\", so this matches nothing.", parent.name), pos));
        }
        Ok(narrower)
    }

    fn add(
        &mut self,
        field: &'a Positioned<Field>,
        owner: TypeId,
        types: TypeSet,
        groups: &mut Vec<Group<'a>>,
    ) -> Result<(), ServerError> {
        let table = self.table();
        let (name, key) = (&field.node.name.node, &field.node.response_key().node);
        if key == PRIVATE_TYPENAME {
            return Err(invalid(format!("The key \"{key}\" is reserved; choose another alias."), field.pos));
        }
        let has_selection = !field.node.selection_set.node.items.is_empty();
        let is_composite = match (table.field(owner, name), name.as_str()) {
            (Some(definition), _) => table.is_composite(definition.ty),
            (None, TYPENAME) if field.node.arguments.is_empty() => false,
            (None, _) => {
                let message = format!("Type \"{}\" has no field \"{name}\".", table.types[owner].name);
                return Err(invalid(message, field.pos));
            }
        };
        if has_selection != is_composite {
            let message = if is_composite { "needs a selection of its fields" } else { "has no fields to select" };
            return Err(invalid(format!("Field \"{name}\" {message}."), field.pos));
        }
        let index = self.fields.len();
        self.fields.push(field);
        let item = Item { field, index, owner, types };
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => {
                if self.answer(&group.items[0]) != self.answer(&item) {
                    return Err(conflict(key, &group.items[0], &item));
                }
                group.items.push(item);
            }
            None => groups.push(Group { key, items: vec![item] }),
        }
        Ok(())
    }

    /// What a field answers, as far as fields of disjoint types under one key must agree on it.
    fn answer(&self, item: &Item<'a>) -> (Shape, Option<TypeId>) {
        match self.table().field(item.owner, &item.field.node.name.node) {
            Some(found) => (found.shape, Some(found.ty).filter(|ty| !self.table().is_composite(*ty))),
            None => (Shape::NON_NULL, self.table().type_named("String")),
        }
    }
}

/// Splits the possible types into classes that take part in the same fields.
pub(super) fn classes(possible: TypeSet, groups: &[Group<'_>]) -> Vec<TypeSet> {
    let mut classes = vec![possible];
    for item in groups.iter().flat_map(|group| &group.items).filter(|item| item.types != possible) {
        for at in 0..classes.len() {
            let (inside, outside) = (classes[at].and(&item.types), classes[at].minus(&item.types));
            if !inside.is_empty() && !outside.is_empty() {
                classes[at] = inside;
                classes.push(outside);
            }
        }
    }
    classes
}

pub(super) fn same_call(one: &Field, other: &Field) -> bool {
    let same = |(name, value): &(Positioned<Name>, _)| other.get_argument(&name.node) == Some(value);
    one.name.node == other.name.node && one.arguments.len() == other.arguments.len() && one.arguments.iter().all(same)
}

pub(super) fn conflict(key: &Name, one: &Item<'_>, other: &Item<'_>) -> ServerError {
    let message = format!("Two different fields or calls answer under \"{key}\"; give one of them an alias.");
    let mut error = invalid(message, one.field.pos);
    error.locations.push(other.field.pos);
    error
}
