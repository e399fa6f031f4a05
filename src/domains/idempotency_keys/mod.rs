//! Idempotency keys: a creation that is sent again makes nothing new.
//!
//! The key is written in the transaction of the creation, so both last or neither does. Of requests with the same key at
//! the same time, PostgreSQL lets one through; the others wait, then find what it made. Keys belong to the member of staff
//! who sent them and are kept.

mod repo;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::AppError;
use crate::graphql::{Fail, UserError, UserErrorCode};
use crate::kernel::text;
use crate::tenancy::{HospitalScope, WriteTx};

/// What a key says about a creation.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is new: go on.
    New,
    /// It was done before, and made this.
    Done(Uuid),
}

/// Claims `key` for a creation that is going to make `new_id` from `input`.
///
/// `input` is any text that is the same for the same input; of a password it must hold nothing.
///
/// # Errors
/// When the key is malformed, or was used for something else.
pub async fn claim(
    scope: &HospitalScope,
    tx: &WriteTx,
    mutation: &'static str,
    key: Option<&str>,
    input: &str,
    new_id: Uuid,
) -> Result<Claim, Fail> {
    let Some(key) = key else { return Ok(Claim::New) };
    let problem = |code, message: &str| Fail::from(UserError::new(code, &["idempotencyKey"], message));
    let key = text::line(key, 255)
        .map_err(|_| problem(UserErrorCode::Invalid, "idempotencyKey must have 1 to 255 printable characters."))?;
    let staff = scope.staff_id()?;
    let hash = Sha256::digest(input.as_bytes()).to_vec();
    if repo::insert(tx, scope.hospital_id(), staff, &key, mutation, &hash, new_id, scope.clock.now()).await? {
        return Ok(Claim::New);
    }
    let row = repo::find(tx, scope.hospital_id(), staff, &key).await?;
    let row = row.ok_or_else(|| AppError::internal("an idempotency key exists and cannot be read"))?;
    if row.mutation == mutation && row.input_hash == hash {
        return Ok(Claim::Done(row.created_id));
    }
    Err(problem(
        UserErrorCode::IdempotencyKeyReused,
        "This idempotency key was used with another input. Use a new key for a new creation.",
    ))
}
