//! A small schema with every shape the authorizer must handle, and a record of which guarded resolvers ran.

use std::cell::RefCell;

use async_graphql::{
    EmptyMutation, EmptySubscription, Enum, Error, ID, InputObject, Interface, Object, Result, Schema, SimpleObject,
    Subscription, TypeDirective, Union,
    futures_util::{Stream, stream},
};

thread_local! {
    static TOUCHED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// Notes that the resolver of a labelled field ran.
fn touch(field: &'static str) {
    TOUCHED.with_borrow_mut(|touched| touched.push(field));
}

/// The labelled resolvers that ran since the last call.
pub(super) fn touched() -> Vec<&'static str> {
    TOUCHED.take()
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    Public,
    ReadPatients,
    ReadContact,
    ReadStaff,
    ReadLogs,
    ReadAudit,
    WriteLogs,
}
use Permission::{Public, ReadAudit, ReadContact, ReadLogs, ReadPatients, ReadStaff, WriteLogs};

#[TypeDirective(
    location = "Object",
    location = "FieldDefinition",
    location = "ArgumentDefinition",
    location = "InputFieldDefinition",
    location = "EnumValue",
    location = "Interface"
)]
fn access(needs: Permission) {}

#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID"))]
enum Node {
    Patient(Patient),
    Clinician(Clinician),
    AuditEvent(AuditEvent),
}

/// Labels `phone` once more, so that both labels are needed.
#[derive(Interface)]
#[graphql(field(name = "phone", ty = "Option<String>", directive = access::apply(ReadContact)))]
enum Contact {
    Patient(Patient),
    Clinician(Clinician),
}

#[derive(Union)]
enum Search {
    Patient(Patient),
    Clinician(Clinician),
    AuditEvent(AuditEvent),
}

#[derive(Clone, Copy)]
struct Patient(u32);

#[Object(directive = access::apply(ReadPatients))]
impl Patient {
    async fn id(&self) -> ID {
        format!("P{}", self.0).into()
    }
    async fn name(&self) -> String {
        format!("Patient {}", self.0)
    }
    #[graphql(directive = access::apply(ReadContact))]
    async fn phone(&self) -> Option<String> {
        touch("Patient.phone");
        Some(format!("555-{}", self.0))
    }
    async fn slow(&self) -> i32 {
        tokio::task::yield_now().await;
        7
    }
    async fn broken(&self) -> Result<Option<i32>> {
        Err(Error::new("broken"))
    }
    async fn shattered(&self) -> Result<i32> {
        Err(Error::new("shattered"))
    }
    async fn doctor(&self) -> Option<Clinician> {
        (self.0 == 1).then_some(Clinician)
    }
    async fn friend(&self) -> Option<Patient> {
        (self.0 < 3).then_some(Patient(self.0 + 1))
    }
    #[graphql(directive = access::apply(ReadStaff))]
    async fn grid(&self) -> Option<Vec<Option<Vec<Option<Clinician>>>>> {
        Some(vec![Some(vec![Some(Clinician), None]), None, Some(vec![])])
    }
    #[graphql(directive = access::apply(ReadLogs))]
    async fn logs(&self, first: Option<i32>) -> Option<LogConnection> {
        let _ = first;
        touch("Patient.logs");
        Some(LogConnection)
    }
    async fn label(
        &self,
        #[graphql(directive = access::apply(ReadAudit))] trace: Option<bool>,
        upper: Option<bool>,
    ) -> Option<String> {
        if trace.is_some() {
            touch("Patient.label(trace:)");
        }
        Some(if upper == Some(true) { "LABEL" } else { "label" }.to_owned())
    }
}

#[derive(Clone, Copy)]
struct Clinician;

#[Object(directive = access::apply(ReadStaff))]
impl Clinician {
    async fn id(&self) -> ID {
        "C1".into()
    }
    async fn name(&self) -> String {
        touch("Clinician.name");
        "Dr One".to_owned()
    }
    async fn phone(&self) -> Option<String> {
        touch("Clinician.phone");
        Some("777".to_owned())
    }
}

struct AuditEvent;

#[Object(directive = access::apply(ReadAudit))]
impl AuditEvent {
    async fn id(&self) -> ID {
        touch("AuditEvent.id");
        "A1".into()
    }
    async fn name(&self) -> String {
        touch("AuditEvent.name");
        "signed in".to_owned()
    }
}

#[derive(SimpleObject)]
#[graphql(directive = access::apply(Public))]
struct PageInfo {
    has_next_page: bool,
}

struct LogConnection;

#[Object(directive = access::apply(ReadLogs))]
impl LogConnection {
    async fn nodes(&self) -> Vec<TaskLog> {
        vec![TaskLog(1), TaskLog(2)]
    }
    async fn page_info(&self) -> PageInfo {
        PageInfo { has_next_page: false }
    }
    async fn total_count(&self) -> i32 {
        2
    }
}

#[derive(Clone, Copy)]
struct TaskLog(u32);

#[Object(directive = access::apply(ReadLogs))]
impl TaskLog {
    async fn id(&self) -> ID {
        format!("L{}", self.0).into()
    }
    async fn patient(&self) -> Option<Patient> {
        Some(Patient(self.0))
    }
    async fn clinician(&self) -> Option<Clinician> {
        Some(Clinician)
    }
    async fn kind(&self) -> String {
        "VISIT".to_owned()
    }
    async fn note(&self) -> Option<String> {
        None
    }
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Name,
    #[graphql(directive = access::apply(ReadContact))]
    Phone,
}

#[derive(InputObject)]
struct Filter {
    name: Option<String>,
    #[graphql(directive = access::apply(ReadContact))]
    phone: Option<String>,
    order: Option<Vec<Order>>,
    any: Option<Vec<Filter>>,
}

pub(super) struct Query;

#[Object]
impl Query {
    #[graphql(directive = access::apply(ReadPatients))]
    async fn patient(&self, id: Option<ID>) -> Option<Patient> {
        match id {
            Some(id) => id.strip_prefix('P')?.parse().ok().map(Patient),
            None => Some(Patient(1)),
        }
    }
    #[graphql(directive = access::apply(ReadPatients))]
    async fn patients(&self, filter: Option<Filter>, order: Option<Order>, first: Option<i32>) -> Option<Vec<Patient>> {
        let _ = (order, first);
        if let Some(filter) = filter {
            let _ = (filter.name, filter.order, filter.any);
            if filter.phone.is_some() {
                touch("Filter.phone");
            }
        }
        Some(vec![Patient(1), Patient(2)])
    }
    #[graphql(directive = access::apply(ReadLogs))]
    async fn task_logs(&self, #[graphql(default = 20)] first: i32) -> Option<LogConnection> {
        let _ = first;
        Some(LogConnection)
    }
    #[graphql(directive = access::apply(Public))]
    async fn node(&self, id: ID) -> Option<Node> {
        match id.as_str() {
            "P1" => Some(Patient(1).into()),
            "C1" => Some(Clinician.into()),
            "A1" => Some(AuditEvent.into()),
            _ => None,
        }
    }
    #[graphql(directive = access::apply(Public))]
    async fn nodes(&self, ids: Vec<ID>) -> Vec<Option<Node>> {
        ids.iter().map(|id| (id.as_str() == "P1").then(|| Patient(1).into())).collect()
    }
    #[graphql(directive = access::apply(Public))]
    async fn search(&self) -> Option<Vec<Option<Search>>> {
        Some(vec![Some(Patient(1).into()), None, Some(Clinician.into()), Some(AuditEvent.into())])
    }
    #[graphql(directive = access::apply(Public))]
    async fn contacts(&self) -> Option<Vec<Option<Contact>>> {
        Some(vec![Some(Patient(1).into()), Some(Clinician.into())])
    }
    #[graphql(directive = access::apply(Public))]
    async fn version(&self) -> Option<String> {
        Some("1".to_owned())
    }
    #[graphql(directive = access::apply(ReadAudit))]
    async fn secret(&self) -> Option<i32> {
        touch("Query.secret");
        Some(42)
    }
}

pub(super) struct Mutation;

#[Object]
impl Mutation {
    #[graphql(directive = access::apply(WriteLogs))]
    async fn add_log(&self) -> Option<TaskLog> {
        touch("Mutation.addLog");
        Some(TaskLog(9))
    }
    #[graphql(directive = access::apply(ReadAudit))]
    async fn purge(&self) -> Option<bool> {
        touch("Mutation.purge");
        Some(true)
    }
}

pub(super) struct Events;

#[Subscription]
impl Events {
    #[graphql(directive = access::apply(ReadLogs))]
    async fn logs(&self) -> impl Stream<Item = Option<TaskLog>> + use<> {
        stream::iter([Some(TaskLog(1)), None])
    }
    #[graphql(directive = access::apply(ReadAudit))]
    async fn audit(&self) -> impl Stream<Item = Option<i32>> + use<> {
        touch("Subscription.audit");
        stream::iter([Some(1)])
    }
}

pub(super) type Toy = Schema<Query, Mutation, Events>;

pub(super) fn toy() -> Toy {
    Schema::build(Query, Mutation, Events).register_output_type::<Contact>().limit_recursive_depth(64).finish()
}

/// A schema whose labels the lint refuses: what is refused here may not be null.
pub(super) struct Harsh;

#[Object]
impl Harsh {
    #[graphql(directive = access::apply(Public))]
    async fn thing(&self) -> Option<Thing> {
        Some(Thing)
    }
    #[graphql(directive = access::apply(Public))]
    async fn rows(&self) -> Option<Vec<Option<Thing>>> {
        Some(vec![Some(Thing), None])
    }
    #[graphql(directive = access::apply(Public))]
    async fn grid(&self) -> Option<Vec<Vec<Thing>>> {
        Some(vec![vec![Thing], vec![]])
    }
    #[graphql(directive = access::apply(Public))]
    async fn must(&self) -> Thing {
        Thing
    }
    async fn unlabelled(&self) -> Option<i32> {
        touch("Harsh.unlabelled");
        Some(1)
    }
    #[graphql(directive = access::apply(ReadAudit))]
    async fn secret(&self) -> i32 {
        touch("Harsh.secret");
        1
    }
}

struct Thing;

#[Object(directive = access::apply(Public))]
impl Thing {
    async fn id(&self) -> i32 {
        1
    }
    #[graphql(directive = access::apply(ReadAudit))]
    async fn secret(&self) -> i32 {
        touch("Thing.secret");
        1
    }
    async fn inner(&self) -> Thing {
        Thing
    }
}

pub(super) type HarshSchema = Schema<Harsh, EmptyMutation, EmptySubscription>;

pub(super) fn harsh() -> HarshSchema {
    Schema::build(Harsh, EmptyMutation, EmptySubscription).limit_recursive_depth(64).finish()
}
