//! Each field of Query and Mutation, asked by itself: what it leaves in the audit trail.

use super::inputs::{Aim, Values};
use super::sdl::{PUBLIC, Schema};
use super::world::World;
use crate::support::Event;

/// Fields that everybody has who is signed in, and which show a patient all the same.
const SHOW_PATIENTS: [&str; 2] = ["node", "nodes"];

/// What a mutation is in the trail, where it is no change.
fn action(mutation: &str) -> &'static str {
    match mutation {
        "signIn" | "switchContext" => "SIGN_IN",
        "signOut" | "signOutEverywhere" | "revokeSession" => "SIGN_OUT",
        "breakGlass" => "BREAK_GLASS",
        _ => "CHANGE",
    }
}

#[tokio::test]
async fn every_field_of_a_root_leaves_exactly_one_event_of_the_right_kind() {
    let world = World::new().await;
    let schema = Schema::served();
    let values = Values::new(&schema, &world);
    let mut asked = 0;
    for name in ["ADMIN", "CLINICIAN", "PARTNER", "anonymous"] {
        let viewer = world.viewer(name);
        for (root, field) in
            ["Query", "Mutation"].iter().flat_map(|root| schema.fields(root).iter().map(|f| (*root, f)))
        {
            let is_mutation = root == "Mutation";
            // Who is to be let in is nobody yet.
            let credential = is_mutation && schema.need(root, &field.name) == PUBLIC;
            if (viewer.name == "anonymous") != credential {
                continue;
            }
            for aim in [Aim::Done, Aim::UserErrors] {
                if aim == Aim::UserErrors && !is_mutation {
                    continue;
                }
                let inner = match (is_mutation, schema.is_leaf(&field.ty)) {
                    (true, _) => "{ userErrors { code } }",
                    (false, true) => "",
                    (false, false) => "{ __typename }",
                };
                let arguments = values.arguments(root, &field.name, None, aim);
                let document = format!("{} Asked {{ {}{arguments} {inner} }}", root.to_lowercase(), field.name);
                let coordinate = format!("{root}.{}", field.name);
                let need = schema.need(root, &field.name);
                let common = ["PUBLIC", "SIGNED_IN"].contains(&need) && !SHOW_PATIENTS.contains(&field.name.as_str());
                let may = viewer.holds(need) && !(is_mutation && viewer.only_reads);
                // What is refused before its service is asked has only the kind of its operation.
                let action = match (is_mutation, may) {
                    (true, true) => action(&field.name),
                    (true, false) => "CHANGE",
                    (false, true) if field.name.starts_with("audit") => "READ_AUDIT",
                    (false, _) => "READ",
                };

                let before = world.app.events().await.len();
                let answer = viewer.actor.ask(&document).await;
                let refused = !may || answer.body["data"][&field.name]["userErrors"][0].is_object();
                let expected = usize::from(match field.name.as_str() {
                    _ if !is_mutation => !common,
                    // Nothing is shown or changed yet; nor is anything told of somebody who shows a token that is none.
                    "refreshSession" | "requestPasswordReset" => false,
                    "acceptInvitation" | "resetPassword" => !refused,
                    _ => true,
                });
                // Beside it: sessions that end with the change, and a password that was wrong.
                let told = |event: &Event| event.fields.contains(&coordinate) || event.refused.contains(&coordinate);
                let events = world.app.events_since(before, expected).await;
                let events: Vec<_> = events.iter().filter(|event| told(event) && event.action == action).collect();
                if is_mutation {
                    world.revive().await;
                }
                asked += 1;
                let place = format!("{name}: {document}\n{}\n{events:#?}", answer.body);
                assert_eq!(events.len(), expected, "{place}");
                let Some(event) = events.first() else { continue };
                assert_eq!(event.outcome, if refused { "REFUSED" } else { "OK" }, "{place}");
                assert_eq!(event.operation.as_deref(), Some("Asked"), "{place}");
                // The label lets a partner's key through; it is refused as a whole, and leaves what it asked for.
                let told = if viewer.holds(need) { &event.fields } else { &event.refused };
                assert!(told.contains(&coordinate), "{place}");
                let kind = if viewer.only_reads { "PARTNER_KEY" } else { "STAFF" };
                assert_eq!(event.actor.0, kind, "{place}");
            }
        }
    }
    assert!(asked > 60, "{asked}");
}
