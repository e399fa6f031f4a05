//! Rights that depend on a row, which no label can say. Each has a name, stands in the matrix, and is tried here.

use serde_json::{Value, json};

use super::routes::Step;
use super::sdl::Schema;
use super::world::{Ids, Viewer, World};

/// What a rule is called in the matrix, what it says, and whom it binds where: fields, and the beginnings of viewers' names.
pub struct Rule {
    pub name: &'static str,
    pub says: &'static str,
    binds: &'static [&'static str],
    fields: &'static [&'static str],
}

pub const RULES: [Rule; 7] = [
    Rule {
        name: "own-logs",
        says: "only task logs that the viewer recorded; others answer NOT_AUTHOR",
        binds: &["CLINICIAN"],
        fields: &["Mutation.updateTaskLog", "Mutation.deleteTaskLog"],
    },
    Rule {
        name: "with-reason",
        says: "task logs that somebody else recorded need a reason; without one REASON_REQUIRED",
        binds: &["ADMIN"],
        fields: &["Mutation.updateTaskLog", "Mutation.deleteTaskLog"],
    },
    Rule {
        name: "not-deleted",
        says: "deleted task logs are not there",
        binds: &["CLINICIAN", "PARTNER"],
        fields: &[
            "Query.taskLog",
            "Query.taskLogs",
            "Query.taskLogStats",
            "Query.node",
            "Query.nodes",
            "Patient.taskLogs",
            "Staff.taskLogs",
        ],
    },
    Rule {
        name: "known-kinds",
        says: "kinds of things that the viewer may not read are not there",
        binds: &["PARTNER"],
        fields: &["Query.node", "Query.nodes"],
    },
    Rule {
        name: "key-only-reads",
        says: "the label would let it, but a partner's key cannot send a mutation",
        binds: &["PARTNER"],
        fields: &[
            "Mutation.__typename",
            "Mutation.signIn",
            "Mutation.refreshSession",
            "Mutation.switchContext",
            "Mutation.signOut",
            "Mutation.signOutEverywhere",
            "Mutation.revokeSession",
            "Mutation.acceptInvitation",
            "Mutation.changePassword",
            "Mutation.requestPasswordReset",
            "Mutation.resetPassword",
            "Mutation.startSecondFactor",
            "Mutation.confirmSecondFactor",
            "Mutation.removeSecondFactor",
            "Mutation.renewRecoveryCodes",
        ],
    },
    Rule {
        name: "people-only",
        says: "empty with a partner's key, which does not sign in",
        binds: &["PARTNER"],
        fields: &["Viewer.sessions", "Viewer.contexts", "Viewer.secondFactor"],
    },
    Rule {
        name: "nobody-yet",
        says: "null for whoever is not signed in",
        binds: &["anonymous"],
        fields: &["Query.viewer"],
    },
];

impl Rule {
    pub fn holds_at(&self, coordinate: &str, viewer: &str) -> bool {
        self.fields.contains(&coordinate) && self.binds.iter().any(|name| viewer.starts_with(name))
    }
}

/// Whether a step of a route leads to nothing, without an error: by `nobody-yet`, `people-only` or `known-kinds`.
pub fn leads_nowhere(schema: &Schema, viewer: &Viewer, step: &Step) -> bool {
    let Step { owner, field, on } = step;
    let hidden_kind = || on.as_ref().is_some_and(|on| !viewer.holds(schema.need(on, "__typename")));
    let of_people = owner == "Viewer" && ["sessions", "contexts", "secondFactor"].contains(&field.as_str());
    (of_people && viewer.only_reads)
        || (owner == "Query" && field == "viewer" && !viewer.holds("SIGNED_IN"))
        || (viewer.holds("SIGNED_IN") && owner == "Query" && hidden_kind())
}

/// A rule at a field: a document, where to look in the answer, and what stands there. The words in `<>` are ids.
const CASES: [(&str, &str, &str, &str, &str); 35] = [
    (
        "own-logs",
        "Mutation.updateTaskLog",
        "mutation { updateTaskLog(input: {id: \"<colleague's>\", notes: \"X\"}) { userErrors { code } } }",
        "/data/updateTaskLog/userErrors/0/code",
        "\"NOT_AUTHOR\"",
    ),
    (
        "own-logs",
        "Mutation.updateTaskLog",
        "mutation { updateTaskLog(input: {id: \"<own>\", notes: \"X\"}) { userErrors { code } } }",
        "/data/updateTaskLog/userErrors",
        "[]",
    ),
    (
        "own-logs",
        "Mutation.deleteTaskLog",
        "mutation { deleteTaskLog(input: {id: \"<colleague's>\", reason: \"X\"}) { userErrors { code } } }",
        "/data/deleteTaskLog/userErrors/0/code",
        "\"NOT_AUTHOR\"",
    ),
    (
        "with-reason",
        "Mutation.updateTaskLog",
        "mutation { updateTaskLog(input: {id: \"<own>\", notes: \"Y\"}) { userErrors { code } } }",
        "/data/updateTaskLog/userErrors/0/code",
        "\"REASON_REQUIRED\"",
    ),
    (
        "with-reason",
        "Mutation.updateTaskLog",
        "mutation { updateTaskLog(input: {id: \"<own>\", notes: \"Y\", reason: \"Z\"}) { userErrors { code } } }",
        "/data/updateTaskLog/userErrors",
        "[]",
    ),
    (
        "with-reason",
        "Mutation.deleteTaskLog",
        "mutation { deleteTaskLog(input: {id: \"<own>\"}) { userErrors { code } } }",
        "/data/deleteTaskLog/userErrors/0/code",
        "\"REASON_REQUIRED\"",
    ),
    ("not-deleted", "Query.taskLog", "{ taskLog(id: \"<deleted>\") { id } }", "/data/taskLog", "null"),
    ("not-deleted", "Query.node", "{ node(id: \"<deleted>\") { id } }", "/data/node", "null"),
    ("not-deleted", "Query.nodes", "{ nodes(ids: [\"<deleted>\"]) { id } }", "/data/nodes", "[null]"),
    (
        "not-deleted",
        "Query.taskLogs",
        "{ taskLogs(filter: {text: \"canary-deleted\", completedAt: {from: \"2026-02-15T00:00:00Z\"}}) { totalCount } }",
        "/data/taskLogs/totalCount",
        "0",
    ),
    (
        "not-deleted",
        "Query.taskLogStats",
        "{ taskLogStats(filter: {text: \"canary-deleted\"}, groupBy: DAY) { totalCount } }",
        "/data/taskLogStats/totalCount",
        "0",
    ),
    (
        "not-deleted",
        "Patient.taskLogs",
        "{ patient(id: \"<patient>\") { taskLogs(filter: {text: \"canary-deleted\"}) { totalCount } } }",
        "/data/patient/taskLogs/totalCount",
        "0",
    ),
    (
        "not-deleted",
        "Staff.taskLogs",
        "{ node(id: \"<clinician>\") { ... on Staff { taskLogs(filter: {text: \"canary-deleted\", completedAt: {from: \"2026-02-15T00:00:00Z\"}}) { totalCount } } } }",
        "/data/node/taskLogs/totalCount",
        "0",
    ),
    ("known-kinds", "Query.node", "{ node(id: \"<clinician>\") { id } }", "/data/node", "null"),
    ("known-kinds", "Query.node", "{ node(id: \"<patient>\") { id } }", "/data/node/id", "\"<patient>\""),
    ("known-kinds", "Query.nodes", "{ nodes(ids: [\"<clinician>\"]) { id } }", "/data/nodes", "[null]"),
    (
        "key-only-reads",
        "Mutation.signIn",
        "mutation { signIn(input: {email: \"\", password: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    ("key-only-reads", "Mutation.__typename", "mutation { __typename }", "/errors/0/extensions/code", "\"FORBIDDEN\""),
    (
        "key-only-reads",
        "Mutation.refreshSession",
        "mutation { refreshSession(input: {refreshToken: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.switchContext",
        "mutation { switchContext(input: {staffId: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.signOut",
        "mutation { signOut { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.signOutEverywhere",
        "mutation { signOutEverywhere { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.revokeSession",
        "mutation { revokeSession(input: {id: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.acceptInvitation",
        "mutation { acceptInvitation(input: {token: \"\", password: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.changePassword",
        "mutation { changePassword(input: {currentPassword: \"\", newPassword: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.requestPasswordReset",
        "mutation { requestPasswordReset(input: {email: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.resetPassword",
        "mutation { resetPassword(input: {token: \"\", newPassword: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.startSecondFactor",
        "mutation { startSecondFactor(input: {password: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.confirmSecondFactor",
        "mutation { confirmSecondFactor(input: {code: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.removeSecondFactor",
        "mutation { removeSecondFactor(input: {password: \"\", code: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "key-only-reads",
        "Mutation.renewRecoveryCodes",
        "mutation { renewRecoveryCodes(input: {password: \"\", code: \"\"}) { __typename } }",
        "/errors/0/extensions/code",
        "\"FORBIDDEN\"",
    ),
    (
        "people-only",
        "Viewer.secondFactor",
        "{ viewer { secondFactor { enrolled } } }",
        "/data/viewer/secondFactor",
        "null",
    ),
    ("people-only", "Viewer.sessions", "{ viewer { sessions { id } } }", "/data/viewer/sessions", "[]"),
    ("people-only", "Viewer.contexts", "{ viewer { contexts { staffId } } }", "/data/viewer/contexts", "[]"),
    ("nobody-yet", "Query.viewer", "{ viewer { id } }", "/data/viewer", "null"),
];

fn with_ids(text: &str, ids: &Ids) -> String {
    let names = [
        ("<own>", &ids.log),
        ("<colleague's>", &ids.colleagues_log),
        ("<deleted>", &ids.deleted_log),
        ("<patient>", &ids.patient),
        ("<clinician>", &ids.clinician),
    ];
    names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
}

#[tokio::test]
async fn rights_that_depend_on_a_row_are_those_of_the_table() {
    let world = World::new().await;
    let mut tried = Vec::new();
    for (name, field, document, pointer, expected) in CASES {
        let rule = RULES.iter().find(|rule| rule.name == name).unwrap();
        for viewer in world.viewers.iter().filter(|viewer| rule.holds_at(field, &viewer.name)) {
            // Partners do not reach staff, so the rule has nothing to bind there.
            if field == "Staff.taskLogs" && !viewer.holds("READ_STAFF") {
                continue;
            }
            let answer = viewer.actor.ask(&with_ids(document, &world.ids)).await;
            let found = answer.body.pointer(pointer).unwrap_or(&Value::Null);
            let wanted: Value = serde_json::from_str(&with_ids(expected, &world.ids)).unwrap();
            assert_eq!(*found, wanted, "{name} at {field} for {}: {}", viewer.name, answer.body);
            tried.push((name, field));
        }
    }
    for rule in RULES {
        for field in rule.fields {
            assert!(tried.contains(&(rule.name, *field)), "add a case of {} at {field} to CASES", rule.name);
        }
    }
    // The administrator finds what the rules hide from others, so there is something to hide.
    let admin = &world.viewer("ADMIN").actor;
    let deleted = admin.ask(&with_ids("{ taskLog(id: \"<deleted>\") { description deletedAt } }", &world.ids)).await;
    assert_eq!(
        deleted.data()["taskLog"],
        json!({ "description": "canary-deleted", "deletedAt": "2026-03-01T12:00:00Z" })
    );
    for (by, field, inner) in
        [("CLINICIAN", "clinician", "{ id }"), ("PATIENT", "patient", "{ id }"), ("DAY", "day", "")]
    {
        let stats = admin.ask(&format!("{{ taskLogStats(groupBy: {by}) {{ groups {{ {field} {inner} }} }} }}")).await;
        assert!(!stats.data()["taskLogStats"]["groups"][0][field].is_null(), "{by}");
    }
}
