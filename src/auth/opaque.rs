use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::kernel::HospitalId;
use crate::keys::random_secret;

const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;

/// What every opaque credential is made of: a prefix that names its kind and, in base64, the hospital, an id there, a
/// secret of 256 bits and a checksum.
///
/// The hospital stands in the credential so that it is looked up inside that hospital's wall, like everything else. The
/// prefix lets people and secret scanners know it when they see it. The checksum tells a mistyped credential from a wrong
/// one without asking the database; it protects nothing.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Opaque {
    pub(super) hospital_id: HospitalId,
    pub(super) id: Uuid,
    pub(super) secret: [u8; SECRET_BYTES],
}

impl Opaque {
    /// One with a new secret.
    pub(super) fn random(hospital_id: HospitalId, id: Uuid) -> Self {
        Self { hospital_id, id, secret: random_secret() }
    }

    /// Reads one as it is sent; `None` when it is none of this kind.
    pub(super) fn parse(prefix: &str, text: &str) -> Option<Self> {
        let body = decode(prefix, text)?;
        let (hospital, rest) = body.split_first_chunk::<16>()?;
        let (id, secret) = rest.split_first_chunk::<16>()?;
        Some(Self {
            hospital_id: HospitalId(Uuid::from_bytes(*hospital)),
            id: Uuid::from_bytes(*id),
            secret: secret.try_into().ok()?,
        })
    }

    /// The text to send.
    pub(super) fn reveal(&self, prefix: &str) -> String {
        encode(prefix, &[self.hospital_id.0.as_bytes(), self.id.as_bytes(), &self.secret[..]].concat())
    }

    /// What is stored of it. The secret has 256 random bits, so a fast hash is enough (OWASP ASVS 5.0, 11.4.2 asks for a
    /// slow one only for what people choose).
    pub(super) fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

/// Prefix, body and checksum as one text.
pub(super) fn encode(prefix: &str, body: &[u8]) -> String {
    format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode([body, &checksum(body)].concat()))
}

/// The body of a text that [`encode`] made.
pub(super) fn decode(prefix: &str, text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
    (checksum(body) == sum).then(|| body.to_vec())
}

fn checksum(body: &[u8]) -> Vec<u8> {
    Sha256::digest(body)[..CHECKSUM_BYTES].to_vec()
}
