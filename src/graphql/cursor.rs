use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::error::AppError;
use crate::kernel::HospitalId;
use crate::keys::{Keys, Sealer};
use crate::tenancy::SortKey;

/// Makes and reads cursors.
///
/// A cursor holds the sort key of a row, sealed: nobody can read a name or a time out of it, change it, or use it in another
/// hospital or on a list sorted otherwise. The cursor of a row is the same each time, until another key is promoted.
#[derive(Debug)]
pub struct Cursors(Sealer);

impl Cursors {
    /// Cursors sealed with these keys.
    pub fn new(keys: &Keys) -> Self {
        Self(keys.sealer("cursors"))
    }

    /// The cursor of a row in the list that `list` names, sort included.
    pub fn seal(&self, hospital: HospitalId, list: &str, key: &SortKey) -> String {
        let plain = serde_json::to_vec(key).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode(self.0.seal(&binding(hospital, list), &plain))
    }

    /// The sort key behind a cursor.
    ///
    /// # Errors
    /// When the cursor was not given out for this list in this hospital.
    pub fn open(&self, hospital: HospitalId, list: &str, cursor: &str) -> Result<SortKey, AppError> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
        let plain = sealed.and_then(|sealed| self.0.open(&binding(hospital, list), &sealed));
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
