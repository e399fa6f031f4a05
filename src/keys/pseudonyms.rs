use std::fmt;

use sha2::{Digest, Sha256};

use super::Sealer;

/// Gives people, addresses and whatever else is counted names that say nothing without the keys: for keys of counters.
///
/// Servers with the same keys give the same names, and so count together. With another sealing key everything has another
/// name, and counters begin again.
#[derive(Clone)]
pub struct Pseudonyms(Sealer);

impl Pseudonyms {
    pub(super) fn new(sealer: Sealer) -> Self {
        Self(sealer)
    }

    /// The name of what these parts say together. Other parts have another name, also when they make the same text.
    pub fn name(&self, parts: &[&str]) -> [u8; 32] {
        let parts = parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes(), part.as_bytes()].concat());
        // Sealing the same text twice gives the same, and nothing of it can be known without the key.
        Sha256::digest(self.0.seal(b"", &parts.collect::<Vec<u8>>())).into()
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms")
    }
}

#[cfg(test)]
mod tests {
    use crate::keys::Keys;

    #[test]
    fn a_name_depends_on_the_keys_the_purpose_and_each_part() {
        let keys = Keys::random();
        let names = keys.pseudonyms("one");
        assert_eq!(names.name(&["a", "b"]), keys.pseudonyms("one").name(&["a", "b"]));
        for other in [&["ab"][..], &["a", "b", ""], &["", "ab"], &["b", "a"], &[]] {
            assert_ne!(names.name(&["a", "b"]), names.name(other));
        }
        assert_ne!(names.name(&["a"]), keys.pseudonyms("other").name(&["a"]));
        assert_ne!(names.name(&["a"]), Keys::random().pseudonyms("one").name(&["a"]));
    }
}
