//! The hashes of the trail, as `format.md` has them: what is hashed, and how hashes make trees and chains.

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Event;

/// A SHA-256.
pub type Hash = [u8; 32];

const LEAF: u8 = 0;
const NODE: u8 = 1;
const HEAD: u8 = 2;

/// The type of a column, by its number in PostgreSQL's `pg_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Type {
    Bytes = 17,
    Long = 20,
    Int = 23,
    Text = 25,
    Date = 1082,
    Time = 1184,
    Uuid = 2950,
    Uuids = 2951,
}

/// The columns of an event in the order of its leaf.
pub(super) const EVENT: [(&str, Type); 18] = [
    ("hospital_id", Type::Uuid),
    ("at", Type::Time),
    ("id", Type::Uuid),
    ("xid", Type::Long),
    ("request_id", Type::Uuid),
    ("actor_kind", Type::Text),
    ("actor_id", Type::Uuid),
    ("session_id", Type::Uuid),
    ("role", Type::Text),
    ("address", Type::Text),
    ("action", Type::Text),
    ("outcome", Type::Text),
    ("operation", Type::Text),
    ("shape_id", Type::Uuid),
    ("subject_id", Type::Uuid),
    ("row_count", Type::Int),
    ("patients", Type::Uuids),
    ("reason", Type::Text),
];

/// A row in PostgreSQL's binary form, with the kind of its hash in front. It can be used again and again, so that reading
/// millions of rows allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Record(Vec<u8>);

impl Record {
    fn restart(&mut self, kind: u8, columns: u32) {
        self.0.clear();
        self.0.push(kind);
        self.0.extend(columns.to_be_bytes());
    }

    fn column(&mut self, ty: Type, bytes: &[u8]) {
        self.0.extend((ty as u32).to_be_bytes());
        self.0.extend(u32::try_from(bytes.len()).expect("PostgreSQL has no column of 4 GiB").to_be_bytes());
        self.0.extend(bytes);
    }

    fn nullable(&mut self, ty: Type, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.column(ty, bytes),
            None => {
                self.0.extend((ty as u32).to_be_bytes());
                self.0.extend((-1_i32).to_be_bytes());
            }
        }
    }

    fn hash(&self) -> Hash {
        sha256(&self.0)
    }

    /// The leaf of an event, from its columns as PostgreSQL sends them: each with its length in front.
    pub(super) fn leaf<'c>(&mut self, columns: impl Iterator<Item = &'c [u8]>) -> Hash {
        self.restart(LEAF, EVENT.len() as u32);
        for ((_, ty), column) in EVENT.iter().zip(columns) {
            self.0.extend((*ty as u32).to_be_bytes());
            self.0.extend(column);
        }
        self.hash()
    }
}

/// The bytes that stand for an event: SHA-256 over them is its leaf.
pub fn leaf_record(event: &Event, xid: i64) -> Vec<u8> {
    let mut record = Record::default();
    record.restart(LEAF, EVENT.len() as u32);
    record.column(Type::Uuid, event.hospital_id.0.as_bytes());
    record.column(Type::Time, &microseconds(event.at).to_be_bytes());
    record.column(Type::Uuid, event.id.as_bytes());
    record.column(Type::Long, &xid.to_be_bytes());
    record.column(Type::Uuid, event.request_id.as_bytes());
    record.column(Type::Text, event.actor_kind.name().as_bytes());
    record.column(Type::Uuid, event.actor_id.as_bytes());
    record.nullable(Type::Uuid, event.session_id.as_ref().map(|id| &id.as_bytes()[..]));
    record.column(Type::Text, event.role.name().as_bytes());
    record.nullable(Type::Text, event.address.as_deref().map(str::as_bytes));
    record.column(Type::Text, event.action.name().as_bytes());
    record.column(Type::Text, event.outcome.name().as_bytes());
    record.nullable(Type::Text, event.operation.as_deref().map(str::as_bytes));
    record.nullable(Type::Uuid, event.shape_id.as_ref().map(|id| &id.as_bytes()[..]));
    record.nullable(Type::Uuid, event.subject_id.as_ref().map(|id| &id.as_bytes()[..]));
    record.column(Type::Int, &event.row_count.to_be_bytes());
    record.column(Type::Uuids, &uuids(&event.patients));
    record.nullable(Type::Text, event.reason.as_deref().map(str::as_bytes));
    record.0
}

/// An array as PostgreSQL sends it.
fn uuids(ids: &[Uuid]) -> Vec<u8> {
    let length = u32::try_from(ids.len()).expect("an event has at most 50 patients");
    let mut bytes = Vec::with_capacity(20 * (ids.len() + 1));
    bytes.extend(u32::from(length > 0).to_be_bytes());
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend((Type::Uuid as u32).to_be_bytes());
    if length > 0 {
        bytes.extend(length.to_be_bytes());
        bytes.extend(1_u32.to_be_bytes());
    }
    for id in ids {
        bytes.extend(16_u32.to_be_bytes());
        bytes.extend(id.as_bytes());
    }
    bytes
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// A link of a hospital's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Its number, from 1.
    pub no: i64,
    /// The month of its events.
    pub month: NaiveDate,
    /// The window of transactions: from this one
    pub from_xid: i64,
    /// and below this one.
    pub to_xid: i64,
    /// How many events there are.
    pub events: i32,
    /// The root of their Merkle tree.
    pub root: Hash,
    /// The head before this one.
    pub previous_head: Hash,
    /// When it was made.
    pub sealed_at: DateTime<Utc>,
}

impl Seal {
    /// The head of the chain up to this seal.
    pub fn head(&self, hospital: Uuid) -> Hash {
        let mut record = Record::default();
        record.restart(HEAD, 9);
        record.column(Type::Uuid, hospital.as_bytes());
        record.column(Type::Long, &self.no.to_be_bytes());
        record.column(Type::Date, &days(self.month).to_be_bytes());
        record.column(Type::Long, &self.from_xid.to_be_bytes());
        record.column(Type::Long, &self.to_xid.to_be_bytes());
        record.column(Type::Int, &self.events.to_be_bytes());
        record.column(Type::Bytes, &self.root);
        record.column(Type::Bytes, &self.previous_head);
        record.column(Type::Time, &microseconds(self.sealed_at).to_be_bytes());
        record.hash()
    }
}

/// What the first seal of a hospital names as the head before it.
pub fn genesis(hospital: Uuid) -> Hash {
    Sha256::new().chain_update([HEAD]).chain_update(hospital.as_bytes()).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([NODE]).chain_update(left).chain_update(right).finalize().into()
}

/// Bytes as text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}

/// A hash from its text; `None` unless it is one.
pub(super) fn unhex(text: &str) -> Option<Hash> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// The level above: an odd node goes up as it is.
fn above(level: &[Hash]) -> Vec<Hash> {
    level.chunks(2).map(|pair| if let [left, right] = pair { node(left, right) } else { pair[0] }).collect()
}

/// The root over leaves; `None` without any (RFC 6962, 2.1).
pub fn root(leaves: &[Hash]) -> Option<Hash> {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = above(&level);
    }
    level.first().copied()
}

/// The hashes that lead from a leaf to the root (RFC 6962, 2.1.1); `None` when there is no such leaf.
pub fn path(leaves: &[Hash], mut index: usize) -> Option<Vec<Hash>> {
    leaves.get(index)?;
    let mut path = Vec::new();
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        path.extend(level.get(index ^ 1));
        level = above(&level);
        index /= 2;
    }
    Some(path)
}

/// PostgreSQL counts time from the year 2000.
const EPOCH: i64 = 946_684_800_000_000;

fn microseconds(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros() - EPOCH
}

/// The time that PostgreSQL sends as this many microseconds; `None` beyond the years that chrono knows.
pub(super) fn time(microseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(microseconds.checked_add(EPOCH)?)
}

fn days(date: NaiveDate) -> i32 {
    let days = microseconds(date.and_time(chrono::NaiveTime::MIN).and_utc()) / 86_400_000_000;
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// The date that PostgreSQL sends as this many days.
pub(super) fn date(days: i32) -> Option<NaiveDate> {
    time(i64::from(days) * 86_400_000_000).map(|time| time.date_naive())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|number| Sha256::digest([LEAF, number]).into()).collect()
    }

    /// The definition of RFC 6962, 2.1, word for word.
    fn rfc_6962(leaves: &[Hash]) -> Hash {
        if let [one] = leaves {
            return *one;
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        node(&rfc_6962(left), &rfc_6962(right))
    }

    #[test]
    fn the_tree_is_that_of_rfc_6962() {
        assert_eq!(root(&[]), None);
        for count in 1..=70 {
            let leaves = leaves(count);
            assert_eq!(root(&leaves), Some(rfc_6962(&leaves)), "{count}");
        }
    }

    #[test]
    fn a_path_leads_from_its_leaf_to_the_root_and_from_no_other() {
        // As `format.md` has it.
        let climb = |leaf: Hash, index: usize, events: usize, path: &[Hash]| {
            let (mut hash, mut i, mut n, mut path) = (leaf, index, events, path.iter());
            while n > 1 {
                if i % 2 == 1 || i + 1 != n {
                    let next = path.next()?;
                    hash = if i % 2 == 0 { node(&hash, next) } else { node(next, &hash) };
                }
                (i, n) = (i / 2, n.div_ceil(2));
            }
            path.next().is_none().then_some(hash)
        };
        for count in 1..=40_u8 {
            let leaves = leaves(count);
            let events = leaves.len();
            for index in 0..events {
                let path = path(&leaves, index).unwrap();
                assert_eq!(climb(leaves[index], index, events, &path), root(&leaves));
                for (other, leaf) in leaves.iter().enumerate().filter(|(other, _)| *other != index) {
                    assert_ne!(climb(*leaf, index, events, &path), root(&leaves), "{other} for {index} of {count}");
                }
            }
            assert_eq!(path(&leaves, events), None);
        }
    }

    #[test]
    fn times_and_dates_are_counted_as_postgresql_counts_them() {
        let moment = "2026-03-01T12:00:00.000001Z".parse().unwrap();
        assert_eq!(microseconds(moment), 825_681_600_000_001);
        assert_eq!(time(825_681_600_000_001), Some(moment));
        let day = "1999-12-31".parse().unwrap();
        assert_eq!((days(day), date(-1)), (-1, Some(day)));
    }
}
