use std::collections::{BTreeMap, HashMap};

use super::{Fault, Place};
use crate::audit::chain::Hash;

/// Compares the events in a seal's window with its leaves, and names those that do not fit.
pub(super) struct Window {
    seal: i64,
    leaves: Vec<Hash>,
    /// As long as all is well, this many events and leaves were the same,
    same: usize,
    /// this was the last of them,
    last: Option<Place>,
    /// and here is what came after the first that differed.
    rest: Vec<(Hash, Place)>,
}

impl Window {
    pub(super) fn new(seal: i64, leaves: Vec<Hash>) -> Self {
        Self { seal, leaves, same: 0, last: None, rest: Vec::new() }
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, leaf: Hash, event: Place) {
        if self.rest.is_empty() && self.leaves.get(self.same) == Some(&leaf) {
            self.same += 1;
            self.last = Some(event);
        } else {
            self.rest.push((leaf, event));
        }
    }

    /// Says what does not fit. An event that differs and a leaf without its event are one event that was changed, as long as
    /// there are as many of the ones as of the others.
    pub(super) fn end(self, found: &mut Vec<Fault>) {
        let Self { seal, leaves, same, last, rest } = self;
        let mut missing: HashMap<Hash, usize> =
            leaves.into_iter().enumerate().skip(same).map(|(index, leaf)| (leaf, index)).collect();
        let mut known: BTreeMap<usize, Place> = last.map(|event| (same - 1, event)).into_iter().collect();
        let mut strange = Vec::new();
        for (leaf, event) in rest {
            match missing.remove(&leaf) {
                Some(index) => drop(known.insert(index, event)),
                None => strange.push(event),
            }
        }
        let mut missing: Vec<usize> = missing.into_values().collect();
        missing.sort_unstable();
        if missing.len() == strange.len() {
            let pairs = missing.into_iter().zip(strange);
            found.extend(pairs.map(|(index, event)| Fault::EventChanged { seal, place: index + 1, event }));
            return;
        }
        found.extend(missing.into_iter().map(|index| {
            let after = known.range(..index).next_back().map(|(_, event)| *event);
            Fault::EventMissing { seal, place: index + 1, after }
        }));
        found.extend(strange.into_iter().map(|event| Fault::EventAdded { seal, event }));
    }
}
