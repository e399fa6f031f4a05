//! What must be true of every document, whoever sends it.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};
use std::thread;

use async_graphql::parser::types::{OperationType, Selection, SelectionSet};
use async_graphql::{PathSegment, Response, ServerError, Value, Variables};
use patient_logger::access::{
    Access, Caller, FORBIDDEN, Limits, PARSE_FAILED, Plan, TOO_COMPLEX, UNAUTHENTICATED, VALIDATION_FAILED,
};
use patient_logger::graphql::{Documents, Introspection, ScanLimits};
use patient_logger::kernel::{Permission, Role};

use crate::Input;
use crate::answer::answer;
use crate::schema::{Schema, base};

/// As much as a thread of the server has: what needs more would end the process there.
const STACK: usize = 2 * 1024 * 1024;
/// A refusal names what it found, and the longest name is as long as a document.
const LONGEST_MESSAGE: usize = 64 * 1024;

struct Bench {
    schema: Schema,
    access: Arc<Access>,
    /// The door as the server has it. It remembers documents and decisions of earlier inputs.
    door: Documents,
    /// A door that remembers next to nothing.
    forgetful: Documents,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let sdl = patient_logger::app::sdl();
    let access = Arc::new(Access::from_sdl(&sdl).expect("every field has a label"));
    let door =
        |bytes| Documents::new(access.clone(), Introspection::Staff, ScanLimits::default(), Limits::default(), bytes);
    Bench { schema: Schema::read(&sdl), door: door(1 << 20), forgetful: door(0), access }
});

/// Makes a document of the bytes and holds it against what must be true of every document.
///
/// # Panics
/// When one of these promises is broken; the message says which.
pub fn check(bytes: &[u8]) {
    LazyLock::force(&BENCH);
    thread::scope(|scope| {
        let running = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || BENCH.check(bytes));
        let ended = running.expect("a thread starts").join();
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
}

impl Bench {
    fn check(&self, bytes: &[u8]) {
        let input = Input::from_bytes(bytes, &self.schema);
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let seed = hasher.finish();
        for caller in [self.door.caller(None, false), self.somebody(seed)] {
            for variables in [Variables::default(), Variables::from_json(input.variables.clone())] {
                self.check_for(&input, &variables, &caller, seed);
            }
        }
    }

    /// Somebody of a role, or with permissions that no role has together.
    fn somebody(&self, seed: u64) -> Caller {
        let permissions = match Role::ALL.get((seed % 4) as usize) {
            Some(role) => role.permissions(),
            None => {
                let held = Permission::ALL.into_iter().enumerate().filter(|(at, _)| seed >> (at % 60 + 2) & 1 == 1);
                held.map(|(_, permission)| permission).collect()
            }
        };
        self.door.caller(Some(permissions), seed.is_multiple_of(2))
    }

    fn check_for(&self, input: &Input, variables: &Variables, caller: &Caller, seed: u64) {
        let Input { text, operation_name, .. } = input;
        let prepare = |door: &Documents| door.prepare(text, operation_name.as_deref(), variables, caller);
        let (plan, again) = (prepare(&self.door), prepare(&self.forgetful));
        let plan = match (plan, again) {
            (Ok(plan), Ok(again)) => {
                assert_eq!(format!("{plan:?}"), format!("{again:?}"), "what is remembered is another decision");
                plan
            }
            (Err(error), Err(again)) => {
                assert_eq!(error, again, "what is remembered is another refusal");
                return refused_as_a_whole(&error);
            }
            (plan, again) => panic!("remembered {plan:?}, decided anew {again:?}"),
        };
        assert!(plan.cost() <= self.door.cost_limit(), "the plan costs {}", plan.cost());
        self.explained_alike(&plan, input, variables, caller);
        let mut response = Response::default();
        if let Some(mut request) = plan.request(variables.clone()) {
            let document = request.parsed_query().expect("it is parsed").clone();
            assert!(document.fragments.is_empty(), "a named fragment is left");
            for (_, operation) in document.operations.iter() {
                let root = match operation.node.ty {
                    OperationType::Query => "Query",
                    OperationType::Mutation => "Mutation",
                    OperationType::Subscription => "Subscription",
                };
                self.holds_all(caller, root, &operation.node.selection_set.node);
            }
            response = answer(&self.schema, &document, seed);
        }
        plan.patch(&mut response);
        well_formed(&response);
    }

    /// Explaining lists as refused what the plan leaves out, and nothing else.
    fn explained_alike(&self, plan: &Plan, input: &Input, variables: &Variables, caller: &Caller) {
        let Input { text, operation_name, .. } = input;
        let listed = match self.door.explain(text, operation_name.as_deref(), variables, caller) {
            Ok(listed) => listed,
            // It lists what is below refused fields too, so it may come to its end first.
            Err(error) => return refused_as_a_whole(&error),
        };
        let explained: BTreeSet<String> = listed
            .into_iter()
            .filter(|field| field.refused_at.as_ref() == Some(&field.path))
            .map(|field| field.path.replace("[]", ""))
            .collect();
        let refused: BTreeSet<String> = plan.refused().map(|refusal| refusal.path.join(".")).collect();
        assert_eq!(explained, refused, "explained, and refused");
    }

    /// Nothing that runs needs what the caller lacks.
    fn holds_all(&self, caller: &Caller, ty: &str, set: &SelectionSet) {
        assert!(!set.items.is_empty(), "an empty selection of {ty}");
        for selection in &set.items {
            assert!(selection.node.directives().is_empty(), "a directive is left");
            match &selection.node {
                Selection::FragmentSpread(_) => panic!("a spread is left"),
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(ty, |condition| &condition.node.on.node);
                    self.holds_all(caller, on, &fragment.node.selection_set.node);
                }
                Selection::Field(field) if field.node.name.node.starts_with("__") => {}
                Selection::Field(field) => {
                    let name = &field.node.name.node;
                    for object in self.schema.objects(ty) {
                        let need = self.access.need(object, name).expect("the field is in the schema");
                        assert!(caller.held.contains(need), "{object}.{name} runs without the permission");
                    }
                    let below = &field.node.selection_set.node;
                    if !below.items.is_empty() {
                        let found = self.schema.field(ty, name).expect("the field is in the schema");
                        self.holds_all(caller, base(&found.ty), below);
                    }
                }
            }
        }
    }
}

fn refused_as_a_whole(error: &ServerError) {
    let codes = [PARSE_FAILED, VALIDATION_FAILED, TOO_COMPLEX];
    assert!(codes.contains(&code(error).as_str()), "{error:?}");
    assert!(!error.message.is_empty() && error.message.len() < LONGEST_MESSAGE, "{error:?}");
}

fn code(error: &ServerError) -> String {
    match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code.clone(),
        _ => String::new(),
    }
}

/// Each error of an answer is beside a null, each refusal has a code, and nothing private is shown.
fn well_formed(response: &Response) {
    for error in &response.errors {
        let found = at(&response.data, &error.path);
        assert!(matches!(found, Some(Value::Null)), "{:?} is not null beside {error:?}", found);
        let is_by_chance = error.message == "by chance";
        assert!(is_by_chance || [FORBIDDEN, UNAUTHENTICATED].contains(&code(error).as_str()), "{error:?}");
    }
    let mut open = vec![&response.data];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                assert!(!fields.contains_key("__t"), "the private key is shown");
                open.extend(fields.values());
            }
            Value::List(items) => open.extend(items),
            _ => {}
        }
    }
}

/// What stands at this path, or the null above it; `None` when the path leads nowhere.
fn at<'a>(data: &'a Value, path: &[PathSegment]) -> Option<&'a Value> {
    path.iter().try_fold(data, |value, segment| match (value, segment) {
        (Value::Null, _) => Some(value),
        (Value::Object(fields), PathSegment::Field(key)) => fields.get(key.as_str()),
        (Value::List(items), PathSegment::Index(at)) => items.get(*at),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The operations of the explorer and the seeds are documents to begin with.
    fn seeds() -> Vec<Vec<u8>> {
        let explorer = include_str!("../../src/http/graphiql/operations.graphql").split("# ====\n");
        let mut seeds: Vec<Vec<u8>> = explorer.map(|text| text.as_bytes().to_vec()).collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        seeds.extend(std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()));
        seeds
    }

    #[test]
    fn the_seeds_keep_every_promise() {
        for seed in seeds() {
            check(&seed);
        }
    }

    /// Without this, a writer whose documents are all refused would pass unnoticed.
    #[test]
    fn most_documents_by_chance_are_decided_and_many_are_refused_in_each_way() {
        let mut state: u64 = 0x005E_ED0F_F022;
        let mut ends = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..1_000 {
            let mut bytes = vec![0x80];
            for _ in 0..60 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                bytes.extend_from_slice(&state.to_be_bytes()[..4]);
            }
            check(&bytes);
            let Input { text, operation_name, variables } = Input::from_bytes(&bytes, &BENCH.schema);
            let caller = BENCH.door.caller(Some(Role::Admin.permissions()), true);
            let plan = BENCH.door.prepare(&text, operation_name.as_deref(), &Variables::from_json(variables), &caller);
            *ends.entry(plan.err().map_or("decided".to_owned(), |error| code(&error))).or_default() += 1;
        }
        for (end, least) in [("decided", 200), (PARSE_FAILED, 30), (VALIDATION_FAILED, 30), (TOO_COMPLEX, 30)] {
            assert!(ends.get(end).is_some_and(|found| *found >= least), "{end}: {ends:?}");
        }
    }
}
