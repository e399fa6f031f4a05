//! From raw text to a decided document: scan, parse, plan, with what can be remembered remembered.
//!
//! Two caches, each bounded by bytes. Parsed documents are kept by their text. Plans are kept by document, operation,
//! caller and steering (what the plan read from variables), so variables that change nothing share one plan. A
//! document owns a fixed number of places for its plans and the key only picks one; so no document, however many
//! conditions it has, can crowd out the others. Two keys in one place cost a walk, which is cheap, and never a wrong
//! plan, because the whole key is compared.

use std::{
    hash::BuildHasher,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_graphql::{
    ServerError, Variables,
    parser::{parse_query, types::ExecutableDocument},
};
use quick_cache::{Weighter, sync::Cache};

use super::scan::{ScanLimits, scan};
use crate::access::{self, Access, Caller, ExplainedField, Facts, Limits, Permissions, Plan};
use crate::audit::Shape;
use crate::kernel::{Permission, PermissionSet};

/// Plans kept for one document.
const PLANS_PER_DOCUMENT: u64 = 128;
/// A byte of text becomes at most about this many bytes of syntax tree: a field of two bytes takes some two hundred.
const TREE_BYTES_PER_TEXT_BYTE: u64 = 100;

/// The door for documents: everything that executes one asks here for its plan first.
pub struct Documents {
    access: Arc<Access>,
    /// The permissions as the labels count them.
    labels: Vec<(Permission, Permissions)>,
    /// What everybody has who is signed in.
    signed_in: Permissions,
    introspection: Introspection,
    scan: ScanLimits,
    limits: Limits,
    parsed: Cache<Arc<str>, Arc<Parsed>, Weigh>,
    plans: Cache<(u64, u64), Arc<Decided>, Weigh>,
    ids: AtomicU64,
    places: std::hash::RandomState,
}

/// Who may ask `__schema` and `__type`: strangers need no list of what there is (OWASP ASVS 5.0, 4.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Introspection {
    /// Everybody, signed in or not.
    #[default]
    Everyone,
    /// Members of staff who have signed in; no partner.
    Staff,
}

struct Parsed {
    id: u64,
    text_bytes: u64,
    document: ExecutableDocument,
    facts: Facts,
}

/// A decided document, and what the audit trail says of it.
#[derive(Debug)]
pub struct Decided {
    /// What runs.
    pub plan: Plan,
    /// Which fields it asks for.
    pub shape: Arc<Shape>,
    /// Whether it reads anything that somebody who is signed in does not have by that alone.
    pub asks_for_more_than_sign_in: bool,
    key: Key,
}

impl Deref for Decided {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

/// All that a plan depends on within one document.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    operation: usize,
    caller: Caller,
    steering: Box<[u64]>,
}

#[derive(Clone)]
struct Weigh;

impl Weighter<Arc<str>, Arc<Parsed>> for Weigh {
    fn weight(&self, _text: &Arc<str>, parsed: &Arc<Parsed>) -> u64 {
        1_024 + parsed.text_bytes * (1 + TREE_BYTES_PER_TEXT_BYTE)
    }
}

impl Weighter<(u64, u64), Arc<Decided>> for Weigh {
    fn weight(&self, _place: &(u64, u64), decided: &Arc<Decided>) -> u64 {
        decided.plan.weight() + decided.shape.weight() + size_of_val(&*decided.key.steering) as u64
    }
}

impl Documents {
    /// A door with these limits that remembers at most about `cache_bytes` bytes.
    pub fn new(
        access: Arc<Access>,
        introspection: Introspection,
        scan: ScanLimits,
        limits: Limits,
        cache_bytes: u64,
    ) -> Self {
        let half = cache_bytes / 2;
        // A hint for the tables only; the weight is what bounds them.
        let items = usize::try_from(half / 8_192).unwrap_or(usize::MAX).clamp(16, 65_536);
        let labels = Permission::ALL.map(|permission| (permission, access.permissions([permission.name()]))).into();
        let signed_in = access.permissions([Permission::SignedIn.name()]);
        Self {
            access,
            labels,
            signed_in,
            introspection,
            scan,
            limits,
            parsed: Cache::with_weighter(items, half, Weigh),
            plans: Cache::with_weighter(items, half, Weigh),
            ids: AtomicU64::new(0),
            places: std::hash::RandomState::new(),
        }
    }

    /// Decides a document given as text. Failures are not remembered: the scan has bounded what they cost.
    ///
    /// # Errors
    /// When the document as a whole does not parse, is invalid or beyond a limit, or has no such operation.
    pub fn prepare(
        &self,
        text: &str,
        operation_name: Option<&str>,
        variables: &Variables,
        caller: &Caller,
    ) -> Result<Arc<Decided>, ServerError> {
        access::check_variables(variables, &self.limits)?;
        let parsed = self.parsed(text)?;
        let chosen = parsed.facts.choose(&parsed.document, operation_name)?;
        let steering = self.access.steering(chosen, variables, caller.held);
        let key = Key { operation: chosen.index, caller: *caller, steering };
        let place = (parsed.id, self.places.hash_one(&key) % PLANS_PER_DOCUMENT);
        if let Some(found) = self.plans.get(&place)
            && found.key == key
        {
            return Ok(found);
        }
        let plan = self.access.plan(chosen, variables, caller, &self.limits)?;
        let refused = plan.refused().map(|refusal| refusal.coordinate.clone());
        let shape = Arc::new(Shape::new(plan.coordinates().iter().cloned(), refused));
        let asks_for_more_than_sign_in = !plan.needs().minus(self.signed_in).is_empty();
        let decided = Arc::new(Decided { plan, shape, asks_for_more_than_sign_in, key });
        self.plans.insert(place, Arc::clone(&decided));
        Ok(decided)
    }

    /// The names of a document's operations.
    ///
    /// # Errors
    /// When it does not parse, is invalid, or is beyond a limit.
    pub fn operations(&self, text: &str) -> Result<Vec<Option<String>>, ServerError> {
        let parsed = self.parsed(text)?;
        Ok(parsed.document.operations.iter().map(|(name, _)| name.map(ToString::to_string)).collect())
    }

    /// Lists what a document asks for, field by field, and runs nothing. Nothing of it is remembered.
    ///
    /// # Errors
    /// As of [`Documents::prepare`], and when the document has more fields than are listed.
    pub fn explain(
        &self,
        text: &str,
        operation_name: Option<&str>,
        variables: &Variables,
        caller: &Caller,
    ) -> Result<Vec<ExplainedField>, ServerError> {
        access::check_variables(variables, &self.limits)?;
        let parsed = self.parsed(text)?;
        let chosen = parsed.facts.choose(&parsed.document, operation_name)?;
        self.access.explain(chosen, variables, caller, &self.limits)
    }

    /// What the labels ask about somebody who holds these permissions; `None` is somebody who is not signed in.
    pub fn caller(&self, held: Option<PermissionSet>, is_staff: bool) -> Caller {
        let introspection = is_staff || self.introspection == Introspection::Everyone;
        let signed_in = held.is_some();
        let held = held.unwrap_or_default();
        let held = self.labels.iter().filter(|(permission, _)| held.contains(*permission));
        Caller { held: held.fold(Permissions::NONE, |all, (_, one)| all | *one), signed_in, introspection }
    }

    /// The permissions in a set of the labels. PUBLIC is in none: needing it is needing nothing.
    pub fn permissions(&self, set: Permissions) -> PermissionSet {
        let labels = self.labels.iter().filter(|(_, label)| !label.is_empty() && set.contains(*label));
        labels.map(|(permission, _)| *permission).collect()
    }

    /// What a document may cost.
    pub fn cost_limit(&self) -> u64 {
        self.limits.cost
    }

    fn parsed(&self, text: &str) -> Result<Arc<Parsed>, ServerError> {
        if let Some(found) = self.parsed.get(text) {
            return Ok(found);
        }
        scan(text, &self.scan)?;
        let document = parse_query(text).map_err(|error| {
            let mut refusal = access::refuse(access::PARSE_FAILED, error.to_string(), None);
            refusal.locations = error.positions().collect();
            refusal
        })?;
        let facts = self.access.facts(&document, &self.limits)?;
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let parsed = Arc::new(Parsed { id, text_bytes: text.len() as u64, document, facts });
        self.parsed.insert(text.into(), Arc::clone(&parsed));
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, Value};

    use super::*;

    const SDL: &str = "
        enum Permission { PUBLIC READ }
        schema { query: Query }
        type Query { a: Int @access(needs: READ) b(f: F, n: Int): Int @access(needs: PUBLIC)
                     l(first: Int): [L] @access(needs: PUBLIC) }
        type L @access(needs: PUBLIC) { c: Int }
        input F { open: Int closed: Int @access(needs: READ) shut: Int @access(needs: READ) }
    ";

    fn documents(cache_bytes: u64) -> Documents {
        let access = Access::from_sdl(SDL).expect("the schema passes the lint");
        Documents::new(Arc::new(access), Introspection::Everyone, ScanLimits::default(), Limits::default(), cache_bytes)
    }

    fn variables(name: &str, value: Value) -> Variables {
        let mut variables = Variables::default();
        variables.insert(Name::new(name), value);
        variables
    }

    fn object(name: &str) -> Value {
        Value::Object([(Name::new(name), Value::from(1))].into_iter().collect())
    }

    #[test]
    fn variables_share_a_plan_unless_they_steer_it() {
        let harmless = "query($v: Int) { b(n: $v) }";
        let included = "query($v: Boolean!) { b a @include(if: $v) }";
        let filter = "query($v: F) { b(f: $v) }";
        let page = "query($v: Int) { l(first: $v) { c } }";
        let cases = [
            (harmless, Value::from(1), Value::from(2), true),
            (harmless, Value::Null, Value::from(2), true),
            (included, Value::from(true), Value::from(true), true),
            (included, Value::from(true), Value::from(false), false),
            (filter, object("open"), Value::Null, true),
            (filter, object("open"), object("closed"), false),
            (filter, object("shut"), object("closed"), false),
            (page, Value::from(5), Value::from(5), true),
            (page, Value::from(5), Value::from(6), false),
        ];
        for (text, one, other, shared) in cases {
            let documents = documents(1 << 20);
            let caller = Caller::default();
            let prepare = |value: &Value| documents.prepare(text, None, &variables("v", value.clone()), &caller);
            let (first, second) = (prepare(&one).expect("a plan"), prepare(&other).expect("a plan"));
            assert_eq!(Arc::ptr_eq(&first, &second), shared, "{text} with {one} and {other}");
            // Shared or not, it is the plan that deciding anew would make.
            let document = parse_query(text).expect("it parses");
            let variables = variables("v", other);
            let anew = documents.access.prepare(&document, None, &variables, &caller, &Limits::default());
            assert_eq!(format!("{:?}", second.plan), format!("{:?}", anew.expect("a plan")), "{text}");
        }
    }

    #[test]
    fn callers_operations_and_texts_have_their_own_plans() {
        let documents = documents(1 << 20);
        let nobody = Caller::default();
        let read = Caller { held: documents.access.permissions(["READ"]), ..Caller::default() };
        let signed_in = Caller { signed_in: true, ..Caller::default() };
        let text = "query A { a } query B { a b }";
        let none = Variables::default();
        let prepare = |name, caller| documents.prepare(text, Some(name), &none, caller).expect("a plan");
        let plans = [
            prepare("A", &nobody),
            prepare("B", &nobody),
            prepare("A", &read),
            prepare("A", &signed_in),
            documents.prepare("{ a }", None, &none, &read).expect("a plan"),
        ];
        for (at, plan) in plans.iter().enumerate() {
            assert!(plans[..at].iter().all(|other| !Arc::ptr_eq(plan, other)), "{at}");
        }
        // Asked one after the other, because plans of different keys may share a place.
        assert!(Arc::ptr_eq(&prepare("A", &read), &prepare("A", &read)));
        assert_eq!(plans.map(|plan| plan.refused().count()), [1, 1, 0, 1, 0]);
    }

    #[test]
    fn what_is_remembered_is_bounded_in_all_and_for_each_document() {
        let documents = documents(1 << 18);
        let conditions: String = (0..12).map(|at| format!("$v{at}: Boolean! ")).collect();
        let fields: String = (0..12).map(|at| format!("... @include(if: $v{at}) {{ b }} ")).collect();
        let text = format!("query({conditions}) {{ b {fields} }}");
        for round in 0..1_000_u32 {
            let mut variables = Variables::default();
            for at in 0..12 {
                variables.insert(Name::new(format!("v{at}")), Value::from(round >> at & 1 == 1));
            }
            documents.prepare(&text, None, &variables, &Caller::default()).expect("a plan");
        }
        assert!(documents.plans.len() <= 128);
        for round in 0..1_000 {
            let text = format!("{{ b(n: {round}) }}");
            documents.prepare(&text, None, &Variables::default(), &Caller::default()).expect("a plan");
        }
        assert!(documents.plans.weight() + documents.parsed.weight() <= 1 << 18);
        assert!(documents.parsed.len() > 10, "and something is remembered");
    }

    #[test]
    fn what_does_not_pass_is_refused_with_a_code_and_a_place() {
        let documents = documents(1 << 20);
        let cases = [
            ("{ b(", "GRAPHQL_PARSE_FAILED", 1),
            ("{ b(f: \"", "GRAPHQL_PARSE_FAILED", 1),
            ("{ x }", "GRAPHQL_VALIDATION_FAILED", 1),
            ("query A { b } query B { b }", "GRAPHQL_VALIDATION_FAILED", 0),
            ("{ b(n: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "QUERY_TOO_COMPLEX", 1),
        ];
        for (text, code, places) in cases {
            let refused = documents.prepare(text, None, &Variables::default(), &Caller::default());
            let error = refused.expect_err("it is refused");
            let found = error.extensions.as_ref().and_then(|found| found.get("code")).cloned();
            assert_eq!((found, error.locations.len()), (Some(Value::from(code)), places), "{text}");
        }
    }
}
