//! The cells of arguments, input fields and labelled enum values.

use serde_json::{Map, Value, json};

use super::inputs::{Aim, parentheses};
use super::matrix::{Asking, Outcome, ROOT_FIELDS};
use super::routes::{Path, Route, route};
use super::sdl::{Input, Kind};

/// One way to use an argument: what it uses of the schema, and the value.
struct Use {
    coordinate: String,
    label: Option<String>,
    /// Labels met on the way into the value.
    around: Vec<String>,
    argument: Input,
    value: Value,
}

impl Asking<'_> {
    /// Asks each argument of a field, and each input field and labelled value below it, as a literal and as a variable.
    pub async fn arguments(&mut self, number: usize, owner: &str, field: &str) {
        let (schema, viewer) = (self.schema, &self.world.viewers[number]);
        let empty = Route { root: if owner == "Mutation" { "Mutation" } else { "Query" }, steps: Vec::new() };
        let route = if owner == empty.root { empty } else { route(schema, viewer, owner, Path::Alias).expect("a way") };
        let mut uses = Vec::new();
        for argument in &schema.field(owner, field).arguments {
            let coordinate = format!("{owner}.{field}({}:)", argument.name);
            self.uses(&coordinate, argument, argument, &[], &|value| value, &mut uses);
        }
        // A mutation runs once: all uses that nothing labels go together.
        let whole = owner == "Mutation";
        if whole {
            assert!(uses.iter().all(|one| one.label.is_none()), "{field} has labelled input: ask it by itself");
            let all = uses.iter().fold(Map::new(), |mut all, one| {
                all.extend(one.value.as_object().cloned().unwrap_or_default());
                all
            });
            uses.iter_mut().for_each(|one| one.value = Value::Object(all.clone()));
        }
        for uses in uses.chunks(if whole { uses.len() } else { ROOT_FIELDS / 2 }) {
            let sent = if whole { &uses[..1] } else { uses };
            let inner = if schema.is_leaf(&schema.field(owner, field).ty) { "" } else { "{ __typename }" };
            let (mut selected, mut declared, mut variables) = (Vec::new(), Vec::new(), Map::new());
            for (at, one) in sent.iter().enumerate() {
                let Input { name, ty, is_list, .. } = &one.argument;
                let others = schema
                    .field(owner, field)
                    .arguments
                    .iter()
                    .filter(|other| other.is_required && other.name != *name);
                let others = others.map(|other| {
                    let value = self.values.value(&format!("{owner}.{field}({}:)", other.name), other, None, Aim::Done);
                    format!("{}: {}", other.name, self.values.literal(&other.ty, &value))
                });
                let others: Vec<_> = others.collect();
                let call = |value: String| parentheses(others.iter().cloned().chain([format!("{name}: {value}")]));
                let bang = if one.argument.is_required { "!" } else { "" };
                declared.push(format!("$v{at}: {}{bang}", if *is_list { format!("[{ty}!]") } else { ty.clone() }));
                variables.insert(format!("v{at}"), one.value.clone());
                selected.push(format!("v{at}: {field}{} {inner}", call(format!("$v{at}"))));
                if !whole {
                    selected.push(format!("l{at}: {field}{} {inner}", call(self.values.literal(ty, &one.value))));
                }
            }
            let document = format!(
                "{}({}) {{ {} }}",
                route.root.to_lowercase(),
                declared.join(", "),
                route.document(&self.values, &selected.join(" "))
            );
            let need = schema.need(owner, field);
            let ways: &[&'static str] = if whole { &["v"] } else { &["v", "l"] };
            let keys: Vec<(String, &Use)> = sent
                .iter()
                .enumerate()
                .flat_map(|(at, one)| ways.iter().map(move |way| (format!("{way}{at}"), one)))
                .collect();
            let lacks = |one: &Use| {
                let labels = [need].into_iter().map(str::to_owned).chain(one.around.clone()).chain(one.label.clone());
                labels.into_iter().find(|label| !viewer.holds(label))
            };
            let lacking: Vec<Option<String>> = keys.iter().map(|(_, one)| lacks(one)).collect();
            let expected: Vec<_> = keys.iter().zip(&lacking).map(|((key, _), need)| (key, need.as_deref())).collect();
            let answer = self.send(number, &route, &document, Value::Object(variables)).await;
            let place = format!("input of {owner}.{field} for {}", viewer.name);
            let outcomes = self.judge(&place, viewer, &route, &expected, &answer, &document);
            for one in uses {
                for (way, outcome) in ways.iter().zip(&outcomes) {
                    let way = if *way == "v" { "variable" } else { "literal" };
                    let open = |label: &String| viewer.holds(label);
                    let outcome = match outcome {
                        Outcome::Outer => Outcome::Outer,
                        _ if !viewer.holds(need) || !one.around.iter().all(open) => Outcome::Outer,
                        _ if one.label.as_ref().is_some_and(|label| !viewer.holds(label)) => Outcome::Refused,
                        _ => Outcome::Answered,
                    };
                    self.note(one.coordinate.clone(), number, way, outcome);
                }
            }
        }
    }

    /// Adds the use of an argument or input field itself, then of all that is inside its type.
    fn uses(
        &self,
        coordinate: &str,
        argument: &Input,
        input: &Input,
        around: &[String],
        wrap: &dyn Fn(Value) -> Value,
        uses: &mut Vec<Use>,
    ) {
        let add = |coordinate: String, label: &Option<String>, around: &[String], value: Value| Use {
            coordinate,
            label: label.clone(),
            around: around.to_vec(),
            argument: argument.clone(),
            value,
        };
        let aim =
            if input.ty.ends_with("Input") || coordinate.contains("Input.") { Aim::UserErrors } else { Aim::Done };
        uses.push(add(
            coordinate.to_owned(),
            &input.label,
            around,
            wrap(self.values.value(coordinate, input, None, aim)),
        ));
        let around: Vec<String> = around.iter().cloned().chain(input.label.clone()).collect();
        let listed = |value: Value| wrap(if input.is_list { json!([value]) } else { value });
        match self.schema.kind(&input.ty) {
            Kind::Input(fields) => {
                for field in fields {
                    let inside = |value: Value| {
                        let is_one_of = self.schema.is_one_of(&input.ty);
                        let mut object = if is_one_of { json!({}) } else { self.values.object(&input.ty, aim) };
                        object[&field.name] = value;
                        listed(object)
                    };
                    self.uses(&format!("{}.{}", input.ty, field.name), argument, field, &around, &inside, uses);
                }
            }
            Kind::Enum(values) => {
                for value in values.iter().filter(|value| value.label.is_some()) {
                    uses.push(add(
                        format!("{}.{}", input.ty, value.name),
                        &value.label,
                        &around,
                        listed(json!(value.name)),
                    ));
                }
            }
            _ => {}
        }
    }
}
