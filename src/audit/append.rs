//! The one statement that writes events, for the lane and for the transaction of a change.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Datelike, Utc};
use sea_orm::sqlx::{self, PgConnection};
use uuid::Uuid;

use super::{Entry, Event};

/// What is in the database for sure, so that nobody has to ask for it again: shapes that have been written, and months that
/// have their partitions.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Facts>);

#[derive(Debug, Default)]
pub(crate) struct Facts {
    shapes: HashSet<Uuid>,
    months: HashSet<(i32, u32)>,
}

impl Known {
    /// Shapes kept in mind: more than there are documents in a cache.
    const MOST: usize = 65_536;

    /// Takes over what was found to be there, once the transaction that found it has ended well.
    pub(crate) fn learn(&self, facts: Facts) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.shapes.len() + facts.shapes.len() > Self::MOST {
            known.shapes.clear();
        }
        known.shapes.extend(facts.shapes);
        known.months.extend(facts.months);
    }

    /// Trusts nothing any more, after something went wrong.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Facts::default();
    }

    /// What has to be put there for these entries: a time in each month, and shapes.
    fn lacks<'a>(&self, entries: &[&'a Entry]) -> (Vec<DateTime<Utc>>, Vec<&'a super::Shape>, Facts) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut times, mut shapes, mut facts) = (Vec::new(), Vec::new(), Facts::default());
        for event in entries.iter().flat_map(|entry| &entry.events) {
            let month = (event.at.year(), event.at.month());
            if !known.months.contains(&month) && facts.months.insert(month) {
                times.push(event.at);
            }
        }
        for shape in entries.iter().filter_map(|entry| entry.shape.as_deref()) {
            if !known.shapes.contains(&shape.id()) && facts.shapes.insert(shape.id()) {
                shapes.push(shape);
            }
        }
        (times, shapes, facts)
    }
}

/// Writes these entries, and what they need to be there. What it answers is for [`Known::learn`], once it is durable.
/// Writing an event again changes nothing.
pub(crate) async fn append(
    connection: &mut PgConnection,
    known: &Known,
    entries: &[&Entry],
) -> Result<Facts, sqlx::Error> {
    let (times, shapes, facts) = known.lacks(entries);
    for time in times {
        sqlx::query("SELECT audit_partitions($1)").bind(time).execute(&mut *connection).await?;
    }
    for shape in shapes {
        sqlx::query("SELECT audit_shape($1, $2)")
            .bind(shape.fields())
            .bind(shape.refused())
            .execute(&mut *connection)
            .await?;
    }
    let events: Vec<&Event> = entries.iter().flat_map(|entry| &entry.events).collect();
    let all_patients: Vec<Uuid> = events.iter().flat_map(|event| &event.patients).copied().collect();
    let (mut from, mut to, mut at) = (Vec::new(), Vec::new(), 0);
    for event in &events {
        from.push(at + 1);
        at += i32::try_from(event.patients.len()).unwrap_or(i32::MAX);
        to.push(at);
    }
    macro_rules! column {
        (|$event:ident| $value:expr) => {
            events.iter().map(|$event| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query(
        "SELECT audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    )
    .bind(column!(|event| event.hospital_id.0))
    .bind(column!(|event| event.at))
    .bind(column!(|event| event.id))
    .bind(column!(|event| event.request_id))
    .bind(column!(|event| event.actor_kind.name()))
    .bind(column!(|event| event.actor_id))
    .bind(column!(|event| event.session_id))
    .bind(column!(|event| event.role.name()))
    .bind(column!(|event| event.address.as_deref()))
    .bind(column!(|event| event.action.name()))
    .bind(column!(|event| event.outcome.name()))
    .bind(column!(|event| event.operation.as_deref()))
    .bind(column!(|event| event.shape_id))
    .bind(column!(|event| event.subject_id))
    .bind(column!(|event| event.row_count))
    .bind(from)
    .bind(to)
    .bind(all_patients)
    .bind(column!(|event| event.reason.as_deref()))
    .execute(connection)
    .await?;
    Ok(facts)
}
