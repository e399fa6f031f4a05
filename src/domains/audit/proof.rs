use async_graphql::SimpleObject;

use super::object::AuditEvent;
use super::repo::{EventRow, SealRow};
use crate::audit::{Hash, hex, leaf_record, path, sha256};
use crate::error::AppError;
use crate::graphql::label::access;
use crate::graphql::{Date, DateTime};
use crate::kernel::Permission;

/// That an event is in the chain of the hospital. `src/audit/format.md` of the service says how to check it; hashes and bytes are
/// hexadecimal.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ReadAudit))]
pub struct AuditProof {
    /// The event.
    event: AuditEvent,
    /// The bytes that stand for the event: a zero byte and the record of its columns.
    record: String,
    /// The hash of these bytes.
    leaf: String,
    /// The place of the leaf among those of the seal, from 0.
    index: usize,
    /// The hashes that lead from the leaf to the root of the seal.
    path: Vec<String>,
    /// The seal.
    seal: AuditSeal,
}

/// A link of the chain of the hospital.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = access::apply(Permission::ReadAudit))]
pub struct AuditSeal {
    /// Its number in the chain, from 1: a whole number in digits.
    no: String,
    /// The first day of the month of its events.
    month: Date,
    /// The first transaction of its window: a whole number in digits.
    from_xid: String,
    /// The first transaction behind its window: a whole number in digits.
    to_xid: String,
    /// How many events it covers.
    events: i32,
    /// The root of the Merkle tree over their leaves.
    root: String,
    /// The head of the seal before.
    previous_head: String,
    /// The head of the chain up to this seal: compare it with what `patient-logger audit heads` printed.
    head: String,
    /// When it was made.
    sealed_at: DateTime,
}

impl AuditProof {
    /// The proof for an event in the window of this seal.
    ///
    /// # Errors
    /// When the event is not what was sealed.
    pub(super) fn new(row: EventRow, seal: SealRow) -> Result<Self, AppError> {
        let record = leaf_record(&row.event()?, row.xid);
        let leaf = sha256(&record);
        let (leaves, _) = seal.leaves.as_chunks::<32>();
        let proven = leaves.iter().position(|sealed| *sealed == leaf);
        let proven = proven.and_then(|index| Some((index, path(leaves, index)?)));
        let (index, path) = proven.ok_or_else(|| {
            let (event, seal) = (row.id, seal.no);
            AppError::internal(format!(
                "event {event} is not what seal {seal} covers; run `patient-logger audit verify`"
            ))
        })?;
        Ok(Self {
            event: AuditEvent::new(row),
            record: hex(&record),
            leaf: hex(&leaf),
            index,
            path: path.iter().map(|hash: &Hash| hex(hash)).collect(),
            seal: AuditSeal {
                no: seal.no.to_string(),
                month: Date(seal.month),
                from_xid: seal.from_xid.to_string(),
                to_xid: seal.to_xid.to_string(),
                events: seal.events,
                root: hex(&seal.root),
                previous_head: hex(&seal.previous_head),
                head: hex(&seal.head),
                sealed_at: seal.sealed_at.into(),
            },
        })
    }
}
