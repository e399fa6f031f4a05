use std::fmt;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::error::AppError;
use crate::kernel::HospitalId;
use crate::tenancy::SortKey;

/// Makes and reads cursors.
///
/// A cursor holds the sort key of a row, sealed with AES-GCM-SIV (RFC 8452): nobody can read a name or a time out of it,
/// change it, or use it in another hospital or on a list sorted otherwise. The nonce is fixed, which this cipher permits:
/// it makes the cursor of a row the same each time, and shows nothing but that.
pub struct Cursors(Aes256GcmSiv);

impl Cursors {
    /// Cursors sealed with `secret`.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Aes256GcmSiv::new(&secret.into()))
    }

    /// The cursor of a row in the list that `list` names, sort included.
    pub fn seal(&self, hospital: HospitalId, list: &str, key: &SortKey) -> String {
        let plain = serde_json::to_vec(key).unwrap_or_default();
        let payload = Payload { msg: &plain, aad: &binding(hospital, list) };
        BASE64_URL_SAFE_NO_PAD.encode(self.0.encrypt(&Nonce::default(), payload).unwrap_or_default())
    }

    /// The sort key behind a cursor.
    ///
    /// # Errors
    /// When the cursor was not given out for this list in this hospital.
    pub fn open(&self, hospital: HospitalId, list: &str, cursor: &str) -> Result<SortKey, AppError> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
        let plain = sealed.and_then(|sealed| {
            self.0.decrypt(&Nonce::default(), Payload { msg: &sealed, aad: &binding(hospital, list) }).ok()
        });
        plain.and_then(|plain| serde_json::from_slice(&plain).ok()).ok_or_else(|| {
            AppError::bad_input(
                "This cursor does not belong to this list. Use a cursor from a page of the same list in the same order, \
                 or leave it out to begin at the start.",
            )
        })
    }
}

fn binding(hospital: HospitalId, list: &str) -> Vec<u8> {
    [hospital.0.as_bytes(), list.as_bytes()].concat()
}

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursors")
    }
}
