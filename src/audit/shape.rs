use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Which fields an operation asks for, and which of those are refused: names of the schema, never values. Many events share
/// one, so it is stored once.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    id: Uuid,
    fields: Vec<String>,
    refused: Vec<String>,
}

impl Shape {
    /// The shape of these fields, each named as `Type.field` or as the labelled input that is refused.
    ///
    /// Its id is the first 16 bytes of SHA-256 over a text anybody can write down: the names of the fields that are given in
    /// the order of their bytes, each once and each followed by a line feed; an empty line; the names of those that are refused
    /// in the same way.
    pub fn new(fields: impl IntoIterator<Item = String>, refused: impl IntoIterator<Item = String>) -> Self {
        let (fields, refused) = (in_order(fields), in_order(refused));
        let mut hash = Sha256::new();
        for name in &fields {
            hash.update(name);
            hash.update("\n");
        }
        hash.update("\n");
        for name in &refused {
            hash.update(name);
            hash.update("\n");
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self { id: Uuid::from_bytes(id), fields, refused }
    }

    /// The id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> u64 {
        let names = self.fields.iter().chain(&self.refused);
        names.map(|name| (name.len() + size_of::<String>()) as u64).sum()
    }

    /// The fields that are given.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The fields and inputs that are refused.
    pub fn refused(&self) -> &[String] {
        &self.refused
    }
}

fn in_order(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_beginning_of_a_hash_that_anybody_can_compute() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let shape = Shape::new(names(&["Query.patients", "Patient.room", "Patient.room"]), names(&["Patient.phone"]));
        // printf 'Patient.room\nQuery.patients\n\nPatient.phone\n' | sha256sum | cut -c1-32
        assert_eq!(shape.id().simple().to_string(), "9d121e8af56e104f8a138a3c7d4cc9f7");
        assert_ne!(Shape::new(names(&["A.b"]), []).id(), Shape::new([], names(&["A.b"])).id());
    }
}
