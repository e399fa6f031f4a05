//! Documents by chance against the door for documents, `Documents::prepare`, and the answers that go back through it.
//!
//! An input of the fuzzer is either a document as it stands (it begins like text; what follows a NUL is its variables as
//! JSON), or bytes by which [`write`](mod@write) makes decisions while it writes a document: mostly valid by the real
//! schema, with something wrong or hostile here and there. So a change of a byte is a change of the document's structure,
//! and what the fuzzer keeps is what reached new code.
//!
//! [`check()`] holds each document against what must be true of every one, for several callers. `cargo test` runs the seeds
//! and some thousand documents; `fuzz/run` searches on, guided by coverage.

mod answer;
mod chance;
mod check;
mod hostile;
mod schema;
mod values;
mod write;

pub use check::check;

/// What somebody sends.
#[derive(Debug)]
struct Input {
    text: String,
    operation_name: Option<String>,
    variables: serde_json::Value,
}

impl Input {
    fn from_bytes(bytes: &[u8], schema: &schema::Schema) -> Self {
        if bytes.first().is_some_and(|first| first.is_ascii_graphic() || first.is_ascii_whitespace()) {
            Self::as_it_stands(bytes)
        } else {
            write::input(schema, chance::Chance::new(bytes.get(1..).unwrap_or_default()))
        }
    }

    fn as_it_stands(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (text, variables) = text.split_once('\0').unwrap_or((&text, ""));
        // With several operations one has to be named: whichever comes first.
        let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
        let named =
            words.find(|word| matches!(*word, "query" | "mutation" | "subscription")).and_then(|_| words.next());
        let is_one_of_several = text.matches("query ").count() + text.matches("mutation ").count() > 1;
        Self {
            text: text.to_owned(),
            operation_name: named.filter(|_| is_one_of_several).map(str::to_owned),
            variables: serde_json::from_str(variables).unwrap_or_default(),
        }
    }
}
