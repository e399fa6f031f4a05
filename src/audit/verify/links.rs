use std::collections::BTreeMap;

use chrono::NaiveDate;
use uuid::Uuid;

use super::Fault;
use crate::audit::chain::{self, Hash, Seal};

/// A seal as it is stored.
pub(super) struct StoredSeal {
    pub(super) seal: Seal,
    pub(super) head: Hash,
    pub(super) leaves: Vec<Hash>,
}

/// Walks a chain from its first seal: whether each is whole, follows the one before, and is the one that was kept.
pub(super) struct Links {
    hospital: Uuid,
    /// What was kept elsewhere, by number.
    kept: BTreeMap<i64, Hash>,
    /// The last kept one that was found, and whether one was not.
    good: i64,
    rechained: bool,
    last: Option<Seal>,
    last_head: Hash,
    /// The first and the last seal of each month.
    pub(super) months: BTreeMap<NaiveDate, (i64, i64)>,
    pub(super) count: u64,
}

impl Links {
    pub(super) fn new(hospital: Uuid, kept: BTreeMap<i64, Hash>) -> Self {
        let last_head = chain::genesis(hospital);
        Self { hospital, kept, good: 0, rechained: false, last: None, last_head, months: BTreeMap::new(), count: 0 }
    }

    /// Goes on to the next seal.
    pub(super) fn take(&mut self, stored: StoredSeal, found: &mut Vec<Fault>) {
        let StoredSeal { seal, head, leaves } = stored;
        let no = seal.no;
        let before = self.last.as_ref().map_or(0, |last| last.no);
        if no != before + 1 {
            found.push(Fault::SealsMissing { first: before + 1, last: no - 1 });
        } else if seal.previous_head != self.last_head {
            found.push(Fault::LinkBroken { seal: no });
        }
        let whole = [
            (seal.head(self.hospital) == head, "its head does not fit its columns"),
            (chain::root(&leaves) == Some(seal.root), "its root does not fit its leaves"),
            (i64::try_from(leaves.len()) == Ok(seal.events.into()), "it does not have as many leaves as events"),
            (self.follows(&seal), "its window does not follow that of the seal before"),
        ];
        found.extend(whole.into_iter().find(|(holds, _)| !holds).map(|(_, why)| Fault::SealChanged { seal: no, why }));
        match self.kept.get(&no) {
            Some(kept) if *kept == head => self.good = no,
            Some(_) if !self.rechained => {
                self.rechained = true;
                found.push(Fault::Rechained { good: self.good, seal: no });
            }
            _ => {}
        }
        self.months.entry(seal.month).or_insert((no, no)).1 = no;
        self.count += 1;
        // The next link is compared with what is stored here, so that one change is not found all the way up.
        self.last_head = head;
        self.last = Some(seal);
    }

    fn follows(&self, seal: &Seal) -> bool {
        let same =
            |last: &Seal| (last.from_xid, last.to_xid) == (seal.from_xid, seal.to_xid) && last.month < seal.month;
        seal.from_xid < seal.to_xid && self.last.as_ref().is_none_or(|last| last.to_xid <= seal.from_xid || same(last))
    }

    /// Says what is missing at the end.
    pub(super) fn end(&self, found: &mut Vec<Fault>) {
        let last = self.last.as_ref().map_or(0, |last| last.no);
        if let Some((&kept, _)) = self.kept.last_key_value()
            && kept > last
        {
            found.push(Fault::TailCut { last, kept });
        }
    }
}
