//! Explains a document: every field it asks for, what each needs, and where a caller is refused.
//!
//! It is a walk of its own, made when somebody asks for it, so that a plan holds nothing it does not need to run. The
//! walk is made as somebody who holds everything, because the walk of the caller ends at each refused field and the
//! reader wants to know what is below as well.

use async_graphql::{Name, ServerError, Variables, indexmap::IndexSet, parser::types::Field};

use super::{
    Access, Caller, Limits,
    bits::Permissions,
    facts::Chosen,
    inputs::Inputs,
    plan::NodeId,
    refusal::too_complex,
    table::{FieldDef, InputId, TypeId},
    walk::Walk,
};

/// Paths and coordinates may take this many bytes together: a long alias high up is part of every path below it.
const TEXT_BYTES: usize = 256 * 1_024;

/// One field of a document, as one concrete type of object answers it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExplainedField {
    /// The response keys from the root, joined by dots, with `[]` where a list is gone through: `patients.nodes[].room`.
    pub path: String,
    /// The field in the schema: `Patient.room`.
    pub coordinate: String,
    /// What the field and the labelled inputs given to it need.
    pub needs: Permissions,
    /// The part of that the caller lacks.
    pub missing: Permissions,
    /// The arguments, input fields and enum values that add to the need: `PatientFilter.text`.
    pub inputs: Vec<String>,
    /// Where the answer has null and an error instead: here, or at a field above. `None` when the caller gets it.
    pub refused_at: Option<String>,
}

impl Access {
    /// Lists the fields of a document that can be decided for the caller, in its order.
    ///
    /// # Errors
    /// When the document as a whole is refused, or has more fields than are listed.
    pub(crate) fn explain(
        &self,
        chosen: Chosen<'_>,
        variables: &Variables,
        caller: &Caller,
        limits: &Limits,
    ) -> Result<Vec<ExplainedField>, ServerError> {
        let everyone = Caller { held: Permissions::ALL, ..*caller };
        let boundless = Limits { cost: u64::MAX, refused_fields: u64::MAX, ..limits.clone() };
        let inputs = self.inputs(chosen, variables, everyone.held);
        let mut walk = Walk::new(inputs, chosen, &everyone, &boundless);
        if let Ok((root, _)) = walk.operation() {
            return Listing::of(&walk, root, caller.held);
        }
        // What stands below a refused field need not be valid. If it is not, the list ends at the refused field.
        let mut walk = Walk::new(self.inputs(chosen, variables, caller.held), chosen, caller, limits);
        let (root, _) = walk.operation()?;
        Listing::of(&walk, root, caller.held)
    }
}

struct Listing<'w, 'a> {
    walk: &'w Walk<'a>,
    held: Permissions,
    /// A set, because parents of different types may lead to the same field.
    fields: IndexSet<ExplainedField>,
    bytes: usize,
}

impl<'w, 'a> Listing<'w, 'a> {
    fn of(walk: &'w Walk<'a>, root: NodeId, held: Permissions) -> Result<Vec<ExplainedField>, ServerError> {
        let mut listing = Self { walk, held, fields: IndexSet::new(), bytes: 0 };
        listing.node(root, "", None)?;
        Ok(listing.fields.into_iter().collect())
    }

    /// Lists what is below `above`; `lost` is the refused field above it, if there is one.
    fn node(&mut self, node: NodeId, above: &str, lost: Option<&str>) -> Result<(), ServerError> {
        let walk = self.walk;
        for variant in &walk.nodes[node].variants {
            for entry in &variant.entries {
                let path = if above.is_empty() { entry.key.to_string() } else { format!("{above}.{}", entry.key) };
                let field = &walk.fields[entry.field].node;
                let mut outcomes: Vec<Option<String>> = Vec::new();
                for name in &variant.types {
                    let (needs, inputs) = walk.needs(name, field, self.held);
                    let refused = entry.refusal.is_some() || !self.held.contains(needs);
                    let refused_at = lost.map(ToOwned::to_owned).or_else(|| refused.then(|| path.clone()));
                    if !outcomes.contains(&refused_at) {
                        outcomes.push(refused_at.clone());
                    }
                    let missing = needs.minus(self.held);
                    let coordinate = format!("{name}.{}", field.name.node);
                    self.add(ExplainedField { path: path.clone(), coordinate, needs, missing, inputs, refused_at })?;
                }
                if let Some(child) = entry.child {
                    let objects = path + &"[]".repeat(entry.shape.levels());
                    for lost in outcomes {
                        self.node(child, &objects, lost.as_deref())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, field: ExplainedField) -> Result<(), ServerError> {
        let ExplainedField { path, coordinate, inputs, refused_at, .. } = &field;
        let texts = [path, coordinate].into_iter().chain(inputs).chain(refused_at);
        let bytes: usize = texts.map(String::len).sum();
        if self.fields.insert(field) {
            self.bytes += bytes;
        }
        let limit = self.walk.limits.expanded_selections;
        if self.fields.len() > limit {
            return Err(too_complex("fields to explain", self.fields.len(), limit, None));
        }
        if self.bytes > TEXT_BYTES {
            return Err(too_complex("bytes of paths to explain", self.bytes, TEXT_BYTES, None));
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// What a field of an object of this type needs with the arguments given to it, and the inputs that add to that.
    fn needs(&self, object: &Name, field: &Field, held: Permissions) -> (Permissions, Vec<String>) {
        let table = self.table();
        let object = table.type_named(object).unwrap_or_default();
        let Some(definition) = table.field(object, &field.name.node) else {
            return (self.typename_needs(object, held), Vec::new());
        };
        let inputs = self.labelled_inputs(field, definition).into_iter().map(|input| &table.inputs[input]);
        inputs.fold((definition.need, Vec::new()), |(needs, mut names), input| {
            names.push(input.coordinate.clone());
            (needs | input.need, names)
        })
    }

    /// Any field tells that its object exists; this is the way that is open, or else the one a refusal names.
    fn typename_needs(&self, object: TypeId, held: Permissions) -> Permissions {
        let ways = &self.table().types[object].typename;
        let open = ways.iter().find(|need| held.contains(**need));
        open.or(ways.first()).copied().unwrap_or(Permissions::NOBODY)
    }

    /// The labelled inputs given to a field, as far as each needs something that the ones before do not: asked for as
    /// somebody who holds nothing, and then, again and again, as one who holds what was lacking.
    fn labelled_inputs(&self, field: &Field, definition: &FieldDef) -> Vec<InputId> {
        let mut found = Vec::new();
        let mut asking = Inputs { held: Permissions::NONE, ..self.inputs };
        while let Ok(Some(input)) = asking.refused(field, definition) {
            asking.held = asking.held | self.table().inputs[input].need;
            found.push(input);
        }
        found
    }
}
