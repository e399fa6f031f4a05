//! Looks at the raw text of a document before any parser does.
//!
//! The parser reads nested input values by recursion without a bound, so a few kilobytes of brackets end the process
//! in a way nothing can catch. One pass over the bytes stops that, and bounds the parser's work besides. It lexes
//! strings, block strings and comments, so that brackets inside them are not counted and quotes inside comments hide
//! nothing. Wherever it could read a document differently from the parser it errs on the strict side: what is not
//! closed is refused.

use std::fmt;

use async_graphql::{Pos, ServerError};

use crate::access;

/// The bounds of a raw document.
#[derive(Clone, Debug)]
pub struct ScanLimits {
    /// Length of the text.
    pub bytes: usize,
    /// Names, numbers, strings and punctuators.
    pub tokens: usize,
    /// Brackets, braces and parentheses open at once.
    pub nesting: usize,
    /// `...`, whether before a name or an inline fragment.
    pub spreads: usize,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self { bytes: 16 * 1_024, tokens: 2_000, nesting: 32, spreads: 64 }
    }
}

/// Why a raw document is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// What was found.
    pub kind: ScanErrorKind,
    /// Where it was found; `None` for the length of the whole.
    pub pos: Option<Pos>,
}

/// What a scan refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanErrorKind {
    /// Longer than this many bytes.
    Bytes(usize),
    /// More tokens than this.
    Tokens(usize),
    /// Nested deeper than this.
    Nesting(usize),
    /// More spreads than this.
    Spreads(usize),
    /// A string or block string that does not end.
    Unclosed,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ScanErrorKind::Bytes(limit) => {
                write!(f, "The document is longer than the limit of {limit} bytes.")
            }
            ScanErrorKind::Tokens(limit) => {
                write!(f, "The document has more tokens than the limit of {limit}.")
            }
            ScanErrorKind::Nesting(limit) => write!(f, "The document nests deeper than the limit of {limit} levels."),
            ScanErrorKind::Spreads(limit) => {
                write!(f, "The document has more fragment spreads than the limit of {limit}.")
            }
            ScanErrorKind::Unclosed => f.write_str("The document has a string that does not end."),
        }
    }
}

impl std::error::Error for ScanError {}

impl From<ScanError> for ServerError {
    fn from(error: ScanError) -> Self {
        let code = match error.kind {
            ScanErrorKind::Unclosed => access::PARSE_FAILED,
            _ => access::TOO_COMPLEX,
        };
        access::refuse(code, error.to_string(), error.pos)
    }
}

/// Checks a raw document against its limits.
///
/// # Errors
/// When the document is beyond a limit, or has a string that does not end.
pub fn scan(document: &str, limits: &ScanLimits) -> Result<(), ScanError> {
    if document.len() > limits.bytes {
        return Err(ScanError { kind: ScanErrorKind::Bytes(limits.bytes), pos: None });
    }
    measure(document.as_bytes(), limits)
        .map(|_depth| ())
        .map_err(|(kind, at)| ScanError { kind, pos: Some(position(document, at)) })
}

/// The greatest nesting of the document, which tests hold against the parser's tree.
fn measure(bytes: &[u8], limits: &ScanLimits) -> Result<usize, (ScanErrorKind, usize)> {
    let (mut at, mut tokens, mut spreads, mut depth, mut deepest) = (0, 0, 0, 0_usize, 0);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => continue,
            b'#' => {
                at = skip_while(bytes, at, |byte| !matches!(byte, b'\n' | b'\r'));
                continue;
            }
            b'"' => at = string_end(bytes, start).ok_or((ScanErrorKind::Unclosed, start))?,
            b'{' | b'[' | b'(' => {
                depth += 1;
                deepest = deepest.max(depth);
                if depth > limits.nesting {
                    return Err((ScanErrorKind::Nesting(limits.nesting), start));
                }
            }
            // One too many must not make room for more.
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'.' if bytes[at..].starts_with(b"..") => {
                at += 2;
                spreads += 1;
                if spreads > limits.spreads {
                    return Err((ScanErrorKind::Spreads(limits.spreads), start));
                }
            }
            byte if is_word(byte) => at = skip_while(bytes, at, is_word),
            _ => {}
        }
        tokens += 1;
        if tokens > limits.tokens {
            return Err((ScanErrorKind::Tokens(limits.tokens), start));
        }
    }
    Ok(deepest)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn skip_while(bytes: &[u8], from: usize, skip: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|byte| !skip(*byte)).map_or(bytes.len(), |length| from + length)
}

/// Where the string that starts at `start` ends.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let is_block = bytes[start..].starts_with(b"\"\"\"");
    let mut at = start + if is_block { 3 } else { 1 };
    loop {
        let rest = bytes.get(at..)?;
        match rest.first()? {
            b'\\' if is_block => at += if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 },
            b'\\' => at += 2,
            b'"' if !is_block => return Some(at + 1),
            b'"' if rest.starts_with(b"\"\"\"") => return Some(at + 3),
            b'\n' | b'\r' if !is_block => return None,
            _ => at += 1,
        }
    }
}

fn position(document: &str, at: usize) -> Pos {
    let before = &document.as_bytes()[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    Pos { line, column }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::{
        parse_query,
        types::{ExecutableDocument, Selection, SelectionSet},
    };
    use async_graphql_value::Value;

    use super::*;

    fn refused(document: &str) -> Option<ScanErrorKind> {
        scan(document, &ScanLimits::default()).err().map(|error| error.kind)
    }

    #[test]
    fn each_limit_is_named_with_its_value() {
        let cases = [
            ("x".repeat(16_385), "The document is longer than the limit of 16384 bytes."),
            (format!("{{ {} }}", "a ".repeat(2_000)), "The document has more tokens than the limit of 2000."),
            (format!("{{ a(x: {}", "[".repeat(31)), "The document nests deeper than the limit of 32 levels."),
            (format!("{{ {} }}", "...F ".repeat(65)), "The document has more fragment spreads than the limit of 64."),
            ("{ a(x: \"".to_owned(), "The document has a string that does not end."),
        ];
        for (document, message) in cases {
            let error = scan(&document, &ScanLimits::default()).expect_err(message);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn documents_that_would_end_the_process_are_refused() {
        for (open, close) in [("[", "]"), ("{a:", "}"), ("[{a:", "}]")] {
            let document = format!("{{ a(x: {}1{}) }}", open.repeat(1_700), close.repeat(1_700));
            assert!(matches!(refused(&document), Some(ScanErrorKind::Nesting(32))), "{open}");
        }
        let selections = format!("{}{}", "{ a ".repeat(1_000), "}".repeat(1_000));
        let types = format!("query($a: {}Int{}) {{ a }}", "[".repeat(1_000), "]".repeat(1_000));
        for document in [selections, types, "{ ...".repeat(500)] {
            assert!(refused(&document).is_some(), "{document}");
        }
    }

    #[test]
    fn strings_and_comments_hide_no_brackets_and_count_none() {
        let deep = "[".repeat(40);
        for hidden in [
            format!("{{ a(x: \"{deep}\") }}"),
            format!("{{ a(x: \"\\\"{deep}\") }}"),
            format!("{{ a(x: \"\"\"{deep} \" \\\"\"\" {deep}\"\"\") }}"),
            format!("# {deep} \"\n{{ a }}"),
            format!("{{ a }} # \"\"\" {deep}"),
        ] {
            assert_eq!(refused(&hidden), None, "{hidden}");
        }
        for shown in [
            format!("# \"\n{{ a(x: {deep}"),
            format!("# \"\r{{ a(x: {deep}"),
            format!("{{ a(x: \"\", y: {deep}"),
            format!("{{ a(x: \"\"\"\"\"\", y: {deep}"),
            format!("{{ a(x: \"\\\\\", y: {deep}"),
            format!("}}}}}}}}{deep}"),
        ] {
            assert_eq!(refused(&shown), Some(ScanErrorKind::Nesting(32)), "{shown}");
        }
        for unclosed in ["{ a(x: \"\n\") }", "{ a(x: \"\"\") }", "{ a(x: \"\\", "{ a(x: \"\"\"\\\"\"\") }"] {
            assert_eq!(refused(unclosed), Some(ScanErrorKind::Unclosed), "{unclosed}");
        }
    }

    #[test]
    fn a_refusal_tells_its_place() {
        let error = scan("{\n  é(x: \"", &ScanLimits::default()).expect_err("unclosed");
        assert_eq!(error.pos, Some(Pos { line: 2, column: 8 }));
    }

    /// The deepest nesting of brackets the parser saw.
    fn tree_depth(document: &ExecutableDocument) -> usize {
        let value = |value: &Value| {
            let (mut open, mut deepest) = (vec![(value, 0)], 0);
            while let Some((value, depth)) = open.pop() {
                deepest = deepest.max(depth);
                match value {
                    Value::List(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
                    Value::Object(fields) => open.extend(fields.values().map(|field| (field, depth + 1))),
                    _ => {}
                }
                // An empty list or object is a bracket too.
                deepest = deepest.max(depth + usize::from(matches!(value, Value::List(_) | Value::Object(_))));
            }
            deepest
        };
        fn set_depth(set: &SelectionSet, value: &impl Fn(&Value) -> usize) -> usize {
            let below = set.items.iter().map(|selection| {
                let directives = selection.node.directives().iter().flat_map(|directive| &directive.node.arguments);
                let given = |(_, given): &(_, async_graphql::Positioned<Value>)| 1 + value(&given.node);
                let directives = directives.map(given).max().unwrap_or(0);
                let (arguments, inner) = match &selection.node {
                    Selection::Field(field) => {
                        let arguments = field.node.arguments.iter().map(given).max().unwrap_or(0);
                        let items = &field.node.selection_set.node;
                        (arguments, if items.items.is_empty() { 0 } else { set_depth(items, value) })
                    }
                    Selection::InlineFragment(fragment) => (0, set_depth(&fragment.node.selection_set.node, value)),
                    Selection::FragmentSpread(_) => (0, 0),
                };
                directives.max(arguments).max(inner)
            });
            1 + below.max().unwrap_or(0)
        }
        let operations =
            document.operations.iter().map(|(_, operation)| set_depth(&operation.node.selection_set.node, &value));
        let fragments =
            document.fragments.values().map(|fragment| set_depth(&fragment.node.selection_set.node, &value));
        operations.chain(fragments).max().unwrap_or(0)
    }

    /// The direction that matters: the scan may count more than the parser builds, never less.
    #[test]
    fn the_scan_never_counts_less_than_the_parser_builds() {
        const PARTS: [&str; 24] = [
            "{", "}", "[", "]", "(", ")", "\"", "\"\"\"", "\\", "\\\"\"\"", "#", "\n", "\r", " ", ",", "a", "x:",
            "...", "on T", "@d(x:1)", "$v", "é", "\u{feff}", "1.5",
        ];
        const SEEDS: [&str; 5] = [
            "{ a(x: [1, {b: [2]}]) { c ... on T @d(x: {y: 1}) { e } } }",
            "query Q($v: [Int!] = [1]) { a(x: \"s\", y: \"\"\"block \\\"\"\" \"quoted\" \"\"\") # note \"\n { b } }",
            "{ a(x: \"\\\"[\", y: [\"]\"]) } # { [ (",
            "fragment F on T { a(x: {}) } { ...F a(x: []) }",
            "{ a(x: \"\"\"\"\"\", y: \"\") { b(z: [[[]]]) } }",
        ];
        let open = ScanLimits { bytes: usize::MAX, tokens: usize::MAX, nesting: usize::MAX, spreads: usize::MAX };
        let mut state: u64 = 0x2545_F491_4F6C_DD1D;
        let mut roll = |sides: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % sides as u64).expect("a small number")
        };
        let mut accepted = 0;
        for _ in 0..30_000 {
            let mut text: Vec<char> = SEEDS[roll(SEEDS.len())].chars().collect();
            for _ in 0..=roll(3) {
                let at = roll(text.len() + 1);
                let end = (at + roll(4)).min(text.len());
                let part = if roll(3) == 0 { "" } else { PARTS[roll(PARTS.len())] };
                text.splice(at..end, part.chars());
            }
            let text: String = text.into_iter().collect();
            let Ok(document) = parse_query(&text) else { continue };
            accepted += 1;
            match measure(text.as_bytes(), &open) {
                Ok(depth) => assert!(depth >= tree_depth(&document), "{text}"),
                Err((kind, _)) => assert_eq!(kind, ScanErrorKind::Unclosed, "{text}"),
            }
        }
        assert!(accepted > 3_000, "only {accepted} of the documents parsed");
    }
}
