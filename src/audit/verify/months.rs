use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sqlx;

use super::{Fault, Links, Place, Window};
use crate::audit::chain::{Hash, Record};
use crate::audit::copy::Rows;
use crate::audit::trail::{self, Snapshot, TrailError};

/// Compares the events of a hospital with its seals, month by month.
pub(super) struct Months {
    /// Sealing has passed all transactions below this one.
    pub(super) sealed_xid: i64,
    /// What happened before this time should be sealed.
    pub(super) sealed_until: DateTime<Utc>,
    pub(super) record: Record,
    /// How many events were read.
    pub(super) events: u64,
}

struct Event {
    xid: i64,
    place: Place,
    leaf: Hash,
}

/// Events, one behind the other, that have the same fault.
#[derive(Default)]
struct Run(Option<(Place, u64)>);

impl Run {
    fn add(&mut self, event: Place) {
        self.0.get_or_insert((event, 0)).1 += 1;
    }

    fn end(&mut self, fault: impl FnOnce(Place, u64) -> Fault, found: &mut Vec<Fault>) {
        found.extend(self.0.take().map(|(first, count)| fault(first, count)));
    }
}

impl Months {
    /// Reads the events of a month beside its seals. `retired` is when they were dropped: seals made before have none.
    pub(super) async fn check(
        &mut self,
        snapshot: &mut Snapshot<'_>,
        month: NaiveDate,
        links: &Links,
        retired: Option<DateTime<Utc>>,
        found: &mut Vec<Fault>,
    ) -> Result<(), TrailError> {
        let (first, last) = links.months.get(&month).copied().unwrap_or((0, 0));
        let query = format!(
            "SELECT no, from_xid, to_xid, leaves FROM audit_seals WHERE hospital_id = '{}' AND month = '{month}'
                 AND no BETWEEN {first} AND {last} AND sealed_at > '{}' ORDER BY no",
            snapshot.hospital,
            retired.map_or_else(|| "-infinity".to_owned(), |time| time.to_rfc3339()),
        );
        let mut events = trail::events(&mut snapshot.events, snapshot.hospital, month).await?;
        let mut seals = Rows::of(&mut snapshot.seals, &query).await?;
        let mut event = self.next(&mut events).await?;
        let mut uncovered = Run::default();
        while let Some(row) = seals.next().await? {
            let mut columns = row.columns();
            let (no, from_xid, to_xid) = (columns.long()?, columns.long()?, columns.long()?);
            while let Some(Event { place, .. }) = event.take_if(|event| event.xid < from_xid) {
                uncovered.add(place);
                event = self.next(&mut events).await?;
            }
            uncovered.end(|first, count| Fault::EventsUncovered { first, count }, found);
            let mut window = Window::new(no, columns.hashes()?);
            while let Some(Event { place, leaf, .. }) = event.take_if(|event| event.xid < to_xid) {
                window.take(leaf, place);
                event = self.next(&mut events).await?;
            }
            window.end(found);
        }
        let mut unsealed = Run::default();
        while let Some(Event { xid, place, .. }) = event {
            if xid < self.sealed_xid {
                uncovered.add(place);
            } else if place.at < self.sealed_until {
                unsealed.add(place);
            }
            event = self.next(&mut events).await?;
        }
        uncovered.end(|first, count| Fault::EventsUncovered { first, count }, found);
        unsealed.end(|first, count| Fault::EventsUnsealed { first, count }, found);
        Ok(())
    }

    async fn next(&mut self, rows: &mut Rows<'_>) -> sqlx::Result<Option<Event>> {
        let Some(row) = rows.next().await? else { return Ok(None) };
        self.events += 1;
        let leaf = self.record.leaf(row.columns());
        let mut columns = row.columns();
        let (_hospital, at, id, xid) = (columns.uuid()?, columns.time()?, columns.uuid()?, columns.long()?);
        Ok(Some(Event { xid, place: Place { id, at }, leaf }))
    }
}
