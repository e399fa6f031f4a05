//! Text from outside: one form of Unicode, nothing invisible that changes how a record reads.

use unicode_normalization::UnicodeNormalization;

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextProblem {
    /// Nothing but white space.
    Blank,
    /// More characters than allowed.
    TooLong,
    /// A control character, or one that overrides the direction of writing.
    Forbidden,
}

/// A text of one line: no control characters at all.
///
/// # Errors
/// When it is blank, longer than `max` characters, or holds a forbidden character.
pub fn line(text: &str, max: usize) -> Result<String, TextProblem> {
    clean(text, max, |_| false)
}

/// A text of several lines: line breaks and tabs are allowed.
///
/// # Errors
/// As [`line()`].
pub fn paragraph(text: &str, max: usize) -> Result<String, TextProblem> {
    clean(text, max, |c| matches!(c, '\n' | '\r' | '\t'))
}

/// An e-mail address in the one form that is kept and looked up: lower case, at most 254 characters.
///
/// # Errors
/// As [`line()`].
pub fn address(text: &str) -> Result<String, TextProblem> {
    // First to lower case: that can take a letter apart, and make the text longer.
    line(&text.to_lowercase(), 254)
}

fn clean(text: &str, max: usize, allowed: impl Fn(char) -> bool) -> Result<String, TextProblem> {
    if text.chars().any(|c| is_forbidden(c) && !allowed(c)) {
        return Err(TextProblem::Forbidden);
    }
    let text: String = text.trim().nfc().collect();
    if text.is_empty() {
        return Err(TextProblem::Blank);
    }
    if text.chars().count() > max {
        return Err(TextProblem::TooLong);
    }
    Ok(text)
}

/// Control characters, and the bidirectional embeddings, overrides and isolates (Unicode UAX #9), with which a text can
/// be made to read as something it does not say (CVE-2021-42574). The marks U+200E and U+200F stay: names need them.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_script_and_lose_nothing_but_the_margin() {
        assert_eq!(line(" Ngô Thị Ánh ", 100).unwrap(), "Ngô Thị Ánh");
        assert_eq!(line("e\u{301}", 1).unwrap(), "é");
        assert_eq!(line("محمد", 100).unwrap(), "محمد");
        assert_eq!(line("   ", 100), Err(TextProblem::Blank));
        assert_eq!(line(&"ü".repeat(101), 100), Err(TextProblem::TooLong));
        for bad in ["a\0", "a\u{1b}[31m", "a\u{202E}b", "a\nb", "a\u{2066}b"] {
            assert_eq!(line(bad, 100), Err(TextProblem::Forbidden), "{bad:?}");
        }
        assert_eq!(paragraph("one\n\ttwo", 100).unwrap(), "one\n\ttwo");
        assert_eq!(paragraph("one\0", 100), Err(TextProblem::Forbidden));
    }

    #[test]
    fn an_address_has_one_form_however_it_is_typed() {
        for typed in ["J\u{30c}@x.example", " j\u{30c}@X.EXAMPLE ", "ǰ@x.example"] {
            assert_eq!(address(typed).unwrap(), "ǰ@x.example");
        }
        assert_eq!(address(&"İ".repeat(128)), Err(TextProblem::TooLong), "two characters each in lower case");
    }
}
