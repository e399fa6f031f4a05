//! Verification: computes every hash again from the columns of the events, in Rust and not in the SQL that made them, and
//! names what is not as it was. It reads each event once, as a stream, and remembers one seal's worth of them at a time.

mod finding;
mod links;
mod months;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use futures_util::TryStreamExt;
use sea_orm::sqlx;
use uuid::Uuid;

pub use finding::{Fault, Finding, Place};
use links::{Links, StoredSeal};
use months::Months;
use window::Window;

use super::Shape;
use super::chain::{Hash, Record, Seal};
use super::copy::{Row, Rows};
use super::heads::Head;
use super::trail::{Snapshot, Trail, TrailError, TrailHospital};

/// How long the record is kept at least: 45 CFR 164.316(b)(2).
pub const YEARS_KEPT: u32 = 6;

/// How long an event may wait for its seal before it counts as forgotten.
const UNSEALED: Duration = Duration::seconds(60);

/// What was gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Events.
    pub events: u64,
    /// Seals.
    pub seals: u64,
    /// What is not as it was.
    pub findings: u64,
}

impl Trail {
    /// Verifies the trails of these hospitals, against heads that were kept elsewhere, and tells of each finding.
    ///
    /// # Errors
    /// When the database cannot be read to the end.
    pub async fn verify(
        &mut self,
        hospitals: &[TrailHospital],
        kept: &[Head],
        now: DateTime<Utc>,
        mut tell: impl FnMut(&Finding),
    ) -> Result<Verified, TrailError> {
        let mut verified = Verified::default();
        let mut tell = |verified: &mut Verified, hospital: Option<&TrailHospital>, faults: Vec<Fault>| {
            for fault in faults {
                verified.findings += 1;
                tell(&Finding { hospital: hospital.map(|hospital| hospital.slug.clone()), fault });
            }
        };
        let known = self.hospitals(None).await?;
        let strangers: BTreeSet<_> = kept.iter().map(|head| head.hospital_id).collect();
        let strangers = strangers.into_iter().filter(|id| known.iter().all(|hospital| hospital.id != *id));
        tell(&mut verified, None, strangers.map(|id| Fault::NoHospital { id }).collect());

        let retired = self.retired().await?;
        let early =
            retired.iter().filter(|(month, at)| at.date_naive() < **month + chrono::Months::new(12 * YEARS_KEPT + 1));
        tell(&mut verified, None, early.map(|(&month, &at)| Fault::RetiredEarly { month, at }).collect());

        let shapes = self.changed_shapes().await?;
        tell(&mut verified, None, shapes.into_iter().map(|id| Fault::ShapeChanged { id }).collect());

        for hospital in hospitals {
            let kept = kept.iter().filter(|head| head.hospital_id == hospital.id).map(|head| (head.no, head.head));
            let mut snapshot = self.enter(hospital.id).await?;
            let mut found = Vec::new();
            let links = walk(&mut snapshot, kept.collect(), &mut found).await?;
            tell(&mut verified, Some(hospital), std::mem::take(&mut found));
            verified.seals += links.count;
            let sealed_xid: i64 =
                sqlx::query_scalar("SELECT sealed_xid FROM audit_state").fetch_one(&mut *snapshot.events).await?;
            let mut months = Months { sealed_xid, sealed_until: now - UNSEALED, record: Record::default(), events: 0 };
            for month in months_of(&mut snapshot, &links).await? {
                months.check(&mut snapshot, month, &links, retired.get(&month).copied(), &mut found).await?;
                tell(&mut verified, Some(hospital), std::mem::take(&mut found));
            }
            verified.events += months.events;
        }
        Ok(verified)
    }

    async fn changed_shapes(&mut self) -> sqlx::Result<Vec<Uuid>> {
        let mut rows = sqlx::query_as("SELECT id, fields, refused FROM audit_shapes").fetch(self.connection());
        let mut changed = Vec::new();
        while let Some((id, fields, refused)) = rows.try_next().await? {
            let (fields, refused): (Vec<String>, Vec<String>) = (fields, refused);
            if Shape::new(fields, refused).id() != id {
                changed.push(id);
            }
        }
        Ok(changed)
    }

    async fn retired(&mut self) -> sqlx::Result<BTreeMap<NaiveDate, DateTime<Utc>>> {
        let rows: Vec<(NaiveDate, DateTime<Utc>)> =
            sqlx::query_as("SELECT month, retired_at FROM audit_retired").fetch_all(self.connection()).await?;
        Ok(rows.into_iter().collect())
    }
}

/// Goes through the chain, without the events.
async fn walk(
    snapshot: &mut Snapshot<'_>,
    kept: BTreeMap<i64, Hash>,
    found: &mut Vec<Fault>,
) -> Result<Links, TrailError> {
    let mut links = Links::new(snapshot.hospital, kept);
    let query = format!(
        "SELECT no, month, from_xid, to_xid, events, root, previous_head, sealed_at, head, leaves FROM audit_seals
         WHERE hospital_id = '{}' ORDER BY no",
        snapshot.hospital
    );
    let mut rows = Rows::of(&mut snapshot.seals, &query).await?;
    while let Some(row) = rows.next().await? {
        links.take(stored(&row)?, found);
    }
    links.end(found);
    Ok(links)
}

fn stored(row: &Row) -> sqlx::Result<StoredSeal> {
    let mut columns = row.columns();
    let seal = Seal {
        no: columns.long()?,
        month: columns.date()?,
        from_xid: columns.long()?,
        to_xid: columns.long()?,
        events: columns.int()?,
        root: columns.hash()?,
        previous_head: columns.hash()?,
        sealed_at: columns.time()?,
    };
    Ok(StoredSeal { seal, head: columns.hash()?, leaves: columns.hashes()? })
}

/// Every month that may have events.
async fn months_of(snapshot: &mut Snapshot<'_>, links: &Links) -> Result<BTreeSet<NaiveDate>, TrailError> {
    let (first, last): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) =
        sqlx::query_as("SELECT min(at), max(at) FROM audit_events WHERE hospital_id = $1")
            .bind(snapshot.hospital)
            .fetch_one(&mut *snapshot.events)
            .await?;
    let mut months: BTreeSet<NaiveDate> = links.months.keys().copied().collect();
    let month_of = |time: DateTime<Utc>| time.date_naive().with_day(1);
    if let (Some(mut month), Some(last)) = (first.and_then(month_of), last) {
        while month <= last.date_naive() {
            months.insert(month);
            month = month + chrono::Months::new(1);
        }
    }
    Ok(months)
}
