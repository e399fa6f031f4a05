//! The authorizer against a toy schema: what is refused, what is answered, and that nothing refused ever runs.

mod answers;
mod bounds;
mod explain;
mod inputs;
mod labels;
mod nulls;
mod properties;
mod toy;

use std::sync::LazyLock;

use async_graphql::{PathSegment, Response, Schema, ServerError, Value, Variables, parser::parse_query};
use async_graphql_value::ConstValue;

use super::{Access, Caller, Limits, Plan};
use toy::{HarshSchema, Toy, touched};

const ALL: &[&str] = &["READ_PATIENTS", "READ_CONTACT", "READ_STAFF", "READ_LOGS", "READ_AUDIT", "WRITE_LOGS"];

/// What came back, in a form that is easy to compare whole.
#[derive(Debug, PartialEq)]
struct Answer {
    data: String,
    /// `path: code needs @line:column`, in order.
    errors: Vec<String>,
    /// The labelled resolvers that ran.
    ran: Vec<&'static str>,
}

/// A schema with its table, and somebody to ask.
struct Asking<S> {
    schema: S,
    access: &'static Access,
    caller: Caller,
    variables: Variables,
    operation_name: Option<&'static str>,
}

fn toy_as(held: &[&str]) -> Asking<Toy> {
    static TOY: LazyLock<(Toy, Access)> = LazyLock::new(|| {
        let schema = toy::toy();
        let access = Access::from_sdl(&schema.sdl()).expect("the toy passes the lint");
        (schema, access)
    });
    Asking::new(TOY.0.clone(), &TOY.1, held)
}

fn harsh_as(held: &[&str]) -> Asking<HarshSchema> {
    static HARSH: LazyLock<(HarshSchema, Access)> = LazyLock::new(|| {
        let schema = toy::harsh();
        let access = Access::from_sdl_without_lint(&schema.sdl()).expect("the table is readable");
        (schema, access)
    });
    Asking::new(HARSH.0.clone(), &HARSH.1, held)
}

impl<S> Asking<S> {
    fn new(schema: S, access: &'static Access, held: &[&str]) -> Self {
        let held = access.permissions(held.iter().copied());
        let caller = Caller { held, signed_in: true, introspection: false };
        Self { schema, access, caller, variables: Variables::default(), operation_name: None }
    }

    fn with(mut self, variables: &[(&str, Value)]) -> Self {
        let entries = variables.iter().map(|(name, value)| (async_graphql::Name::new(name), value.clone()));
        self.variables = Variables::from_value(ConstValue::Object(entries.collect()));
        self
    }

    fn plan(&self, document: &str) -> Result<Plan, ServerError> {
        let document = parse_query(document).expect("the document parses");
        self.access.prepare(&document, self.operation_name, &self.variables, &self.caller, &Limits::default())
    }

    /// The refusal of a whole document: `code @line:column message`.
    fn refuses(&self, document: &str) -> String {
        match self.plan(document) {
            Ok(_) => format!("accepted: {document}"),
            Err(error) => whole(&error),
        }
    }
}

impl<Q, M, E> Asking<Schema<Q, M, E>>
where
    Q: async_graphql::ObjectType + 'static,
    M: async_graphql::ObjectType + 'static,
    E: async_graphql::SubscriptionType + 'static,
{
    /// The whole way of one document.
    fn asks(&self, document: &str) -> Answer {
        touched();
        let plan = match self.plan(document) {
            Ok(plan) => plan,
            Err(error) => return answer(&Response::from_errors(vec![error])),
        };
        let mut response = match plan.request(self.variables.clone()) {
            Some(request) => block_on(self.schema.execute(request)),
            None => Response::default(),
        };
        plan.patch(&mut response);
        answer(&response)
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts").block_on(future)
}

fn answer(response: &Response) -> Answer {
    let errors = response.errors.iter().map(short).collect();
    Answer { data: response.data.to_string(), errors, ran: touched() }
}

fn code(error: &ServerError) -> String {
    let get = |key: &str| match error.extensions.as_ref().and_then(|found| found.get(key)) {
        Some(Value::String(found)) => found.clone(),
        _ => String::new(),
    };
    format!("{} {}", get("code"), get("needs")).trim().to_owned()
}

fn short(error: &ServerError) -> String {
    let segments = error.path.iter().map(|segment| match segment {
        PathSegment::Field(key) => key.clone(),
        PathSegment::Index(at) => at.to_string(),
    });
    let path = segments.collect::<Vec<_>>().join(".");
    let code = match code(error) {
        code if code.is_empty() => error.message.clone(),
        code => code,
    };
    let place = error.locations.first().map(|pos| format!(" @{pos}")).unwrap_or_default();
    format!("{path}: {code}{place}")
}

fn whole(error: &ServerError) -> String {
    let place = error.locations.first().map(|pos| format!(" @{pos}")).unwrap_or_default();
    format!("{}{place} {}", code(error), error.message)
}
