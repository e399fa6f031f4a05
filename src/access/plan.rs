//! The plan: the reduced document to run, and the shape the answer must have in the end.

use async_graphql::{
    Name, Request, Variables,
    parser::types::{ExecutableDocument, OperationType},
};

use super::{
    bits::Permissions,
    refusal::Refusal,
    table::{Shape, TypeId},
};

pub(super) type NodeId = usize;

/// One decided document: what to run, what was refused, and how to put the answer together.
///
/// It holds no variable values, so one plan serves every request that is decided alike.
#[derive(Debug)]
pub struct Plan {
    pub(super) operation: OperationType,
    pub(super) name: Option<Name>,
    /// `None` when no field is left to run.
    pub(super) document: Option<ExecutableDocument>,
    pub(super) root: NodeId,
    pub(super) nodes: Vec<Node>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) cost: u64,
    /// Fields in the emitted document.
    pub(super) emitted: usize,
    /// The fields that stay, as `Type.field`, each once, sorted.
    pub(super) coordinates: Vec<String>,
    /// What the labels of the fields that stay need, all together.
    pub(super) needs: Permissions,
}

/// The merged selection set of one field, told apart by the concrete type of the object in hand.
#[derive(Debug)]
pub(super) struct Node {
    /// Whether the answer tells the object's type under the private key, because the variants differ by it.
    pub(super) keyed: bool,
    pub(super) variants: Vec<Variant>,
}

/// The entries of the objects of some concrete types.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) types: Vec<Name>,
    pub(super) entries: Vec<Entry>,
}

/// One response key of one kind of object, in the order of the document.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: Name,
    pub(super) shape: Shape,
    pub(super) ty: TypeId,
    /// Why the field was left out, as an index of the plan's refusals.
    pub(super) refusal: Option<usize>,
    pub(super) child: Option<NodeId>,
    /// The field in the original document, as an index of the walk's list.
    pub(super) field: usize,
}

impl Plan {
    /// Whether this is a query, a mutation or a subscription.
    pub fn operation(&self) -> OperationType {
        self.operation
    }

    /// The name of the operation chosen.
    pub fn operation_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The request to execute; `None` when nothing is left to run and [`Plan::patch`] makes the whole answer.
    pub fn request(&self, variables: Variables) -> Option<Request> {
        let mut request = Request::new("").variables(variables);
        request.operation_name = self.name.as_ref().map(ToString::to_string);
        request.set_parsed_query(self.document.clone()?);
        Some(request)
    }

    /// What the document costs, refused fields not counted.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// The fields left out, for audit and for explaining access without running anything.
    pub fn refused(&self) -> impl Iterator<Item = &Refusal> {
        self.refusals.iter()
    }

    /// The fields that are read, as `Type.field`, for audit: of every type that an object may turn out to have, introspection
    /// left out, each once, sorted.
    pub fn coordinates(&self) -> &[String] {
        &self.coordinates
    }

    /// What the fields that are read need, all together.
    pub fn needs(&self) -> Permissions {
        self.needs
    }

    /// About how many bytes of memory the plan takes.
    pub fn weight(&self) -> u64 {
        let entries: usize = self.nodes.iter().flat_map(|node| &node.variants).map(|found| found.entries.len()).sum();
        let parts = self.emitted * 400 + entries * size_of::<Entry>() + self.nodes.len() * 160;
        let names: usize = self.coordinates.iter().map(|name| name.len() + size_of::<String>()).sum();
        (1_024 + parts + names + self.refusals.len() * 400) as u64
    }
}
