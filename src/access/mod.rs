//! Access: who may read which field, decided once for each document.
//!
//! # What it owns
//! The meaning of the `@access` label, the decision about a document, and the answer's final shape. It knows nothing
//! of hospitals, rows or sessions: rights that depend on a row are asked where the row is at hand.
//!
//! # How a label is read
//! A field needs its own label; without one it needs the label of its type; without either nobody may read it. A
//! field that an interface also labels needs both labels, so asking through an interface opens nothing. Arguments,
//! input fields and enum values may carry a label too: using them, with whatever value, then needs that permission,
//! and without it the field they are given to is refused. `PUBLIC` needs nothing. `__typename` needs the type's
//! label, or, for a type without one, any of its fields. Query, Mutation, Subscription and every type merged from
//! parts carry no label of their own, because the library drops the labels of parts without a word.
//!
//! # How one request goes through
//! 1. [`Access::from_sdl`] reads the labels from the printed schema at start, and refuses to start on any gap.
//! 2. [`Access::prepare`] walks the parsed document and makes a [`Plan`]: fragments flattened, equal keys merged,
//!    conditions resolved, limits and cost checked, refused fields left out.
//! 3. [`Plan::request`] is executed. It is always the reduced document, also when nothing was refused: the walk bounds
//!    fragment bombs, merges a mutation named twice, and resolves conditions with their defaults, none of which the
//!    executor does by itself.
//! 4. [`Plan::patch`] puts null and an error at each refused path of the answer, and repairs order and nulls.
//!
//! Deciding before execution means no resolver runs for a refused field, on any path, and allowed documents pay
//! nothing per row.
//!
//! # The files
//! `read` makes the `table` from the SDL and `lint` judges it. `facts` looks at a document without types. `walk`
//! decides, with `collect` for selections, `inputs` for arguments and variables and `cost` for sizes; the result is a
//! `plan`. `emit` writes its document and `patch` completes its answer; `explain` lists what a document asks for and
//! runs nothing. `refusal` has the words, `bits` the sets.

mod bits;
mod collect;
mod cost;
mod emit;
mod explain;
mod facts;
mod inputs;
mod lint;
mod patch;
mod plan;
mod read;
mod refusal;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use async_graphql::{ServerError, Variables, parser::types::ExecutableDocument};

pub use bits::Permissions;
pub use cost::fields_of;
pub use explain::ExplainedField;
pub(crate) use facts::{Chosen, Facts};
pub use plan::Plan;
pub use refusal::{FORBIDDEN, PARSE_FAILED, Refusal, TOO_COMPLEX, UNAUTHENTICATED, VALIDATION_FAILED, refuse};

use emit::Emit;
use inputs::Inputs;
use table::{Kind, Table};
use walk::Walk;

/// Behind an interface one selection is decided and written once for each type; this bounds the product.
const ENTRIES_PER_SELECTION: usize = 4;

/// The labels of the whole schema, ready to decide documents.
pub struct Access {
    table: Table,
}

/// Who asks, as far as labels are concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The permissions held.
    pub held: Permissions,
    /// Whether anyone is signed in; decides between "sign in first" and "you need".
    pub signed_in: bool,
    /// Whether `__schema` and `__type` may run.
    pub introspection: bool,
}

/// The bounds every document keeps. One beyond any of them is refused before it costs anything.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Levels of objects in the answer.
    pub depth: usize,
    /// The same below `__schema` and `__type`: tools nest deeper there, through `ofType`.
    pub introspection_depth: usize,
    /// Lists inside lists there. Types lead to fields and back to types, and an interface to its types and back, each step
    /// many times as much; what the tools send has `types`, `fields` and `args` in one another and no more. graphql-js
    /// has the like in its `MaxIntrospectionDepthRule`.
    pub introspection_lists: usize,
    /// Selections once every fragment is expanded where it is spread.
    pub expanded_selections: usize,
    /// Fields of the root, counted by response key.
    pub root_fields: usize,
    /// Aliases in the operation and its fragments.
    pub aliases: usize,
    /// Levels of lists and objects in one input.
    pub input_nesting: usize,
    /// Items in any one input list.
    pub input_list: usize,
    /// Refused fields an answer may hold, counted like its cost: each is an error with a path of its own.
    pub refused_fields: u64,
    /// The size assumed of a page that does not say its own.
    pub default_page: u64,
    /// The fields an answer may hold, each counted as often as the pages above it are long.
    pub cost: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 10,
            introspection_depth: 20,
            introspection_lists: 3,
            expanded_selections: 2_000,
            root_fields: 10,
            aliases: 30,
            input_nesting: 8,
            input_list: 200,
            refused_fields: 1_000,
            default_page: 20,
            cost: 50_000,
        }
    }
}

impl Access {
    /// Builds the table from the schema's own SDL. `Err` lists every finding, each naming a field and what to do; a
    /// server that gets one does not start.
    ///
    /// # Errors
    /// When the SDL does not parse, or the lint finds anything.
    pub fn from_sdl(sdl: &str) -> Result<Self, Vec<String>> {
        let access = Self::from_sdl_without_lint(sdl)?;
        let findings = lint::findings(&access.table);
        if findings.is_empty() { Ok(access) } else { Err(findings) }
    }

    /// The table of a schema the lint may refuse: tests use it to show that even there nothing leaks.
    fn from_sdl_without_lint(sdl: &str) -> Result<Self, Vec<String>> {
        read::read(sdl).map(|table| Self { table })
    }

    /// The set of the permissions with these names. `PUBLIC` adds nothing; an unknown name gives nothing.
    pub fn permissions<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Permissions {
        let known = names.into_iter().filter_map(|name| self.table.permission(name));
        known.fold(Permissions::NONE, |all, one| all | one)
    }

    /// The names of a set of permissions.
    pub fn names(&self, set: Permissions) -> impl Iterator<Item = &str> {
        self.table.permission_names(set)
    }

    /// What reading a field of an object needs, or what an interface adds to the need of the same field of each of its
    /// types; `None` when there is no such field.
    pub fn need(&self, type_name: &str, field: &str) -> Option<Permissions> {
        let ty = self.table.type_named(type_name)?;
        self.table.field(ty, field).map(|definition| definition.need)
    }

    /// Every field of every object type with what it needs, introspection left out: the raw material of a test that
    /// tries each field as each role.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str, Permissions)> {
        let objects = self.table.types.iter().filter(|ty| ty.is_object && !ty.is_introspection);
        objects.flat_map(|ty| {
            let fields = match &ty.kind {
                Kind::Composite(fields) => Some(fields.iter()),
                _ => None,
            };
            let fields = fields.into_iter().flatten().filter(|(name, _)| !name.starts_with("__"));
            fields.map(|(name, field)| (ty.name.as_str(), name.as_str(), field.need))
        })
    }

    /// Every labelled argument, input field and enum value with what it needs.
    pub fn labelled_inputs(&self) -> impl Iterator<Item = (&str, Permissions)> {
        self.table.inputs.iter().map(|input| (input.coordinate.as_str(), input.need))
    }

    /// Decides one document for one caller.
    ///
    /// # Errors
    /// When the document as a whole is invalid, beyond a limit, or has no such operation.
    pub fn prepare(
        &self,
        document: &ExecutableDocument,
        operation_name: Option<&str>,
        variables: &Variables,
        caller: &Caller,
        limits: &Limits,
    ) -> Result<Plan, ServerError> {
        let facts = self.facts(document, limits)?;
        check_variables(variables, limits)?;
        self.plan(facts.choose(document, operation_name)?, variables, caller, limits)
    }

    /// What can be told of a document without a caller. Fails on cycles, missing and unused fragments.
    pub(crate) fn facts(&self, document: &ExecutableDocument, limits: &Limits) -> Result<Facts, ServerError> {
        Facts::of(document, &self.table, limits)
    }

    /// What a plan depends on besides the operation and the caller: the answers the walk will get from variables, and
    /// nothing else of their values.
    pub(crate) fn steering(&self, chosen: Chosen<'_>, variables: &Variables, held: Permissions) -> Box<[u64]> {
        self.inputs(chosen, variables, held).steering(chosen.facts)
    }

    /// Makes the plan of one operation.
    pub(crate) fn plan(
        &self,
        chosen: Chosen<'_>,
        variables: &Variables,
        caller: &Caller,
        limits: &Limits,
    ) -> Result<Plan, ServerError> {
        let mut walk = Walk::new(self.inputs(chosen, variables, caller.held), chosen, caller, limits);
        let (root, cost) = walk.operation()?;
        let mut emit = Emit::new(&walk.nodes, &walk.fields, limits);
        let document = emit.document(root, chosen)?;
        let emitted = emit.written;
        let (coordinates, needs) = walk.kept();
        let (operation, name) = (chosen.operation.node.ty, chosen.facts.name.clone());
        let Walk { nodes, refusals, .. } = walk;
        Ok(Plan { operation, name, document, root, nodes, refusals, cost, emitted, coordinates, needs })
    }

    fn inputs<'a>(&'a self, chosen: Chosen<'a>, variables: &'a Variables, held: Permissions) -> Inputs<'a> {
        let definitions = &chosen.operation.node.variable_definitions;
        Inputs { table: &self.table, definitions, variables, held }
    }
}

/// Holds the values of variables to the limits of input. Values are no part of a plan, so a cache asks this for every
/// request.
pub(crate) fn check_variables(variables: &Variables, limits: &Limits) -> Result<(), ServerError> {
    variables.values().try_for_each(|value| facts::bound_value(value, limits, None))
}
