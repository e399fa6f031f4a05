//! What a document costs: one for each field it may resolve, times the size of every page above that field.

use async_graphql::{Pos, ServerError, Value, parser::types::Field};
use async_graphql_value::Value as Literal;

use super::{
    Limits, refusal,
    table::{FieldDef, Kind, PRIVATE_TYPENAME, Table, TypeId},
};

/// Arguments whose value multiplies what is below their field.
const PAGE_ARGUMENTS: [&str; 3] = ["first", "last", "ids"];

pub(super) fn is_page_argument(name: &str) -> bool {
    PAGE_ARGUMENTS.contains(&name)
}

/// Whether the elements of a page hang below this field of a connection; its other fields exist once.
pub(super) fn is_page_of_elements(name: &str) -> bool {
    matches!(name, "edges" | "nodes")
}

/// Whether this is a connection: a page whose elements hang below `edges` or `nodes`.
pub(super) fn is_connection(table: &Table, ty: TypeId) -> bool {
    let Kind::Composite(fields) = &table.types[ty].kind else {
        return false;
    };
    fields.contains_key("pageInfo") && (fields.contains_key("edges") || fields.contains_key("nodes"))
}

/// How many elements this value of a page argument asks for; `None` when it asks for no certain number.
pub(super) fn size(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => Some(number.as_u64().unwrap_or(0)),
        Value::List(items) => Some(items.len() as u64),
        _ => None,
    }
}

/// How many elements one answer of this field may hold. A page without a size counts as `default`.
pub(super) fn multiplier(
    field: &Field,
    definition: &FieldDef,
    connection: bool,
    default: u64,
    variable: impl Fn(&str) -> Option<u64>,
) -> u64 {
    let sizes = PAGE_ARGUMENTS.iter().filter_map(|name| {
        let argument = definition.arguments.get(*name)?;
        let given = match field.get_argument(name).map(|value| &value.node) {
            Some(Literal::Variable(name)) => variable(name),
            Some(Literal::List(items)) => Some(items.len() as u64),
            Some(Literal::Number(number)) => Some(number.as_u64().unwrap_or(0)),
            _ => None,
        };
        Some(given.or_else(|| argument.default.as_ref().and_then(size)))
    });
    let sizes: Vec<Option<u64>> = sizes.collect();
    match sizes.iter().flatten().max() {
        Some(largest) => *largest,
        None if sizes.is_empty() && !connection => 1,
        None => default,
    }
}

/// How many fields an answer holds, before refused ones are put back into it: what the document has cost after all.
pub fn fields_of(answer: &Value) -> u64 {
    match answer {
        Value::Object(fields) => {
            let asked = fields.iter().filter(|(name, _)| *name != PRIVATE_TYPENAME);
            asked.map(|(_, value)| 1 + fields_of(value)).sum()
        }
        Value::List(items) => items.iter().map(fields_of).sum(),
        _ => 0,
    }
}

/// What an answer, or one object of it, may hold at most.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    /// Fields that run.
    pub(super) cost: u64,
    /// Fields that come back refused. They are no work to run, but each is an error to write.
    refused: u64,
}

impl Size {
    pub(super) fn of_field(is_refused: bool) -> Self {
        Self { cost: u64::from(!is_refused), refused: u64::from(is_refused) }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let refused = self.refused.saturating_add(other.refused);
        Self { cost: self.cost.saturating_add(other.cost), refused }
    }

    pub(super) fn times(self, times: u64) -> Self {
        Self { cost: self.cost.saturating_mul(times), refused: self.refused.saturating_mul(times) }
    }

    /// The greater of each: an object is of one type only.
    pub(super) fn max(self, other: Self) -> Self {
        Self { cost: self.cost.max(other.cost), refused: self.refused.max(other.refused) }
    }

    pub(super) fn check(self, limits: &Limits, pos: Pos) -> Result<(), ServerError> {
        let Self { cost, refused } = self;
        let (found, limit, message) = if cost > limits.cost {
            let limit = limits.cost;
            (cost, limit, format!("The document costs {cost}, more than the limit of {limit}; ask for smaller pages."))
        } else if refused > limits.refused_fields {
            let limit = limits.refused_fields;
            let advice = "leave them out or ask for smaller pages";
            (
                refused,
                limit,
                format!(
                    "The document asks for {refused} fields you may not read, more than the limit of {limit}; {advice}."
                ),
            )
        } else {
            return Ok(());
        };
        let mut error = refusal::refuse(refusal::TOO_COMPLEX, message, pos);
        if let Some(extensions) = &mut error.extensions {
            extensions.set("cost", found);
            extensions.set("limit", limit);
        }
        Err(error)
    }
}
