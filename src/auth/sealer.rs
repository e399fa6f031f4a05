use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};

/// STAND-IN until the key ring lands.
#[derive(Clone)]
pub struct Sealer([u8; 32]);

impl Sealer {
    /// Stand-in.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Stand-in.
    pub fn seal(&self, binding: &[u8], plain: &[u8]) -> Vec<u8> {
        Aes256GcmSiv::new(&self.0.into())
            .encrypt(&Nonce::default(), Payload { msg: plain, aad: binding })
            .unwrap_or_default()
    }

    /// Stand-in.
    pub fn open(&self, binding: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        Aes256GcmSiv::new(&self.0.into()).decrypt(&Nonce::default(), Payload { msg: sealed, aad: binding }).ok()
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}
