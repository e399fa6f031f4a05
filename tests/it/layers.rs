//! The rooms of the house (`src/lib.rs`) and the doors between them, read from the source. Lists of exceptions here may
//! only shrink.

use std::collections::BTreeSet;
use std::path::Path;

/// Each room with the rooms it may use, and which of the [`GUARDED`] crates.
const ROOMS: &[(&str, &[&str], &[&str])] = &[
    ("kernel", &[], &[]),
    ("error", &["kernel"], &["sea_orm", "sqlx"]),
    ("access", &[], &[]),
    ("packages", &[], &[]),
    ("redis", &[], &["redis"]),
    ("config", &["database", "mail", "packages", "tenancy"], &[]),
    ("database", &["config", "packages"], &["sea_orm", "sqlx", "migration"]),
    ("audit", &["error", "kernel"], &["sea_orm", "sqlx"]),
    ("tenancy", &["audit", "error", "kernel"], &["sea_orm", "sqlx", "migration"]),
    ("keys", &[], &[]),
    ("auth", &["error", "kernel", "keys", "limits"], &[]),
    ("mail", &["error"], &[]),
    ("graphql", &["access", "audit", "error", "kernel", "keys", "tenancy"], &[]),
    ("limits", &["error", "kernel", "keys", "redis"], &[]),
    (
        "domains",
        &["access", "audit", "auth", "error", "graphql", "kernel", "keys", "limits", "mail", "redis", "tenancy"],
        &["sea_orm", "entity"],
    ),
    ("seed", &["auth", "kernel"], &["sea_orm", "sqlx"]),
    ("app", &["access", "auth", "domains", "graphql", "kernel", "keys", "limits", "mail", "redis", "tenancy"], &[]),
    (
        "http",
        &["access", "app", "audit", "auth", "domains", "error", "graphql", "kernel", "limits", "packages", "tenancy"],
        &["axum", "hyper"],
    ),
    (
        "cli",
        &[
            "app", "audit", "auth", "config", "database", "domains", "error", "graphql", "http", "kernel", "keys",
            "limits", "mail", "redis", "seed", "tenancy",
        ],
        &["axum"],
    ),
];

/// Crates that belong to some rooms only.
const GUARDED: [&str; 7] = ["sea_orm", "sqlx", "entity", "migration", "axum", "hyper", "redis"];

/// What only certain files may do: the words for it, the files, and what to do instead.
const ACTS: &[(&str, &[&str], &[&str], &str)] = &[
    (
        "names the tables",
        &["entity::"],
        &["src/domains/*/repo.rs"],
        "put the SQL into the repo.rs of the domain, and let it take the transaction first",
    ),
    (
        "opens a connection",
        &["PgConnection::connect", "PgPoolOptions", ".connect().await", ".connect_with(", "from_sqlx_postgres_pool"],
        &[
            "src/audit/keeper.rs",
            "src/audit/lane.rs",
            "src/tenancy/database.rs",
            "src/database/mod.rs",
            "src/seed/writer.rs",
        ],
        "take a Tx or a HospitalScope: outside of them no hospital is set",
    ),
    (
        "reads the environment",
        &["env::var", "env::args", "env::temp_dir", "env::current_dir", "env::home_dir", "dirs::"],
        &["src/config.rs", "src/database/embedded/cluster.rs"],
        "make it a setting in src/config.rs, with a default and a row in README.md",
    ),
    ("looks at the clock", &["Utc::now", "Local::now", "SystemTime::now"], &["src/kernel/clock.rs"], "take a Clock"),
    (
        "works outside of all hospitals",
        &["begin_outside_hospitals("],
        &["src/tenancy/database.rs", "src/domains/accounts/credentials.rs", "src/domains/documents/mod.rs"],
        "take a HospitalScope; only sign-in happens before there is a hospital, and only documents belong to none",
    ),
    (
        "begins a transaction by its own words",
        &["BEGIN {", "\"BEGIN"],
        &["src/tenancy/database.rs", "src/audit/trail.rs"],
        "use HospitalScope::read or HospitalScope::write, which set the hospital",
    ),
    ("ends the process", &["process::exit"], &["src/cli/serve.rs"], "return an error"),
];

/// A file of ours without comments and without its unit tests.
struct Source {
    path: String,
    room: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join("src")];
    let mut sources = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
        if !path.ends_with(".rs") || is_test || path == "src/lib.rs" || path == "src/main.rs" {
            continue;
        }
        let text = std::fs::read_to_string(root.join(&path)).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let room = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default().to_owned();
        sources.push(Source { text: code.collect::<Vec<_>>().join("\n"), path, room });
    }
    assert!(sources.len() > 80);
    sources
}

/// Whether the text has these words, and not only as the end of a longer one.
fn says(text: &str, words: &str) -> bool {
    text.match_indices(words)
        .any(|(at, _)| !(words.starts_with(char::is_alphabetic) && text[..at].ends_with(char::is_alphanumeric)))
}

/// The words that follow each `before`, where it begins a path.
fn after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(before).filter(move |(at, _)| !text[..*at].ends_with(|c| is_word(c) || c == ':')).map(
        move |(at, _)| {
            let rest = &text[at + before.len()..];
            &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]
        },
    )
}

#[test]
fn each_room_uses_the_rooms_below_it_and_no_others() {
    let mut unused: BTreeSet<(&str, &str)> = ROOMS
        .iter()
        .flat_map(|(room, rooms, crates)| rooms.iter().chain(*crates).map(move |other| (*room, *other)))
        .collect();
    let mut faults = Vec::new();
    let sources = sources();
    for Source { path, room, text } in &sources {
        let Some((room, rooms, crates)) = ROOMS.iter().find(|(name, ..)| name == room) else {
            panic!("{path} is in no room: give {room} a row in ROOMS here and in the table of src/lib.rs");
        };
        for other in after(text, "crate::") {
            if other.is_empty() {
                faults.push(format!(
                    "{path} has `use crate::{{…}}`: write one `use` for each room, so that this test can read it"
                ));
            } else if other != *room && !rooms.contains(&other) {
                faults.push(format!(
                    "{path} uses crate::{other}, which is not below {room}: move what is shared down, or pass it in"
                ));
            }
            unused.remove(&(*room, other));
        }
        for guarded in GUARDED {
            if after(text, &format!("{guarded}::")).next().is_some() || text.contains(&format!("use {guarded};")) {
                if !crates.contains(&guarded) {
                    faults.push(format!(
                        "{path} uses {guarded}, which {room} should not know: let a room that may do it"
                    ));
                }
                unused.remove(&(*room, guarded));
            }
        }
    }
    assert_eq!(faults, [""; 0]);
    assert_eq!(unused, BTreeSet::new(), "nobody uses these doors any more: close them in ROOMS");
}

#[test]
fn the_table_of_the_house_has_every_room() {
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let built: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [")?.split('|').next());
    let told: BTreeSet<&str> = rows.flat_map(|cell| cell.split('`')).filter(|word| built.contains(word)).collect();
    assert_eq!(told, built, "a room needs a row in the table of src/lib.rs");
    assert_eq!(ROOMS.iter().map(|(room, ..)| *room).collect::<BTreeSet<_>>(), built, "and one in ROOMS");
}

#[test]
fn certain_acts_happen_in_certain_files_only() {
    let sources = sources();
    for (act, words, files, instead) in ACTS {
        let allowed = |path: &str| {
            files.iter().any(|file| match file.split_once('*') {
                Some((start, end)) => path.starts_with(start) && path.ends_with(end),
                None => *file == path,
            })
        };
        let acting: Vec<&str> = sources
            .iter()
            .filter(|source| words.iter().any(|words| says(&source.text, words)))
            .map(|source| source.path.as_str())
            .collect();
        let strangers: Vec<&&str> = acting.iter().filter(|path| !allowed(path)).collect();
        assert!(strangers.is_empty(), "{strangers:?} {act}: {instead}");
        for file in files.iter().filter(|file| !file.contains('*')) {
            assert!(acting.contains(file), "{file} no longer {act}: take it out of ACTS");
        }
    }
}

#[test]
fn the_kernel_does_nothing_but_think() {
    for Source { path, text, .. } in
        sources().iter().filter(|source| source.room == "kernel" || source.room == "access")
    {
        for outside in ["std::fs", "std::net", "std::io", "std::process", "std::thread", "tokio", "async fn", "tracing"]
        {
            assert!(
                !text.contains(outside),
                "{path} has {outside}: the kernel and access hold plain values; do it in a room above"
            );
        }
    }
}

#[test]
fn no_setting_of_a_session_outlives_its_transaction() {
    // A pooled connection serves the next hospital: what is set must end with the transaction.
    for Source { path, text, .. } in sources() {
        for (number, line) in text.lines().enumerate() {
            let upper = line.to_uppercase();
            let sets = ["\"SET ", "SET SESSION", "SET ROLE", "; SET ", "SET APP."];
            let lasting = sets.iter().any(|set| says(&upper, set))
                && !["SET LOCAL", "SET TRANSACTION"].iter().any(|local| upper.contains(local));
            assert!(
                !lasting,
                "{path}, line {number}: SET lasts as long as the connection; use set_config(…, true)\n{line}"
            );
            if let Some((_, arguments)) = line.split_once("set_config(") {
                let local = arguments.split(')').next().is_some_and(|arguments| arguments.trim_end().ends_with("true"));
                assert!(local, "{path}, line {number}: set_config needs true as its last argument\n{line}");
            }
        }
    }
}

#[test]
fn a_part_of_query_or_mutation_carries_no_label_of_its_own() {
    for Source { path, text, .. } in sources() {
        for (at, _) in text.match_indices("Object(") {
            let Some(end) = text[at..].find(")]") else { continue };
            let (attribute, rest) = text[at..].split_at(end);
            let part = ["impl Query ", "impl Mutation "].iter().any(|part| rest[2..].trim_start().starts_with(part));
            assert!(
                !part || !attribute.contains("directive"),
                "{path}: the library drops the labels of parts of Query and Mutation without a word; label each field instead"
            );
        }
    }
}
