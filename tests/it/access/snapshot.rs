//! The matrix as a file: written for people, compared by the build.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use patient_logger::access::Access;

use super::matrix::{Answers, Outcome};
use super::rules::RULES;
use super::sdl::{Kind, NO_LABEL, Schema};
use super::world::Viewer;

const FILE: &str = "tests/it/snapshots/access-matrix.txt";

/// Types to which a path does not lead, so that their fields are not asked along it. This list may only shrink, and
/// grows only with a type that the schema itself puts out of reach of the path.
const OUT_OF_REACH: &str = "
AcceptInvitationPayload: list node root
AccessExplanation: list node payload
Activity: node root
ActivityConnection: list node
ActivityEdge: node root
ArchivePatientPayload: list node root
AuditEventEdge: root
AuditProof: list node payload
AuditSeal: list node payload
BreakGlass: node payload root
BreakGlassConnection: list node payload
BreakGlassEdge: node payload root
BreakGlassPayload: list node root
ChangePasswordPayload: list node root
ConfirmSecondFactorPayload: list node root
CreatePartnerKeyPayload: list node root
CreatePatientPayload: list node root
CreateStaffPayload: list node root
CreateTaskLogPayload: list node root
DeactivateStaffPayload: list node root
DeleteTaskLogPayload: list node root
FieldAccess: node payload root
Invitation: node root
InvitationConnection: list node payload
InvitationEdge: node payload root
InviteStaffPayload: list node root
LiftRestrictionPayload: list node root
PartnerKeyConnection: list node payload
PartnerKeyEdge: node payload root
PatientConnection: list node payload
PatientEdge: node payload root
PermissionDescription: node payload root
Query: list node payload
RefreshSessionPayload: list node root
RemoveSecondFactorPayload: list node root
RenewRecoveryCodesPayload: list node root
RequestPasswordResetPayload: list node root
RequireSecondFactorPayload: list node root
ResetPasswordPayload: list node root
ResetSecondFactorPayload: list node root
RestrictPatientPayload: list node root
RevokeInvitationPayload: list node root
RevokePartnerKeyPayload: list node root
RevokeSessionPayload: list node root
RoleDescription: node payload root
SecondFactorStatus: list node
Session: node root
SignInChoice: list node root
SignInPayload: list node root
SignOutEverywherePayload: list node root
SignOutPayload: list node root
StaffConnection: list node payload
StaffEdge: node payload root
StartPasswordResetPayload: list node root
StartSecondFactorPayload: list node root
SwitchContextPayload: list node root
TaskLogEdge: root
TaskLogGroup: node payload root
TaskLogRevision: root
TaskLogRevisionEdge: root
TaskLogStats: list node payload
UpdatePatientPayload: list node root
UpdateStaffPayload: list node root
UpdateTaskLogPayload: list node root
UserError: list node root
Viewer: list node
WorkContext: node root
";

/// Fields that are null everywhere the matrix looks; `rules` looks where they are not. This list may only shrink: give
/// `world.rs` a value instead.
const NEVER_SEEN: [&str; 4] =
    ["TaskLog.deletedAt", "TaskLogGroup.clinician", "TaskLogGroup.patient", "TaskLogGroup.day"];

/// Fields whose label repeats that of their type, so that without it nothing changes. This list may only shrink.
const SAID_TWICE: [&str; 2] = ["createdBy: Staff", "changedBy: Staff @semanticNonNull"];

/// One line of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub coordinate: String,
    needs: String,
    paths: String,
    cells: Vec<String>,
}

/// The lines of the matrix, and the viewers in its head.
pub struct Matrix {
    viewers: Vec<String>,
    groups: Vec<Vec<Line>>,
}

/// What every coordinate of the schema needs; `-` where nothing more than the field that takes it.
fn needs(schema: &Schema) -> Vec<Vec<(String, String)>> {
    let roots = ["Query", "Mutation"];
    let objects = roots.into_iter().chain(schema.objects().filter(|name| !roots.contains(name)));
    let mut groups: Vec<Vec<_>> = objects
        .map(|ty| {
            let mut lines = vec![(format!("{ty}.__typename"), schema.need(ty, "__typename").to_owned())];
            if ty == "Query" {
                lines.extend(
                    ["__schema", "__type"].map(|name| (format!("Query.{name}"), schema.need(ty, name).to_owned())),
                );
            }
            for field in schema.fields(ty) {
                lines.push((format!("{ty}.{}", field.name), schema.need(ty, &field.name).to_owned()));
                let arguments = field.arguments.iter();
                lines.extend(arguments.map(|one| (format!("{ty}.{}({}:)", field.name, one.name), or_dash(&one.label))));
            }
            lines
        })
        .collect();
    groups.extend(schema.inputs().map(|ty| match schema.kind(ty) {
        Kind::Input(fields) => {
            fields.iter().map(|field| (format!("{ty}.{}", field.name), or_dash(&field.label))).collect()
        }
        Kind::Enum(values) => {
            let labelled = values.iter().filter(|value| value.label.is_some());
            labelled.map(|value| (format!("{ty}.{}", value.name), or_dash(&value.label))).collect()
        }
        _ => Vec::new(),
    }));
    groups.into_iter().filter(|group| !group.is_empty()).collect()
}

fn or_dash(label: &Option<String>) -> String {
    label.clone().unwrap_or_else(|| "-".to_owned())
}

/// The matrix of what was answered.
pub fn lines(schema: &Schema, viewers: &[Viewer], answers: &Answers) -> Matrix {
    let mut unasked = Vec::new();
    let mut line = |(coordinate, needs): (String, String)| {
        let mut paths = BTreeSet::new();
        let cells = viewers.iter().enumerate().map(|(number, viewer)| {
            let found = answers.outcomes.get(&(coordinate.clone(), number));
            if found.is_none() {
                unasked.push(format!("{coordinate} for {}", viewer.name));
            }
            let found = found.into_iter().flatten();
            let all: BTreeSet<&str> = found
                .map(|(path, outcome)| {
                    paths.insert(*path);
                    cell(*outcome, viewer, &needs)
                })
                .collect();
            let rules = RULES.iter().filter(|rule| rule.holds_at(&coordinate, &viewer.name)).map(|rule| rule.name);
            let rules = rules.collect::<Vec<_>>().join("+");
            let cell = ["yes", "no", "-"].into_iter().find(|cell| all.contains(cell)).unwrap_or("?");
            let bound = cell == "yes" || rules == "key-only-reads";
            if bound && !rules.is_empty() { rules } else { cell.to_owned() }
        });
        let cells = cells.collect();
        let known = ["root", "list", "node", "payload", "alias", "literal", "variable"];
        let paths = known.iter().filter(|path| paths.contains(*path)).map(|path| &path[..1]).collect();
        Line { coordinate, needs, paths, cells }
    };
    let groups = needs(schema).into_iter().map(|group| group.into_iter().map(&mut line).collect()).collect();
    assert!(unasked.is_empty(), "nobody asked for {unasked:?}: teach tests/it/access/matrix.rs to ask");
    Matrix { viewers: viewers.iter().map(|viewer| viewer.name.clone()).collect(), groups }
}

fn cell(outcome: Outcome, viewer: &Viewer, needs: &str) -> &'static str {
    match outcome {
        Outcome::Answered => "yes",
        Outcome::Refused => "no",
        Outcome::Outer if needs != "-" && !viewer.holds(needs) => "no",
        Outcome::Outer => "-",
    }
}

impl Matrix {
    fn text(&self) -> String {
        let mut text = String::from(
            "Who gets what. Generated by asking the running server for every cell; the build fails when it differs.\n\n\
             needs    the permission in the schema's @access label; of an argument or input, - means no more than its field\n\
             paths    how it was asked: root, list, node, payload of a mutation, alias with fragment and @include;\n\
             \x20        of an argument or input: literal, variable\n\
             yes      answered\n\
             no       refused, naming the permission it needs\n\
             -        its own label would allow it, but everything that leads to it is refused\n\n\
             The other words are rules that depend on the row:\n",
        );
        for rule in RULES {
            writeln!(text, "{:<16} {}", rule.name, rule.says).unwrap();
        }
        let head = ["field", "needs", "paths"].into_iter().map(str::to_owned).chain(self.viewers.iter().cloned());
        let rows: Vec<Vec<String>> = self.groups.iter().flatten().map(Line::columns).collect();
        let head: Vec<String> = head.collect();
        let width = |at: usize| rows.iter().chain([&head]).map(|row| row[at].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let mut write = |row: &[String]| {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(text, "{}", cells.join("  ").trim_end()).unwrap();
        };
        write(&[]);
        write(&head);
        for group in &self.groups {
            write(&[]);
            group.iter().for_each(|line| write(&line.columns()));
        }
        text
    }
}

impl Line {
    fn columns(&self) -> Vec<String> {
        [&self.coordinate, &self.needs, &self.paths].into_iter().chain(&self.cells).cloned().collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of a matrix by coordinate, spaces made one.
fn by_coordinate(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().skip_while(|line| !line.starts_with("field ")).filter(|line| !line.is_empty());
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .map(|line| (line.split(' ').next().unwrap_or_default().to_owned(), line))
        .collect()
}

/// Holds the matrix against the file.
pub fn check(matrix: &Matrix) {
    let text = matrix.text();
    let file = std::fs::read_to_string(root().join(FILE)).unwrap_or_default();
    if text == file {
        return;
    }
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("access-matrix.txt");
    std::fs::write(&written, &text).unwrap();
    let (old, new) = (by_coordinate(&file), by_coordinate(&text));
    let mut differences = String::new();
    for coordinate in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        if old.get(coordinate) != new.get(coordinate) {
            let show = |line: Option<&String>| line.map_or("(no such line)", String::as_str).to_owned();
            write!(differences, "\n- {}\n+ {}", show(old.get(coordinate)), show(new.get(coordinate))).unwrap();
        }
    }
    panic!(
        "who gets what has changed:{differences}\nIf that is meant, look at each line above, then: cp {} {FILE}",
        written.strip_prefix(root()).unwrap_or(&written).display()
    );
}

/// Holds what could not be asked against the lists of exceptions.
pub fn check_exceptions(schema: &Schema, unreached: &BTreeSet<(String, &'static str)>, seen: &BTreeSet<String>) {
    let found: BTreeSet<String> = unreached.iter().map(|(ty, path)| format!("{ty} {path}")).collect();
    let listed: BTreeSet<String> = OUT_OF_REACH
        .lines()
        .filter(|line| !line.is_empty())
        .flat_map(|line| {
            let (ty, paths) = line.split_once(": ").unwrap();
            paths.split(' ').map(move |path| format!("{ty} {path}"))
        })
        .collect();
    let new: Vec<_> = found.difference(&listed).collect();
    let old: Vec<_> = listed.difference(&found).collect();
    assert!(new.is_empty(), "no path leads to {new:?} any more. Open one, or, for a new type, say so in OUT_OF_REACH.");
    assert!(old.is_empty(), "{old:?} can be asked now: take it out of OUT_OF_REACH.");
    let fields =
        schema.objects().flat_map(|ty| schema.fields(ty).iter().map(move |field| format!("{ty}.{}", field.name)));
    let bare: Vec<String> = fields.filter(|field| !seen.contains(field)).collect();
    assert_eq!(bare, NEVER_SEEN, "nobody got a value of these: give world.rs one, and the list only what it lost");
}

#[test]
fn a_label_that_is_taken_away_is_noticed_and_named() {
    let sdl = patient_logger::app::sdl();
    let all = |sdl: &str| -> BTreeMap<String, String> { needs(&Schema::read(sdl)).into_iter().flatten().collect() };
    let file = by_coordinate(&std::fs::read_to_string(root().join(FILE)).unwrap());
    let file: BTreeMap<&str, &str> =
        file.values().filter_map(|line| line.split_once(' ')).filter(|(name, _)| *name != "field").collect();
    let labels = sdl.match_indices(" @access(needs: ").filter(|(at, _)| !sdl[..*at].ends_with("directive"));
    let mut removed = 0;
    for (at, _) in labels {
        let end = at + sdl[at..].find(')').unwrap() + 1;
        let line = sdl[..end].lines().last().unwrap().trim();
        let without = format!("{}{}", &sdl[..at], &sdl[end..]);
        let left = all(&without);
        let need = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        let named: Vec<&str> =
            file.iter().filter(|(name, line)| left.get(**name) != Some(&need(line))).map(|(name, _)| *name).collect();
        let is_said_twice = SAID_TWICE.iter().any(|said| line.starts_with(said));
        assert_eq!(named.is_empty(), is_said_twice, "without the label of {line:?} the file differs at {named:?}");
        // A field that is left without any label keeps the server from starting.
        let bare: Vec<&str> =
            named.into_iter().filter(|name| left.get(*name).is_some_and(|need| need == NO_LABEL)).collect();
        let findings = if bare.is_empty() { Vec::new() } else { Access::from_sdl(&without).err().unwrap_or_default() };
        for name in bare.into_iter().filter(|name| !name.ends_with(".__typename")) {
            assert!(findings.iter().any(|finding| finding.contains(name)), "it starts although {name} has no label");
        }
        removed += 1;
    }
    assert!(removed > 80, "the schema has {removed} labels");
}
