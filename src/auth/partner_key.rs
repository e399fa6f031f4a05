use std::fmt;

use sha2::{Digest, Sha256};

use super::opaque::Opaque;
use crate::kernel::{HospitalId, PartnerKeyId};

/// What every key begins with.
const PREFIX: &str = "plk_";

/// A partner's key: `plk_`, the hospital, the key's id, a secret of 256 bits and a checksum.
#[derive(Clone, PartialEq, Eq)]
pub struct PartnerKey {
    /// The hospital that it opens.
    pub hospital_id: HospitalId,
    /// Its id.
    pub id: PartnerKeyId,
    inner: Opaque,
}

impl PartnerKey {
    /// A new key.
    pub fn random(hospital_id: HospitalId, id: PartnerKeyId) -> Self {
        Self::of(Opaque::random(hospital_id, id.0))
    }

    /// The key whose secret is made of `seed`: for demo data, where it must be known.
    pub fn with_secret(hospital_id: HospitalId, id: PartnerKeyId, seed: &[u8]) -> Self {
        Self::of(Opaque { hospital_id, id: id.0, secret: Sha256::digest(seed).into() })
    }

    fn of(inner: Opaque) -> Self {
        Self { hospital_id: inner.hospital_id, id: PartnerKeyId(inner.id), inner }
    }

    /// Whether a credential means to be a key, right or wrong.
    pub fn is_meant(credential: &str) -> bool {
        credential.starts_with(PREFIX)
    }

    /// Reads a key as it is sent; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        Opaque::parse(PREFIX, text).map(Self::of)
    }

    /// The key as it is sent. To be shown once.
    pub fn reveal(&self) -> String {
        self.inner.reveal(PREFIX)
    }

    /// What is stored of it.
    pub fn secret_hash(&self) -> [u8; 32] {
        self.inner.secret_hash()
    }
}

impl fmt::Debug for PartnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartnerKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_key_is_read_back_and_a_mistyped_one_is_not() {
        let key = PartnerKey::random(HospitalId(Uuid::now_v7()), PartnerKeyId(Uuid::now_v7()));
        let text = key.reveal();
        assert_eq!(PartnerKey::parse(&text), Some(key.clone()));
        assert!(!format!("{key:?}").contains(&text[40..]));
        for index in PREFIX.len()..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[index] = if wrong[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(PartnerKey::parse(&String::from_utf8(wrong).unwrap()), None, "{index}");
        }
        for wrong in ["", "plk_", "plk_AAAA", &text[4..], &text[..text.len() - 1], &format!("{text}A")] {
            assert_eq!(PartnerKey::parse(wrong), None, "{wrong}");
        }
    }
}
