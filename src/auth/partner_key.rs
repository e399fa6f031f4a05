use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::kernel::{HospitalId, PartnerKeyId};

/// What every key begins with, so that people and secret scanners know it when they see it.
const PREFIX: &str = "plk_";
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;

/// A partner's key: `plk_` and, in base64, the hospital, the key's id, a secret of 256 bits and a checksum.
///
/// The hospital stands in the key so that it is looked up inside that hospital's wall, like everything else. The checksum
/// tells a mistyped key from a wrong one without asking the database; it protects nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PartnerKey {
    /// The hospital that it opens.
    pub hospital_id: HospitalId,
    /// Its id.
    pub id: PartnerKeyId,
    secret: [u8; SECRET_BYTES],
}

impl PartnerKey {
    /// A new key.
    pub fn random(hospital_id: HospitalId, id: PartnerKeyId) -> Self {
        // Three random UUIDs hold 366 random bits from the system's generator.
        let bits = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
        Self::with_secret(hospital_id, id, &bits.map(Uuid::into_bytes).concat())
    }

    /// The key whose secret is made of `seed`: for demo data, where it must be known.
    pub fn with_secret(hospital_id: HospitalId, id: PartnerKeyId, seed: &[u8]) -> Self {
        Self { hospital_id, id, secret: Sha256::digest(seed).into() }
    }

    /// Reads a key as it is sent; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        if checksum(body) != sum {
            return None;
        }
        let (hospital, rest) = body.split_first_chunk::<16>()?;
        let (id, secret) = rest.split_first_chunk::<16>()?;
        Some(Self {
            hospital_id: HospitalId(Uuid::from_bytes(*hospital)),
            id: PartnerKeyId(Uuid::from_bytes(*id)),
            secret: secret.try_into().ok()?,
        })
    }

    /// The key as it is sent. To be shown once.
    pub fn reveal(&self) -> String {
        let body = [self.hospital_id.0.as_bytes(), self.id.0.as_bytes(), &self.secret[..]].concat();
        let sum = checksum(&body);
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode([body, sum].concat()))
    }

    /// What is stored of it. The secret has 256 random bits, so a fast hash is enough.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

fn checksum(body: &[u8]) -> Vec<u8> {
    Sha256::digest(body)[..CHECKSUM_BYTES].to_vec()
}

impl fmt::Debug for PartnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartnerKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
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
