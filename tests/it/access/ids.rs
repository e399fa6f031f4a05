//! A foreign id and an id of nothing are one: to a partner wherever an id is taken, to anybody by the clock.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::inputs::{Aim, Values, unknown};
use super::sdl::{Input, Kind, Schema};
use super::world::{Foreign, World};
use crate::support::Actor;

/// A place of the query type where an id can be given: the field, and its arguments around the id.
struct Place {
    field: String,
    before: String,
    after: String,
}

/// Ids of every kind, wherever one is taken: most of them are of the wrong kind, which must not tell either.
fn foreign(ids: &Foreign) -> [&String; 6] {
    [&ids.patient, &ids.log, &ids.staff, &ids.hospital, &ids.key, &ids.event]
}

/// Every argument of Query that is an id or has one inside.
fn places(values: &Values<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for field in values.schema.fields("Query") {
        for argument in &field.arguments {
            let others = field.arguments.iter().filter(|other| other.is_required && other.name != argument.name);
            let others: String = others
                .map(|other| {
                    let value = values.value(&format!("Query.{}({}:)", field.name, other.name), other, None, Aim::Done);
                    format!("{}: {}, ", other.name, values.literal(&other.ty, &value))
                })
                .collect();
            for (before, after) in ids_in(values.schema, argument) {
                let before = format!("{others}{}: {before}", argument.name);
                places.push(Place { field: field.name.clone(), before, after });
            }
        }
    }
    places
}

/// What stands before and behind each id in an argument.
fn ids_in(schema: &Schema, input: &Input) -> Vec<(String, String)> {
    let inside = match schema.kind(&input.ty) {
        _ if input.ty == "ID" => vec![("\"".to_owned(), "\"".to_owned())],
        Kind::Input(fields) => fields
            .iter()
            .flat_map(|field| {
                ids_in(schema, field)
                    .into_iter()
                    .map(|(before, after)| (format!("{{{}: {before}", field.name), format!("{after}}}")))
            })
            .collect(),
        _ => Vec::new(),
    };
    let listed = |(before, after): (String, String)| match input.is_list {
        true => (format!("[{before}"), format!("{after}]")),
        false => (before, after),
    };
    inside.into_iter().map(listed).collect()
}

#[tokio::test]
async fn a_partner_gets_the_same_answer_for_a_foreign_id_and_for_none() {
    let world = World::new().await;
    let schema = Schema::served();
    let values = Values::new(&schema, &world);
    let places = places(&values);
    let fields: Vec<&str> = places.iter().map(|place| place.field.as_str()).collect();
    for expected in ["node", "nodes", "patient", "taskLog", "taskLogs", "taskLogStats"] {
        assert!(fields.contains(&expected), "{expected} takes an id");
    }
    let before = world.rows().await;
    for viewer in world.viewers.iter().filter(|viewer| viewer.only_reads) {
        for Place { field, before, after } in &places {
            for id in foreign(&world.ids.foreign) {
                let mut answers = Vec::new();
                for id in [id, &unknown(id)] {
                    let document = format!("{{ {field}({before}{id}{after}) {{ __typename }} }}");
                    let answer = viewer.actor.ask(&document).await;
                    let text = answer.body.to_string().replace(id, "ID");
                    assert!(!text.contains("canary-foreign"), "{document}: {text}");
                    answers.push((answer.status, text));
                }
                assert_eq!(answers[0], answers[1], "{field}({before}…{after}) for {}", viewer.name);
            }
        }
    }
    assert_eq!(world.rows().await, before);
}

/// Pairs of questions, one about a foreign id and one about nothing.
const PAIRS: usize = 500;
/// What a fair coin exceeds in one of a thousand runs: 3.3 standard deviations, which are half the root of the pairs.
const SUSPICIOUS: f64 = 3.3 * 0.5;

#[tokio::test]
async fn a_foreign_id_takes_no_more_time_than_none() {
    let world = World::new().await;
    let viewer = world.viewer("CLINICIAN");
    let actor = &viewer.actor;
    let mut times: [Vec<Duration>; 2] = [Vec::with_capacity(PAIRS), Vec::with_capacity(PAIRS)];
    for pair in 0..PAIRS {
        let field = ["patient", "node"][pair / 2 % 2];
        let document = format!("query($id: ID!) {{ {field}(id: $id) {{ id }} }}");
        let ids = [world.ids.foreign.patient.clone(), unknown(&world.ids.patient)];
        // Who is first changes, so that being first is no advantage.
        for which in if pair % 2 == 0 { [0, 1] } else { [1, 0] } {
            times[which].push(time(actor, &document, &ids[which]).await);
        }
    }
    let slower = times[0].iter().zip(&times[1]).filter(|(foreign, none)| foreign > none).count();
    let excess = (slower as f64 - PAIRS as f64 / 2.0).abs() / (PAIRS as f64).sqrt();
    let [foreign, none] = times.map(|mut times| {
        times.sort_unstable();
        times[PAIRS / 2].as_secs_f64()
    });
    let ratio = foreign.max(none) / foreign.min(none);
    let found = format!("the foreign id was slower in {slower} of {PAIRS} pairs; medians {foreign} s and {none} s");
    // A shared machine stutters; what both the pairs and the medians show is no stutter.
    assert!(excess < SUSPICIOUS || ratio < 1.05, "{found}");
    assert!(ratio < 1.25, "{found}");
}

async fn time(actor: &Actor, document: &str, id: &str) -> Duration {
    let body = json!({ "query": document, "variables": { "id": id } });
    let request = actor.post().json(&body);
    let start = Instant::now();
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let taken = start.elapsed();
    assert!(answer["data"].as_object().unwrap().values().all(Value::is_null), "{answer}");
    taken
}
