use std::fmt;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use sha2::{Digest, Sha256};

use super::opaque::Opaque;
use crate::kernel::{HospitalId, SessionId};

/// What every refresh token begins with.
const PREFIX: &str = "plr_";

/// A refresh token: `plr_`, the hospital, the session, a secret of 256 bits and a checksum. It is used once, for a new
/// access token and its successor (RFC 9700, 4.14.2, "refresh token rotation").
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The hospital of its session.
    pub hospital_id: HospitalId,
    /// The session that it prolongs.
    pub session_id: SessionId,
    inner: Opaque,
}

impl RefreshToken {
    /// A new token.
    pub fn random(hospital_id: HospitalId, session_id: SessionId) -> Self {
        Self::of(Opaque::random(hospital_id, session_id.0))
    }

    fn of(inner: Opaque) -> Self {
        Self { hospital_id: inner.hospital_id, session_id: SessionId(inner.id), inner }
    }

    /// Reads a token as it is sent; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        Opaque::parse(PREFIX, text).map(Self::of)
    }

    /// The token as it is sent.
    pub fn reveal(&self) -> String {
        self.inner.reveal(PREFIX)
    }

    /// What is stored of it.
    pub fn secret_hash(&self) -> [u8; 32] {
        self.inner.secret_hash()
    }

    /// The successor as it is stored beside this token: readable only with this token, of which only a hash is stored.
    pub fn seal(&self, child: &Self) -> Vec<u8> {
        let payload = Payload { msg: &child.inner.secret, aad: &self.binding() };
        // The cipher fails on texts of gigabytes only. An empty text opens to nothing.
        self.cipher().encrypt(&Nonce::default(), payload).unwrap_or_default()
    }

    /// The successor that [`RefreshToken::seal`] sealed; `None` when this is not its parent.
    pub fn open(&self, sealed: &[u8]) -> Option<Self> {
        let secret = self.cipher().decrypt(&Nonce::default(), Payload { msg: sealed, aad: &self.binding() }).ok()?;
        let secret = secret.try_into().ok()?;
        Some(Self::of(Opaque { hospital_id: self.hospital_id, id: self.session_id.0, secret }))
    }

    /// The key is used for one text, so a fixed nonce repeats nothing; and AES-GCM-SIV (RFC 8452) would bear it.
    fn cipher(&self) -> Aes256GcmSiv {
        let mut hash = Sha256::new();
        hash.update(b"patient-logger refresh token child v1\0");
        hash.update(self.inner.secret);
        let key: [u8; 32] = hash.finalize().into();
        Aes256GcmSiv::new(&key.into())
    }

    fn binding(&self) -> Vec<u8> {
        [self.hospital_id.0.as_bytes(), &self.session_id.0.as_bytes()[..]].concat()
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshToken({})", self.session_id)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::auth::PartnerKey;

    #[test]
    fn a_token_is_read_back_and_only_its_parent_opens_the_sealed_child() {
        let (hospital, session) = (HospitalId(Uuid::now_v7()), SessionId(Uuid::now_v7()));
        let parent = RefreshToken::random(hospital, session);
        let child = RefreshToken::random(hospital, session);
        assert_eq!(RefreshToken::parse(&parent.reveal()), Some(parent.clone()));
        assert_eq!(PartnerKey::parse(&parent.reveal()), None);
        assert!(!format!("{parent:?}").contains(&parent.reveal()[50..]));

        let sealed = parent.seal(&child);
        assert_eq!(parent.open(&sealed), Some(child.clone()));
        assert_eq!(child.open(&sealed), None);
        assert_eq!(parent.open(&[]), None);
        let other = RefreshToken::random(hospital, SessionId(Uuid::now_v7()));
        assert_eq!(other.open(&sealed), None);
    }
}
