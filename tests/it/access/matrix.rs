//! Every cell of the access matrix, asked of the running server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::inputs::{Aim, Values};
use super::routes::{Path, Route, route};
use super::rules::leads_nowhere;
use super::sdl::Schema;
use super::snapshot;
use super::world::{Viewer, World};
use crate::support::Answer;

/// Fields of one document, within the limits of aliases and of root fields.
const FIELDS: usize = 20;
pub const ROOT_FIELDS: usize = 8;

/// What became of one coordinate in one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    Refused,
    /// Something on the way to it was refused.
    Outer,
}

/// What the server answered: for each coordinate, by the viewer's number, along which path.
#[derive(Default)]
pub struct Answers {
    pub outcomes: BTreeMap<(String, usize), BTreeSet<(&'static str, Outcome)>>,
    /// Coordinates of which somebody got a value, not only a null.
    seen: BTreeSet<String>,
    /// Types to which a path does not lead.
    pub unreached: BTreeSet<(String, &'static str)>,
    pub checks: usize,
    problems: Vec<String>,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Outer => "refused on the way",
        }
    }
}

// The order is that of use only in sets.
impl PartialOrd for Outcome {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Outcome {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name().cmp(other.name())
    }
}

pub struct Asking<'a> {
    pub world: &'a World,
    pub schema: &'a Schema,
    pub values: Values<'a>,
    answers: Answers,
}

#[tokio::test]
async fn every_cell_of_the_access_matrix_is_what_the_server_does_along_every_path() {
    let world = World::new().await;
    let schema = Schema::served();
    let mut asking =
        Asking { world: &world, schema: &schema, values: Values::new(&schema, &world), answers: Answers::default() };
    for number in 0..world.viewers.len() {
        asking.viewer(number).await;
    }
    let answers = asking.answers;
    assert!(
        answers.problems.is_empty(),
        "{} cells are not what their labels say:\n{}",
        answers.problems.len(),
        answers.problems.join("\n")
    );
    assert!(answers.checks >= 600, "only {} cells were asked", answers.checks);
    for (number, viewer) in world.viewers.iter().enumerate() {
        for wanted in [Outcome::Answered, Outcome::Refused] {
            let found = answers
                .outcomes
                .iter()
                .any(|((_, who), all)| *who == number && all.iter().any(|(_, one)| *one == wanted));
            assert!(found, "nothing was {} for {}", wanted.name(), viewer.name);
        }
    }
    snapshot::check_exceptions(&schema, &answers.unreached, &answers.seen);
    snapshot::check(&snapshot::lines(&schema, &world.viewers, &answers));
}

impl Asking<'_> {
    async fn viewer(&mut self, number: usize) {
        let (world, schema) = (self.world, self.schema);
        let viewer = &world.viewers[number];
        self.mutations(number).await;
        for target in schema.objects() {
            if target == "Mutation" {
                continue;
            }
            let is_root = target == "Query";
            for path in Path::ALL {
                let route = match route(schema, viewer, target, path) {
                    Some(route) => route,
                    None if is_root && [Path::Root, Path::Alias].contains(&path) => {
                        Route { root: "Query", steps: Vec::new() }
                    }
                    None => {
                        self.answers.unreached.insert((target.to_owned(), path.name()));
                        continue;
                    }
                };
                let names = self.names(target);
                for names in names.chunks(if is_root { ROOT_FIELDS } else { FIELDS }) {
                    self.fields(number, target, path, &route, names).await;
                }
            }
            for field in schema.fields(target).iter().filter(|field| !field.arguments.is_empty()) {
                self.arguments(number, target, &field.name).await;
            }
        }
    }

    fn names(&self, target: &str) -> Vec<String> {
        let own = self.schema.fields(target).iter().map(|field| field.name.clone());
        let hidden: &[&str] = if target == "Query" { &["__typename", "__schema", "__type"] } else { &["__typename"] };
        own.chain(hidden.iter().map(ToString::to_string)).collect()
    }

    /// Mutations, one at a time: first those that must not run, between two looks at all rows.
    async fn mutations(&mut self, number: usize) {
        let (world, schema) = (self.world, self.schema);
        let viewer = &world.viewers[number];
        let route = Route { root: "Mutation", steps: Vec::new() };
        let runs = |name: &str| !viewer.only_reads && viewer.holds(schema.need("Mutation", name));
        let before = world.rows().await;
        for may_run in [false, true] {
            for name in self.names("Mutation").into_iter().filter(|name| runs(name) == may_run) {
                for path in [Path::Root, Path::Alias] {
                    self.fields(number, "Mutation", path, &route, std::slice::from_ref(&name)).await;
                }
                if !name.starts_with("__") && !schema.field("Mutation", &name).arguments.is_empty() {
                    self.arguments(number, "Mutation", &name).await;
                }
            }
            if !may_run && world.rows().await != before {
                self.answers.problems.push(format!("a mutation that is refused to {} changed a row", viewer.name));
            }
        }
    }

    /// Asks for some fields of a type at the end of a route.
    async fn fields(&mut self, number: usize, target: &str, path: Path, route: &Route, names: &[String]) {
        let (schema, viewer) = (self.schema, &self.world.viewers[number]);
        let aliased = path == Path::Alias;
        // Each field answers under the key of the next one; a single one under the key of something else.
        let key = |at: usize| match names {
            _ if !aliased => names[at].clone(),
            [_] => "id".to_owned(),
            _ => names[(at + 1) % names.len()].replace("__", "x"),
        };
        let keys: Vec<String> = (0..names.len()).map(key).collect();
        let selected = names.iter().zip(&keys).map(|(name, key)| {
            let (call, inner) = self.call(target, name, route.aim());
            if aliased {
                format!("{key}: {call} @include(if: $yes) @skip(if: $no) {inner}")
            } else {
                format!("{call} {inner}")
            }
        });
        let selected = selected.collect::<Vec<_>>().join(" ");
        let operation = route.root.to_lowercase().replace("query", "query ");
        let document = if aliased {
            let inner = route.document(&self.values, "...Part");
            format!(
                "{operation}($yes: Boolean! = true, $no: Boolean! = false) {{ {inner} }} fragment Part on {target} {{ {selected} }}"
            )
        } else {
            format!("{operation} {{ {} }}", route.document(&self.values, &selected))
        };
        let expected: Vec<(&String, Option<&str>)> = names
            .iter()
            .zip(&keys)
            .map(|(name, key)| (key, Some(schema.need(target, name)).filter(|need| !viewer.holds(need))))
            .collect();
        let answer = self.send(number, route, &document, json!({})).await;
        let place = format!("{target} for {} along {}", viewer.name, path.name());
        let found = self.judge(&place, viewer, route, &expected, &answer, &document);
        for ((name, key), outcome) in names.iter().zip(&keys).zip(found) {
            let coordinate = format!("{target}.{name}");
            if ends(&answer.body["data"], &route.keys()).iter().any(|object| !object[key].is_null()) {
                self.answers.seen.insert(coordinate.clone());
            }
            self.note(coordinate, number, path.name(), outcome);
        }
    }

    pub fn note(&mut self, coordinate: String, number: usize, path: &'static str, outcome: Outcome) {
        self.answers.checks += 1;
        let before = self.answers.outcomes.entry((coordinate.clone(), number)).or_default();
        if let Some((other, differs)) =
            before.iter().find(|(_, one)| *one != outcome && *one != Outcome::Outer && outcome != Outcome::Outer)
        {
            let name = &self.world.viewers[number].name;
            let (one, two) = (outcome.name(), differs.name());
            self.answers.problems.push(format!("{coordinate} for {name}: {one} along {path}, {two} along {other}"));
        }
        before.insert((path, outcome));
    }

    pub async fn send(&self, number: usize, route: &Route, document: &str, variables: Value) -> Answer {
        let answer = self.world.viewers[number].actor.ask_with(document, variables).await;
        if route.root == "Mutation" && !self.world.viewers[number].only_reads {
            self.world.revive().await;
        }
        answer
    }

    /// A field with the arguments it needs, and what to select below it.
    fn call(&self, owner: &str, name: &str, aim: Aim) -> (String, &'static str) {
        match name {
            "__typename" => (name.to_owned(), ""),
            "__schema" => (name.to_owned(), "{ queryType { name } }"),
            "__type" => ("__type(name: \"Query\")".to_owned(), "{ name }"),
            _ => {
                let inner = if self.schema.is_leaf(&self.schema.field(owner, name).ty) { "" } else { "{ __typename }" };
                (format!("{name}{}", self.values.arguments(owner, name, None, aim)), inner)
            }
        }
    }

    /// Compares an answer with what the labels say: for each key at the end of the route what it lacks, or nothing.
    pub fn judge(
        &mut self,
        place: &str,
        viewer: &Viewer,
        route: &Route,
        expected: &[(&String, Option<&str>)],
        answer: &Answer,
        document: &str,
    ) -> Vec<Outcome> {
        let mut problem =
            |what: String| self.answers.problems.push(format!("{place}: {what}\n    {document}\n    {}", answer.body));
        if viewer.only_reads && route.root == "Mutation" {
            if (answer.status, answer.code(), answer.body.get("data")) != (403, "FORBIDDEN", None) {
                problem("a partner's key sent a mutation and was not refused as a whole".to_owned());
            }
            return vec![Outcome::Outer; expected.len()];
        }
        let keys = route.keys();
        let nowhere = route.steps.iter().position(|step| leads_nowhere(self.schema, viewer, step));
        let outer =
            route.refused(self.schema, viewer).filter(|(step, _)| nowhere.is_none_or(|nowhere| nowhere >= *step));
        let wanted: BTreeSet<(String, String)> = match outer {
            Some((step, need)) => [(keys[..=step].join("."), need.to_owned())].into(),
            None if nowhere.is_some() => BTreeSet::new(),
            None => {
                let lacking = expected.iter().filter_map(|(key, need)| need.map(|need| (key, need)));
                lacking
                    .map(|(key, need)| ([&keys[..], &[(*key).clone()]].concat().join("."), need.to_owned()))
                    .collect()
            }
        };
        let found: BTreeSet<(String, String)> = refusals(answer, viewer).collect();
        if found != wanted {
            problem(format!("the labels refuse {wanted:?}, the server refused {found:?}"));
        }
        let objects = ends(&answer.body["data"], &keys);
        if outer.is_some() || nowhere.is_some() {
            if !objects.is_empty() {
                problem("there is an object behind a refusal".to_owned());
            }
            return vec![Outcome::Outer; expected.len()];
        }
        if objects.is_empty() && expected.iter().any(|(_, need)| need.is_none()) {
            problem("there is no such object on the way; give tests/it/access/world.rs one".to_owned());
        }
        for (key, need) in expected {
            if need.is_some() && objects.iter().any(|object| !object[key.as_str()].is_null()) {
                problem(format!("{key} has a value"));
            }
        }
        expected.iter().map(|(_, need)| if need.is_some() { Outcome::Refused } else { Outcome::Answered }).collect()
    }
}

/// The refusals of an answer by path, list indices left out. Other errors are about values, not rights.
fn refusals<'a>(answer: &'a Answer, viewer: &'a Viewer) -> impl Iterator<Item = (String, String)> + 'a {
    let code = if viewer.held.len() == 1 { "UNAUTHENTICATED" } else { "FORBIDDEN" };
    let errors = answer.body["errors"].as_array().map_or(&[][..], |errors| errors);
    let refusals = errors.iter().filter(|error| error["extensions"]["code"] != "BAD_USER_INPUT");
    refusals.map(move |error| {
        let path = error["path"].as_array().map_or(&[][..], |path| path).iter().filter_map(Value::as_str);
        let needs = &error["extensions"]["needs"];
        let expected = error["extensions"]["code"] == code && needs.is_string();
        let needs = if expected { needs.as_str().unwrap_or_default().to_owned() } else { error.to_string() };
        (path.collect::<Vec<_>>().join("."), needs)
    })
}

/// The objects at the end of a path, through every list.
fn ends<'a>(value: &'a Value, keys: &[String]) -> Vec<&'a Value> {
    match (value, keys) {
        (Value::Array(items), _) => items.iter().flat_map(|item| ends(item, keys)).collect(),
        (Value::Null, _) => Vec::new(),
        (value, [first, rest @ ..]) => ends(&value[first.as_str()], rest),
        (value, []) => vec![value],
    }
}
