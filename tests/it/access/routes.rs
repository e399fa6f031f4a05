//! The ways from a root of the schema to the objects of a type.

use std::collections::BTreeMap;

use super::inputs::{Aim, Values};
use super::rules::leads_nowhere;
use super::sdl::{Kind, Schema};
use super::world::Viewer;

/// Along what a field is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// From a field of Query, no list on the way.
    Root,
    /// Through a list.
    List,
    /// From `node`.
    Node,
    /// In what a mutation answers.
    Payload,
    /// Under the key of another field, in a named fragment, behind `@include` and `@skip`.
    Alias,
}

impl Path {
    pub const ALL: [Self; 5] = [Self::Root, Self::List, Self::Node, Self::Payload, Self::Alias];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::List => "list",
            Self::Node => "node",
            Self::Payload => "payload",
            Self::Alias => "alias",
        }
    }
}

/// One field on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub owner: String,
    pub field: String,
    /// The type that is meant, where the field answers an interface.
    pub on: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub root: &'static str,
    pub steps: Vec<Step>,
}

impl Route {
    /// The document that selects `fields` of the objects at the end.
    pub fn document(&self, values: &Values<'_>, fields: &str) -> String {
        let aim = self.aim();
        let mut document = fields.to_owned();
        for Step { owner, field, on } in self.steps.iter().rev() {
            let arguments = values.arguments(owner, field, on.as_deref(), aim);
            let inner = on.as_ref().map_or(document.clone(), |on| format!("... on {on} {{ {document} }}"));
            document = format!("{field}{arguments} {{ {inner} }}");
        }
        document
    }

    /// What a mutation at the start has to come to, so that there is something at the end.
    pub fn aim(&self) -> Aim {
        match self.steps.get(1).map(|step| step.field.as_str()) {
            Some("userErrors") => Aim::UserErrors,
            Some("choices") => Aim::Choices,
            _ => Aim::Done,
        }
    }

    pub fn keys(&self) -> Vec<String> {
        self.steps.iter().map(|step| step.field.clone()).collect()
    }

    /// The first step that a viewer may not take, and what it needs.
    pub fn refused<'a>(&self, schema: &'a Schema, viewer: &Viewer) -> Option<(usize, &'a str)> {
        let needs = self.steps.iter().map(|step| schema.need(&step.owner, &step.field));
        needs.enumerate().find(|(_, need)| !viewer.holds(need))
    }
}

/// Roots to start from where no other leads there: a list of anything, mutations that are slow or not for all, and two whose result is bare.
const DETOURS: [&str; 6] = ["nodes", "signIn", "switchContext", "revokeSession", "createPatient", "createStaff"];

/// How dear a way is: first the steps that the viewer may not take, then the length.
type Price = (usize, usize);

/// The best way for a viewer to objects of a type; `None` when there is none along this path.
pub fn route(schema: &Schema, viewer: &Viewer, target: &str, path: Path) -> Option<Route> {
    match path {
        Path::Payload => search(schema, viewer, "Mutation", target, |_, _| true, false),
        Path::Node => {
            search(schema, viewer, "Query", target, |owner, field| owner != "Query" || field == "node", false)
        }
        Path::Root => {
            let plain = |owner: &str, field: &str| !(owner == "Query" && (field == "node" || field == "nodes"));
            search(
                schema,
                viewer,
                "Query",
                target,
                |owner, field| plain(owner, field) && !schema.field(owner, field).is_list,
                false,
            )
        }
        Path::List => search(schema, viewer, "Query", target, |owner, field| owner != "Query" || field != "node", true),
        Path::Alias => search(schema, viewer, "Query", target, |_, _| true, false)
            .or_else(|| search(schema, viewer, "Mutation", target, |_, _| true, false)),
    }
}

/// Looks for the cheapest way; steps that `allowed` refuses are not taken, and with `through_list` one has to be a list.
fn search(
    schema: &Schema,
    viewer: &Viewer,
    root: &'static str,
    target: &str,
    allowed: impl Fn(&str, &str) -> bool,
    through_list: bool,
) -> Option<Route> {
    if root == target {
        return None;
    }
    let mut best: BTreeMap<(String, bool), (Price, Vec<Step>)> = BTreeMap::new();
    best.insert((root.to_owned(), false), ((0, 0), Vec::new()));
    let mut open = vec![(root.to_owned(), false)];
    while let Some(place) = open.pop() {
        let ((denied, length), steps) = best[&place].clone();
        let (owner, listed) = place;
        for field in schema.fields(&owner).iter().filter(|field| allowed(&owner, &field.name)) {
            let ends = match schema.kind(&field.ty) {
                Kind::Object(_) => vec![(field.ty.clone(), None)],
                Kind::Interface(types) => types.iter().map(|ty| (ty.clone(), Some(ty.clone()))).collect(),
                _ => continue,
            };
            let length = length + if steps.is_empty() && DETOURS.contains(&field.name.as_str()) { 9 } else { 1 };
            for (end, on) in ends {
                let place = (end, listed || field.is_list);
                let step = Step { owner: owner.clone(), field: field.name.clone(), on };
                let closed = !viewer.holds(schema.need(&owner, &field.name)) || leads_nowhere(schema, viewer, &step);
                let price = (denied + usize::from(closed), length);
                if best.get(&place).is_none_or(|(known, _)| price < *known) {
                    best.insert(place.clone(), (price, [&steps[..], &[step]].concat()));
                    open.push(place);
                }
            }
        }
    }
    let found = [(target.to_owned(), true), (target.to_owned(), false)];
    let found = found.iter().filter(|(_, listed)| *listed || !through_list).filter_map(|place| best.get(place));
    found.min_by_key(|(price, _)| *price).map(|(_, steps)| Route { root, steps: steps.clone() })
}
