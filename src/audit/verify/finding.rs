use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use uuid::Uuid;

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The slug of the hospital; none for what all hospitals share.
    pub hospital: Option<String>,
    /// What it is.
    pub fault: Fault,
}

/// An event, as it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub id: Uuid,
    /// Its time.
    pub at: DateTime<Utc>,
}

/// What can be wrong with a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The chain has a gap.
    SealsMissing {
        /// The first missing one.
        first: i64,
        /// The last missing one.
        last: i64,
    },
    /// A seal was changed.
    SealChanged {
        /// Its number.
        seal: i64,
        /// What does not fit.
        why: &'static str,
    },
    /// A seal names another head than that of the seal before.
    LinkBroken {
        /// Its number.
        seal: i64,
    },
    /// The chain is shorter than it was.
    TailCut {
        /// Where it ends; 0 if nothing is left.
        last: i64,
        /// Up to where it went.
        kept: i64,
    },
    /// The chain is not the one that it was.
    Rechained {
        /// The last seal known to be as it was; 0 if none is.
        good: i64,
        /// The first one known to be another.
        seal: i64,
    },
    /// A head was kept of a hospital that is not there.
    NoHospital {
        /// Its id.
        id: Uuid,
    },
    /// An event was changed.
    EventChanged {
        /// The seal it lies in.
        seal: i64,
        /// Where in the seal, from 1.
        place: usize,
        /// As it is now.
        event: Place,
    },
    /// An event is gone.
    EventMissing {
        /// The seal it lay in.
        seal: i64,
        /// Where in the seal, from 1.
        place: usize,
        /// The event before it in the seal.
        after: Option<Place>,
    },
    /// An event was put between those of a seal.
    EventAdded {
        /// The seal.
        seal: i64,
        /// The event.
        event: Place,
    },
    /// Events that sealing has passed and that no seal covers: they were added, or their seals removed.
    EventsUncovered {
        /// The first of them.
        first: Place,
        /// How many there are.
        count: u64,
    },
    /// Events that should have been sealed by now.
    EventsUnsealed {
        /// The first of them.
        first: Place,
        /// How many there are.
        count: u64,
    },
    /// A month was dropped before its time.
    RetiredEarly {
        /// The month.
        month: NaiveDate,
        /// When.
        at: DateTime<Utc>,
    },
    /// The names of fields were changed.
    ShapeChanged {
        /// Their id.
        id: Uuid,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.id, self.at.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hospital {
            Some(slug) => write!(f, "{slug}: {}", self.fault),
            None => self.fault.fmt(f),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SealsMissing { first, last } if first == last => write!(f, "seal {first} is missing"),
            Self::SealsMissing { first, last } => write!(f, "seals {first} to {last} are missing"),
            Self::SealChanged { seal, why } => write!(f, "seal {seal} is not as it was made: {why}"),
            Self::LinkBroken { seal } => {
                write!(f, "seal {seal} does not name the head of seal {}: one of the two was made anew", seal - 1)
            }
            Self::TailCut { last, kept } => write!(
                f,
                "the chain ends with seal {last}, and the head of seal {kept} was kept elsewhere: what was newest is cut off"
            ),
            Self::Rechained { good: 0, seal } => {
                write!(
                    f,
                    "the head of seal {seal} is not the one that was kept elsewhere: the chain up to it was made anew"
                )
            }
            Self::Rechained { good, seal } => write!(
                f,
                "the head of seal {seal} is not the one that was kept elsewhere, that of seal {good} is: the chain between \
                 them was made anew"
            ),
            Self::NoHospital { id } => {
                write!(f, "a head of hospital {id} was kept elsewhere, and there is no such hospital")
            }
            Self::EventChanged { seal, place, event } => {
                write!(f, "event {event} is not what was sealed (seal {seal}, place {place})")
            }
            Self::EventMissing { seal, place, after: Some(event) } => {
                write!(f, "an event is missing (seal {seal}, place {place}), behind event {event}")
            }
            Self::EventMissing { seal, place, after: None } => {
                write!(f, "an event is missing (seal {seal}, place {place})")
            }
            Self::EventAdded { seal, event } => write!(f, "event {event} was not there when seal {seal} was made"),
            Self::EventsUncovered { first, count } => write!(
                f,
                "{count} event(s) from {first} are in no seal: they were added later, or their seals were removed"
            ),
            Self::EventsUnsealed { first, count } => write!(f, "{count} event(s) from {first} are not sealed yet"),
            Self::RetiredEarly { month, at } => write!(
                f,
                "the events of {} were dropped on {}, before six years had passed",
                month.format("%Y-%m"),
                at.date_naive()
            ),
            Self::ShapeChanged { id } => write!(f, "the names of fields {id} are not those it was made of"),
        }
    }
}
