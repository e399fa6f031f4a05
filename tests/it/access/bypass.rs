//! No generated document shows a viewer a value that is hidden from them.

use super::documents::document;
use super::inputs::Values;
use super::sdl::Schema;
use super::world::World;

/// Documents for each viewer. Whoever is not signed in gets next to nothing to look at, and few.
fn cases(viewer: &str) -> u64 {
    match viewer {
        "ADMIN" => 60,
        "CLINICIAN" => 220,
        "anonymous" => 40,
        _ => 140,
    }
}

#[tokio::test]
async fn no_generated_document_shows_a_hidden_value() {
    let world = World::new().await;
    let schema = Schema::served();
    let values = Values::new(&schema, &world);
    let (mut asked, mut refused, mut failed) = (0, 0, Vec::new());
    for (number, viewer) in world.viewers.iter().enumerate() {
        let admin = viewer.name == "ADMIN";
        let mut met = 0;
        for case in 0..cases(&viewer.name) {
            let seed = case + 1_000 * number as u64;
            let document = document(&values, seed, !admin);
            let answer = viewer.actor.ask(&document).await;
            let body = answer.body.to_string();
            for canary in viewer.hidden() {
                assert!(!body.contains(canary), "{} saw {canary}; seed {seed}:\n{document}\n{body}", viewer.name);
            }
            let ran = answer.body.get("data").is_some() || (viewer.only_reads && document.starts_with("mutation"));
            if !ran {
                failed.push(format!("{document}\n{body}"));
            }
            asked += u64::from(!admin);
            refused += answer.body["errors"].as_array().map_or(0, Vec::len);
            met += u64::from(body.contains("canary"));
        }
        // Who may see everything does see it in most of these documents, so they do ask for it.
        assert!(!admin || met * 2 > cases("ADMIN"), "only {met} documents showed a canary to the administrator");
    }
    assert!(asked >= 600, "only {asked} documents were asked");
    assert!(refused as u64 > 2 * asked, "only {refused} refusals: the documents ask for too little");
    let few = asked as usize / 50;
    assert!(failed.len() <= few, "{} documents did not run, such as\n{}", failed.len(), failed[0]);
}
