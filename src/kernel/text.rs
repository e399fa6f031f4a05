//! Text from outside: one form of Unicode, nothing invisible that changes how a record reads.

use unicode_normalization::UnicodeNormalization;

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextProblem {
    /// Nothing that can be seen.
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
    if text.chars().all(is_invisible) {
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

/// White space, and what is drawn as nothing: the default ignorable code points of Unicode (`DerivedCoreProperties.txt`) and
/// the empty Braille pattern. Names need some of them, such as the joiners; a name of nothing else is no name.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
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
    fn what_cannot_be_seen_is_blank_and_may_stand_between_letters() {
        for bad in ["", "\u{200b}", " \u{200d}\u{2060} ", "\u{3164}", "\u{ad}", "\u{2800}", "\u{e0041}"] {
            assert_eq!(line(bad, 100), Err(TextProblem::Blank), "{bad:?}");
            assert_eq!(paragraph(&format!("\n{bad}\t"), 100), Err(TextProblem::Blank), "{bad:?}");
        }
        for good in ["می\u{200c}خواهم", "👩\u{200d}⚕\u{fe0f}"] {
            assert_eq!(line(good, 100).unwrap(), good);
        }
    }

    /// Each character of the scripts and signs, and of ideographs and the like one in some hundred, at each place.
    #[test]
    fn what_is_accepted_is_in_one_form_and_is_accepted_again_as_it_is() {
        type Clean = fn(&str, usize) -> Result<String, TextProblem>;
        let clean: [Clean; 3] = [line, paragraph, |text, max| address(text).and_then(|text| line(&text, max))];
        let mut accepted = 0;
        let is_one_of_many =
            |c: char| matches!(c, '\u{3400}'..'\u{F900}' | '\u{1_0000}'.. ) && !(c as u32).is_multiple_of(509);
        for c in ('\0'..=char::MAX).filter(|c| !is_one_of_many(*c)) {
            for text in [format!("{c}"), format!("a{c}"), format!("{c}a"), format!("a{c}\u{301}")] {
                for (at, clean) in clean.iter().enumerate() {
                    let Ok(kept) = clean(&text, 6) else { continue };
                    accepted += 1;
                    assert!(unicode_normalization::is_nfc(&kept) && kept == kept.trim(), "{text:?}");
                    assert!(kept.chars().any(|c| !is_invisible(c)), "{text:?}");
                    assert!(!kept.chars().any(|c| is_forbidden(c) && (at != 1 || !c.is_whitespace())), "{text:?}");
                    assert_eq!(clean(&kept, 6).as_deref(), Ok(kept.as_str()), "{text:?}");
                }
            }
        }
        assert!(accepted > 150_000, "{accepted}");
    }

    #[test]
    fn an_address_has_one_form_however_it_is_typed() {
        for typed in ["J\u{30c}@x.example", " j\u{30c}@X.EXAMPLE ", "ǰ@x.example"] {
            assert_eq!(address(typed).unwrap(), "ǰ@x.example");
        }
        assert_eq!(address(&"İ".repeat(128)), Err(TextProblem::TooLong), "two characters each in lower case");
    }
}
