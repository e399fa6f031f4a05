//! Puts an answer into the shape the original document asked for.
//!
//! Refused fields come back as null with an error at their exact path. On the way three things the executor leaves
//! undone are done: keys stand in the order of the document, a field whose resolver failed is null instead of
//! missing, and null where the type forbids it moves up to the nearest place that allows it.

use std::collections::HashMap;

use async_graphql::{PathSegment, Response, ServerError, Value};

use super::{
    plan::{Entry, Node, NodeId, Plan, Variant},
    table::{PRIVATE_TYPENAME, Shape},
};

type Map = async_graphql::indexmap::IndexMap<async_graphql::Name, Value>;

impl Plan {
    /// Completes the answer to this plan's request, or one event of its stream. An answer refused before execution
    /// (errors without a path and no data) is left as it is.
    pub fn patch(&self, response: &mut Response) {
        if self.document.is_none() {
            response.data = Value::Object(Map::default());
        } else if matches!(response.data, Value::Null) {
            if response.errors.iter().any(|error| error.path.is_empty()) {
                return;
            }
            response.data = Value::Object(Map::default());
        }
        let failures = Failures::of(&response.errors);
        let mut patch = Patch { plan: self, path: Vec::new(), errors: Vec::new() };
        let kept = match &mut response.data {
            Value::Object(map) => patch.object(map, &self.nodes[self.root], failures.as_ref()),
            _ => false,
        };
        let refused = patch.errors;
        if !kept {
            response.data = Value::Null;
        }
        response.errors.extend(refused);
    }
}

struct Patch<'a> {
    plan: &'a Plan,
    path: Vec<Segment<'a>>,
    errors: Vec<ServerError>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Segment<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Patch<'a> {
    /// Completes one object; `false` when a null inside it makes the object itself null.
    fn object(&mut self, map: &mut Map, node: &'a Node, failures: Option<&Failures>) -> bool {
        let Some(variant) = variant(node, map) else {
            return false;
        };
        let mut kept = true;
        for (at, entry) in variant.entries.iter().enumerate() {
            self.path.push(Segment::Key(&entry.key));
            kept &= self.entry(map, at, entry, failures.and_then(|failures| failures.below(Segment::Key(&entry.key))));
            self.path.pop();
        }
        // What the plan does not know, such as the private key, does not leave the house.
        map.truncate(variant.entries.len());
        kept
    }

    fn entry(&mut self, map: &mut Map, at: usize, entry: &'a Entry, failures: Option<&Failures>) -> bool {
        if let Some(refusal) = entry.refusal {
            let path = self.path.iter().map(|segment| segment.owned()).collect();
            self.errors.push(self.plan.refusals[refusal].error(path));
            map.shift_insert(at, entry.key.clone(), Value::Null);
            return !entry.shape.is_non_null();
        }
        if map.get_index(at).is_none_or(|(key, _)| *key != entry.key) {
            match map.get_index_of(&entry.key) {
                Some(late) => map.move_index(late, at),
                None => {
                    map.shift_insert(at, entry.key.clone(), Value::Null);
                }
            }
        }
        match map.get_index_mut(at) {
            Some((_, value)) => self.value(value, entry.shape, entry.child, failures),
            None => false,
        }
    }

    /// Completes one value; `false` when it is null against its type.
    fn value(&mut self, value: &mut Value, shape: Shape, child: Option<NodeId>, failures: Option<&Failures>) -> bool {
        // The executor answers null for an object all of whose fields failed; the failures tell it from a real null.
        if matches!(value, Value::Null) && child.is_some() && !shape.is_list() && failures.is_some_and(Failures::go_on)
        {
            *value = Value::Object(Map::default());
        }
        let kept = match value {
            Value::List(items) if shape.is_list() => {
                let element = shape.element();
                let judged = child.is_some() || element.is_list() || element.is_non_null();
                !judged || self.items(items, element, child, failures)
            }
            Value::Object(map) => match child {
                Some(child) => self.object(map, &self.plan.nodes[child], failures),
                None => true,
            },
            _ => true,
        };
        if !kept {
            *value = Value::Null;
        }
        !(shape.is_non_null() && matches!(value, Value::Null))
    }

    fn items(
        &mut self,
        items: &mut [Value],
        element: Shape,
        child: Option<NodeId>,
        failures: Option<&Failures>,
    ) -> bool {
        let mut kept = true;
        for (at, item) in items.iter_mut().enumerate() {
            self.path.push(Segment::Index(at));
            kept &= self.value(item, element, child, failures.and_then(|found| found.below(Segment::Index(at))));
            self.path.pop();
        }
        kept
    }
}

impl Segment<'_> {
    fn owned(&self) -> PathSegment {
        match self {
            Self::Key(key) => PathSegment::Field((*key).to_owned()),
            Self::Index(at) => PathSegment::Index(*at),
        }
    }
}

/// The variant of an object. Where it depends on the type and the answer does not tell a known one, there is none,
/// and the object is treated as null: what cannot be judged is not shown.
fn variant<'a>(node: &'a Node, map: &Map) -> Option<&'a Variant> {
    if !node.keyed {
        return node.variants.first();
    }
    let Some(Value::String(name)) = map.get(PRIVATE_TYPENAME) else {
        return None;
    };
    node.variants.iter().find(|variant| variant.types.iter().any(|found| *found == *name))
}

/// The paths of the errors of execution, as a tree to be walked beside the answer.
#[derive(Default)]
struct Failures {
    below: HashMap<PathKey, Failures>,
}

#[derive(PartialEq, Eq, Hash)]
enum PathKey {
    Key(String),
    Index(usize),
}

impl Failures {
    /// `None` when nothing failed, which is nearly always.
    fn of(errors: &[ServerError]) -> Option<Self> {
        if errors.is_empty() {
            return None;
        }
        let mut root = Self::default();
        for error in errors {
            let mut at = &mut root;
            for segment in &error.path {
                let key = match segment {
                    PathSegment::Field(key) => PathKey::Key(key.clone()),
                    PathSegment::Index(index) => PathKey::Index(*index),
                };
                at = at.below.entry(key).or_default();
            }
        }
        Some(root)
    }

    fn below(&self, segment: Segment<'_>) -> Option<&Self> {
        let key = match segment {
            Segment::Key(key) => PathKey::Key(key.to_owned()),
            Segment::Index(at) => PathKey::Index(at),
        };
        self.below.get(&key)
    }

    /// Whether something failed strictly below this place.
    fn go_on(&self) -> bool {
        !self.below.is_empty()
    }
}
