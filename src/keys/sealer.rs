use std::fmt;

use aes_gcm_siv::Nonce;
use aes_gcm_siv::aead::{Aead, Payload};

use super::Keys;
use super::ring::SHORT_ID;

/// Seals values for one purpose, so that somebody else can keep them and only this installation can read them.
///
/// A sealed value is four bytes that name the key, and the text under AES-256-GCM-SIV (RFC 8452). The nonce is fixed, which
/// this cipher permits: the same text sealed for the same place twice looks the same, and that is all that shows. Values
/// stay readable when another key is promoted, until theirs is retired.
#[derive(Clone)]
pub struct Sealer {
    keys: Keys,
    purpose: &'static str,
}

impl Sealer {
    pub(super) fn new(keys: Keys, purpose: &'static str) -> Self {
        Self { keys, purpose }
    }

    /// Seals a text. `binding` says where it belongs, a row's id for instance: it does not open anywhere else.
    pub fn seal(&self, binding: &[u8], plain: &[u8]) -> Vec<u8> {
        let ring = self.keys.ring();
        let (short, cipher) = ring.sealing();
        let payload = Payload { msg: plain, aad: &self.bound(binding) };
        // The cipher fails on texts of gigabytes only. An empty text opens to nothing.
        let sealed = cipher.encrypt(&Nonce::default(), payload).unwrap_or_default();
        [&short[..], &sealed].concat()
    }

    /// The text that was sealed for this purpose and place; `None` when it was not, or its key is gone.
    pub fn open(&self, binding: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (short, sealed) = sealed.split_at_checked(SHORT_ID)?;
        let ring = self.keys.ring();
        let payload = Payload { msg: sealed, aad: &self.bound(binding) };
        ring.opening(short)?.decrypt(&Nonce::default(), payload).ok()
    }

    fn bound(&self, binding: &[u8]) -> Vec<u8> {
        [b"patient-logger ", self.purpose.as_bytes(), b"\0", binding].concat()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({})", self.purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Key, KeyRing, KeyUse};

    #[test]
    fn a_value_opens_where_it_belongs_until_its_key_is_retired() {
        let ring = KeyRing::random(None);
        let old = ring.keys()[1].id().to_owned();
        let keys = Keys::new(ring);
        let sealer = keys.sealer("cursor");
        let sealed = sealer.seal(b"here", b"text");
        assert_eq!(sealed, sealer.seal(b"here", b"text"));
        assert!(!sealed.windows(4).any(|part| part == b"text"));
        let open = |sealed: &[u8]| sealer.open(b"here", sealed);
        assert_eq!(open(&sealed).as_deref(), Some(&b"text"[..]));
        assert_eq!(sealer.open(b"there", &sealed), None);
        assert_eq!(keys.sealer("other").open(b"here", &sealed), None);
        assert_eq!(Keys::random().sealer("cursor").open(b"here", &sealed), None, "another installation");
        for at in 0..sealed.len() {
            let mut wrong = sealed.clone();
            wrong[at] ^= 1;
            assert_eq!(open(&wrong), None, "{at}");
            assert_eq!(open(&sealed[..at]), None, "{at}");
        }

        let new = Key::random(KeyUse::Seal, None);
        let id = new.id().to_owned();
        keys.replace(keys.ring().with(new).and_then(|ring| ring.promoted(&id)).unwrap());
        assert_eq!(open(&sealed).as_deref(), Some(&b"text"[..]), "sealed before");
        let after = sealer.seal(b"here", b"text");
        assert_ne!(after, sealed);
        keys.replace(keys.ring().without(&old).unwrap());
        assert_eq!(open(&sealed), None);
        assert_eq!(open(&after).as_deref(), Some(&b"text"[..]));
    }
}
