//! An answer to a reduced document as the executor might give it, with values and failures by chance.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, ExecutableDocument, Field, OperationType, Selection, SelectionSet, Type};
use async_graphql::{Name, PathSegment, Response, ServerError, Value};

use crate::schema::{Schema, base};

/// Numbers from a seed, without end.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct Answer<'a> {
    schema: &'a Schema,
    dice: Dice,
    path: Vec<PathSegment>,
    errors: Vec<ServerError>,
}

/// An answer to this document; the seed decides which.
pub(crate) fn answer(schema: &Schema, document: &ExecutableDocument, seed: u64) -> Response {
    let mut answer = Answer { schema, dice: Dice(seed | 1), path: Vec::new(), errors: Vec::new() };
    let Some((_, operation)) = document.operations.iter().next() else { return Response::default() };
    let root = match operation.node.ty {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    };
    let mut object = IndexMap::new();
    answer.object(root, &operation.node.selection_set.node, &mut object);
    let mut response = Response::new(Value::Object(object));
    response.errors = answer.errors;
    response
}

impl Answer<'_> {
    fn object(&mut self, ty: &str, set: &SelectionSet, object: &mut IndexMap<Name, Value>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.clone();
                    self.path.push(PathSegment::Field(key.to_string()));
                    if self.dice.roll(12) == 0 && field.node.name.node != "__typename" {
                        // A resolver that failed: the executor leaves the key out.
                        let mut error = ServerError::new("by chance", None);
                        error.path = self.path.clone();
                        self.errors.push(error);
                    } else {
                        let value = self.field(ty, &field.node);
                        object.insert(key, value);
                    }
                    self.path.pop();
                }
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(ty, |condition| &condition.node.on.node);
                    if self.schema.objects(on).contains(&ty) {
                        self.object(ty, &fragment.node.selection_set.node, object);
                    }
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn field(&mut self, ty: &str, field: &Field) -> Value {
        match self.schema.field(ty, &field.name.node) {
            Some(found) => self.value(&found.ty, &field.selection_set.node),
            None if field.name.node == "__typename" => Value::from(ty),
            // Introspection, which the labels do not touch.
            None => Value::Null,
        }
    }

    fn value(&mut self, ty: &Type, set: &SelectionSet) -> Value {
        if ty.nullable && self.dice.roll(6) == 0 {
            return Value::Null;
        }
        match &ty.base {
            BaseType::List(inner) => {
                let items = self.dice.roll(4) as usize;
                let items = (0..items).map(|at| {
                    self.path.push(PathSegment::Index(at));
                    let item = self.value(inner, set);
                    self.path.pop();
                    item
                });
                Value::List(items.collect())
            }
            BaseType::Named(_) if set.items.is_empty() => Value::from(1),
            BaseType::Named(_) => {
                let schema = self.schema;
                let objects = schema.objects(base(ty));
                let Some(chosen) = objects.get(self.dice.roll(objects.len().max(1) as u64) as usize) else {
                    return Value::Null;
                };
                let mut object = IndexMap::new();
                self.object(chosen, set, &mut object);
                Value::Object(object)
            }
        }
    }
}
