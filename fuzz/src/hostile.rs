//! What is put into documents to break them.

use crate::chance::Chance;

/// Strings that are brackets, quotes, comments, or no text at all to some of those who read them.
pub(crate) const TEXTS: [&str; 14] = [
    "x",
    "",
    "a-1",
    "UGF0aWVudDox",
    "{ [ (",
    "} ] )",
    "\"",
    "\\",
    "\"\"\"",
    "# ",
    "\u{0}",
    "\u{200b}",
    "é\u{301}\u{1f469}\u{200d}\u{2695}",
    "\u{202e}fdp",
];

/// What may stand between any two tokens, or hide some.
const TRIVIA: [&str; 10] =
    [" ", "\n", ",", "\r", "\t", "# { [ ( \"\n", "# \"\"\" } ] )\r", "\u{feff}", "#\u{2028}\n", ", , ,\r\n"];

/// Pieces of the language where they do not belong.
const PIECES: [&str; 24] = [
    "{", "}", "[", "]", "(", ")", "\"", "\"\"\"", "\\", "$", "@", "...", ":", "=", "!", "&", "|", "on", "null",
    "fragment", "query", "-0.0e999", "\u{0}", "é",
];

/// What can be had without end; `{n}` becomes a number of its own each time.
const FLOODS: [&str; 22] = [
    "{ a",
    "[",
    "(x:",
    "{x:",
    "...F0 ",
    "... { ",
    "... on Query { ",
    "@include(if: true) ",
    "@x{n} ",
    "__typename ",
    "a{n}: __typename ",
    "viewer { id } ",
    "query Q{n} { __typename } ",
    "fragment X{n} on Query { __typename } ",
    "fragment F{n} on Query { ...F{n}1 ...F{n}1 } ",
    "$v{n}: Int ",
    "\"\\u0041\" ",
    "\"\"\"\\\"\"\" ",
    "# x\n",
    "1",
    "é",
    "patients(first: 100) { nodes { ",
];

/// Selections that are always there, whatever the schema.
pub(crate) const INTROSPECTION: [&str; 4] = [
    "__type(name: \"Query\") { name fields { name args { name type { name ofType { name ofType { name } } } } } }",
    "__schema { types { name kind fields(includeDeprecated: true) { name type { ofType { ofType { name } } } } } }",
    "__schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } }",
    "__schema { queryType { name } directives { name args { name defaultValue } } }",
];

/// One piece again and again.
pub(crate) fn flood(chance: &mut Chance<'_>) -> String {
    let piece = FLOODS[chance.roll(FLOODS.len())];
    let times = [2, 9, 31, 33, 65, 257, 1_000, 2_100][chance.roll(8)];
    (0..times).map(|at| piece.replace("{n}", &at.to_string())).collect()
}

/// Something between two tokens.
pub(crate) fn trivia(chance: &mut Chance<'_>) -> &'static str {
    if chance.once_in(16) { TRIVIA[chance.roll(TRIVIA.len())] } else { " " }
}

/// Does to the finished text what a hurried or hostile hand would.
pub(crate) fn spoil(chance: &mut Chance<'_>, text: &mut String) {
    let at = boundary(text, chance.roll(65_536) % (text.len() + 1));
    let end = boundary(text, at + chance.roll(48));
    match chance.roll(5) {
        0 => text.insert_str(at, PIECES[chance.roll(PIECES.len())]),
        1 => text.replace_range(at..end, ""),
        2 => text.truncate(at),
        3 => text.insert_str(at, &flood(chance)),
        _ => {
            let again = text[at..end].repeat([1, 2, 40][chance.roll(3)]);
            text.insert_str(end, &again);
        }
    }
}

/// The last place up to this one where a character begins or the text ends.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
