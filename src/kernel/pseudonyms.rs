use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Gives people, addresses and whatever else is counted names that say nothing without its secret: for keys of counters.
#[derive(Clone)]
pub struct Pseudonyms(Arc<[u8; 32]>);

impl Pseudonyms {
    /// The same secret gives the same names, so servers that share one count together.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Arc::new(secret))
    }

    /// The name of what these parts say together. Other parts have another name, also when they make the same text.
    pub fn name(&self, parts: &[&str]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(*self.0);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_depends_on_the_secret_and_on_each_part() {
        let names = Pseudonyms::new([1; 32]);
        assert_eq!(names.name(&["a", "b"]), names.clone().name(&["a", "b"]));
        for other in [&["ab"][..], &["a", "b", ""], &["", "ab"], &["b", "a"]] {
            assert_ne!(names.name(&["a", "b"]), names.name(other));
        }
        assert_ne!(names.name(&["a", "b"]), Pseudonyms::new([2; 32]).name(&["a", "b"]));
    }
}
