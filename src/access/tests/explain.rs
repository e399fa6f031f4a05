//! What a document asks for is listed in full, and where a caller is refused is what then happens.

use async_graphql::{ServerError, parser::parse_query};

use super::{ALL, Asking, toy_as};
use crate::access::{ExplainedField, Limits};

impl<S> Asking<S> {
    fn explained(&self, document: &str) -> Result<Vec<ExplainedField>, ServerError> {
        let limits = Limits::default();
        let document = parse_query(document).expect("the document parses");
        let facts = self.access.facts(&document, &limits)?;
        self.access.explain(facts.choose(&document, None)?, &self.variables, &self.caller, &limits)
    }

    /// One line for each field: `path coordinate: needs`, then what is missing and where it is refused.
    fn explains(&self, document: &str) -> Vec<String> {
        let names = |set| self.access.names(set).collect::<Vec<_>>().join("+");
        let line = |field: ExplainedField| {
            let refused = field.refused_at.map(|at| format!(" -{} @{at}", names(field.missing))).unwrap_or_default();
            let inputs = field.inputs.iter().map(|input| format!(" {input}")).collect::<String>();
            format!("{} {}: {}{inputs}{refused}", field.path, field.coordinate, names(field.needs))
        };
        match self.explained(document) {
            Ok(fields) => fields.into_iter().map(line).collect(),
            Err(error) => vec![super::whole(&error)],
        }
    }
}

#[test]
fn every_field_is_listed_also_below_a_refused_one() {
    let document =
        "query($no: Boolean = false) { version who: patient { ...F doctor { name } phone @include(if: $no) } }
        fragment F on Patient { tel: phone grid { __typename id } }";
    assert_eq!(
        toy_as(&["READ_PATIENTS"]).explains(document),
        [
            "version Query.version: ",
            "who Query.patient: READ_PATIENTS",
            "who.tel Patient.phone: READ_CONTACT -READ_CONTACT @who.tel",
            "who.grid Patient.grid: READ_STAFF -READ_STAFF @who.grid",
            "who.grid[][].__typename Clinician.__typename: READ_STAFF -READ_STAFF @who.grid",
            "who.grid[][].id Clinician.id: READ_STAFF -READ_STAFF @who.grid",
            "who.doctor Patient.doctor: READ_PATIENTS",
            "who.doctor.name Clinician.name: READ_STAFF -READ_STAFF @who.doctor.name",
        ]
    );
}

#[test]
fn behind_an_interface_each_type_has_its_own_line() {
    let document = "{ search { __typename ... on Contact { phone } ... on Patient { doctor { id } } } }";
    assert_eq!(
        toy_as(&["READ_PATIENTS", "READ_CONTACT"]).explains(document),
        [
            "search Query.search: ",
            "search[].__typename Patient.__typename: READ_PATIENTS",
            "search[].phone Patient.phone: READ_CONTACT",
            "search[].doctor Patient.doctor: READ_PATIENTS",
            "search[].doctor.id Clinician.id: READ_STAFF -READ_STAFF @search[].doctor.id",
            "search[].__typename AuditEvent.__typename: READ_AUDIT -READ_AUDIT @search[].__typename",
            "search[].__typename Clinician.__typename: READ_STAFF -READ_STAFF @search[].__typename",
            "search[].phone Clinician.phone: READ_CONTACT+READ_STAFF -READ_STAFF @search[].phone",
        ]
    );
}

#[test]
fn labelled_inputs_add_to_the_need_by_whatever_way_they_come() {
    let document = "query($any: [Filter!]) { patients(order: PHONE, filter: { any: $any }) { label(trace: null) } }";
    let any = async_graphql::value!([{ "name": "a" }, { "phone": "1" }]);
    assert_eq!(
        toy_as(&["READ_PATIENTS"]).with(&[("any", any)]).explains(document),
        [
            "patients Query.patients: READ_PATIENTS+READ_CONTACT Order.PHONE -READ_CONTACT @patients",
            "patients[].label Patient.label: READ_PATIENTS+READ_AUDIT Patient.label(trace:) -READ_AUDIT @patients",
        ]
    );
    let only_by_variable = "query($any: [Filter!]) { patients(filter: { any: $any }) { id } }";
    let found = |any| toy_as(&["READ_PATIENTS"]).with(&[("any", any)]).explains(only_by_variable).swap_remove(0);
    let refused = "patients Query.patients: READ_PATIENTS+READ_CONTACT Filter.phone -READ_CONTACT @patients";
    assert_eq!(found(async_graphql::value!({ "phone": null })), refused);
    assert_eq!(found(async_graphql::value!([{ "name": "a" }])), "patients Query.patients: READ_PATIENTS");
}

#[test]
fn what_is_not_valid_below_a_refused_field_ends_the_list_there() {
    let document = "{ version taskLogs { nodes { nothing } } }";
    assert_eq!(
        toy_as(&[]).explains(document),
        ["version Query.version: ", "taskLogs Query.taskLogs: READ_LOGS -READ_LOGS @taskLogs"]
    );
    let refused = toy_as(ALL).explains(document);
    assert!(refused[0].starts_with("GRAPHQL_VALIDATION_FAILED"), "{refused:?}");
}

#[test]
fn the_list_is_bounded_in_number_and_in_bytes() {
    let fields: String = (0..300).map(|_| "... on Contact { phone } ... on Patient { id name phone } ").collect();
    assert_eq!(toy_as(ALL).explains(&format!("{{ search {{ {fields} }} }}")).len(), 5);

    let alias = "a".repeat(4_000);
    let fields = "...F ".repeat(60);
    let below: String = (0..20).map(|at| format!("k{at}: id ")).collect();
    let spread: String = (0..9).map(|at| format!("{alias}{at}: patient {{ {fields} }} ")).collect();
    let refused = toy_as(ALL).explains(&format!("{{ {spread} }} fragment F on Patient {{ {below} }}"));
    assert!(refused[0].starts_with("QUERY_TOO_COMPLEX"), "{}", &refused[0][..80]);
}

#[test]
fn the_refused_fields_are_those_of_the_plan() {
    let documents = [
        "{ patient { id name phone doctor { name phone } friend { phone friend { grid { id } } } } secret }",
        "{ taskLogs { totalCount nodes { kind patient { label(trace: true) phone } clinician { name } } } }",
        "{ search { ... on Node { id } ... on Contact { phone } } contacts { phone __typename } node(id: 1) { id } }",
        "mutation { addLog { id patient { phone } } purge }",
    ];
    for held in 0..1_u32 << ALL.len() {
        let held: Vec<&str> = (0..ALL.len()).filter(|at| held >> at & 1 == 1).map(|at| ALL[at]).collect();
        let caller = toy_as(&held);
        for document in documents {
            let plan = caller.plan(document).expect("a plan");
            let fields = caller.explained(document).expect("a list");
            let explained = fields.iter().filter(|field| field.refused_at.as_ref() == Some(&field.path));
            let mut explained: Vec<_> = explained.map(|field| (field.path.replace("[]", ""), field.missing)).collect();
            let names = |needs: &str| caller.access.permissions(needs.split(", "));
            let mut refused: Vec<_> = plan.refused().map(|found| (found.path.join("."), names(&found.needs))).collect();
            explained.sort();
            refused.sort();
            assert_eq!(explained.len(), refused.len(), "{held:?}: {document}");
            for ((path, missing), (at, needs)) in explained.into_iter().zip(refused) {
                // The error of a field names its inputs only when its own label is held.
                assert!(path == at && missing.contains(needs) && !needs.is_empty(), "{held:?} {path}: {document}");
            }
            assert!(fields.iter().all(|field| field.refused_at.is_some() || field.missing.is_empty()), "{document}");
        }
    }
}
