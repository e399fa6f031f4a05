//! What one request leaves behind: the patients that it sees, what it changes, and the events that come of it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{ActorKind, AuditAction, AuditOutcome, Event, Shape, event_id};
use crate::kernel::{Actor, Client, Glass, HospitalId, PatientId, Role, SessionId, StaffId, Viewer};

/// Most patients of one event. An answer with more leaves several events with the same request id; no row of the trail grows
/// without bound, and none is cut off.
const PATIENTS: usize = 50;
/// Longest name of an operation that is kept.
const OPERATION: usize = 100;

/// Which request it is: what its events have in common, whoever sends it.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// Its id, as in `x-request-id` and in the log.
    pub id: Uuid,
    /// From where it comes.
    pub client: Client,
    /// The name of its operation.
    pub operation: Option<String>,
    /// Which fields it asks for.
    pub shape: Option<Arc<Shape>>,
}

/// Who does something, in which hospital.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    /// The hospital.
    pub hospital_id: HospitalId,
    /// A member of staff or a partner's key.
    pub kind: ActorKind,
    /// Which.
    pub id: Uuid,
    /// The session of a member of staff, if there is one.
    pub session_id: Option<SessionId>,
    /// In which role.
    pub role: Role,
}

/// Events that become durable together.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The events.
    pub events: Vec<Event>,
    /// The shape that they name.
    pub shape: Option<Arc<Shape>>,
}

/// How a request ended, as far as its answer tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ending {
    /// Whether it was to change something.
    pub is_mutation: bool,
    /// Whether it asked for anything that not everybody who is signed in may have.
    pub asks: bool,
    /// Whether any field of the root has a value.
    pub gives: bool,
    /// How many errors are refusals.
    pub refusals: usize,
    /// How many errors are not.
    pub failures: usize,
    /// How many fields of the root are refused.
    pub refused_roots: usize,
    /// How many fields of the root failed.
    pub failed_roots: usize,
}

/// What a request of somebody who is signed in has seen and done.
#[derive(Debug)]
pub struct Witness {
    request: RequestContext,
    who: Who,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: Vec<Seen>,
    /// How many of `seen` an event tells already.
    told: usize,
    act: Act,
    /// How many acts have been settled, and how many of those failed by surprise.
    settled: usize,
    failed: usize,
    /// Events of acts that no transaction holds.
    left: Vec<Event>,
    glasses: Vec<Broken>,
}

/// A restricted record that is open to the request.
#[derive(Debug)]
struct Broken {
    glass: Glass,
    /// How much the request had seen by then.
    since: usize,
}

/// A record of a patient. Ordered, so that those of one patient stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    patient: Uuid,
    /// `None` when the request named the patient and saw no record.
    record: Option<(Uuid, i32)>,
}

/// What is going on now: one mutation of the document, or its queries.
#[derive(Debug, Default)]
struct Act {
    action: Option<AuditAction>,
    subject: Option<Uuid>,
    reason: Option<String>,
    recorded: bool,
}

impl Who {
    /// A viewer.
    pub fn viewer(viewer: &Viewer) -> Self {
        let (kind, id, session_id) = match viewer.actor {
            Actor::Staff { id, session_id } => (ActorKind::Staff, id.0, Some(session_id)),
            Actor::PartnerKey(id) => (ActorKind::PartnerKey, id.0, None),
        };
        Self { hospital_id: viewer.hospital_id, kind, id, session_id, role: viewer.role }
    }

    /// A member of staff, without a session or outside of it.
    pub fn staff(hospital_id: HospitalId, id: StaffId, role: Role) -> Self {
        Self { hospital_id, kind: ActorKind::Staff, id: id.0, session_id: None, role }
    }
}

impl RequestContext {
    /// An event of this request without patients.
    pub fn event(&self, at: DateTime<Utc>, who: Who, action: AuditAction, outcome: AuditOutcome) -> Event {
        Event {
            hospital_id: who.hospital_id,
            at,
            id: event_id(at),
            request_id: self.id,
            actor_kind: who.kind,
            actor_id: who.id,
            session_id: who.session_id.map(|session| session.0),
            role: who.role,
            address: self.client.address.map(|address| address.to_string()),
            action,
            outcome,
            operation: self.operation.as_ref().map(|name| name.chars().take(OPERATION).collect()),
            shape_id: self.shape.as_ref().map(|shape| shape.id()),
            subject_id: None,
            row_count: 0,
            patients: Vec::new(),
            reason: None,
        }
    }

    /// The events of this request, to be written.
    pub fn entry(&self, events: Vec<Event>) -> Entry {
        Entry { events, shape: self.shape.clone() }
    }
}

impl Witness {
    /// The witness of a viewer's request.
    pub fn new(viewer: &Viewer, request: RequestContext) -> Self {
        let glasses = viewer.glasses.iter().map(|glass| Broken { glass: glass.clone(), since: 0 }).collect();
        Self { request, who: Who::viewer(viewer), state: Mutex::new(State { glasses, ..State::default() }) }
    }

    /// The request.
    pub fn request(&self) -> &RequestContext {
        &self.request
    }

    /// Notes that the viewer opens a restricted record. What the request sees of it from now on is marked.
    pub fn broke(&self, glass: Glass) {
        let mut state = self.state();
        let since = state.seen.len();
        state.glasses.push(Broken { glass, since });
    }

    /// The restricted records that are open to the request, the last to close behind the others.
    pub fn glasses(&self) -> Vec<Glass> {
        self.state().glasses.iter().map(|broken| broken.glass.clone()).collect()
    }

    /// Notes that the request sees a record of a patient: the patient's own, or another with its id and version. Seeing it
    /// twice is seeing it once.
    pub fn saw(&self, patient: PatientId, record: Uuid, version: i32) {
        self.state().seen.push(Seen { patient: patient.0, record: Some((record, version)) });
    }

    /// Notes that the request asks about the patient of this id, whatever it finds: a count tells something too.
    pub fn asked_about(&self, patient: PatientId) {
        self.state().seen.push(Seen { patient: patient.0, record: None });
    }

    /// Passes on what was found under an id that somebody gave, and notes the id when that is nothing: who tries ids shows.
    pub fn named<T>(&self, id: Uuid, found: Option<T>) -> Option<T> {
        if found.is_none() {
            self.subject(id);
        }
        found
    }

    /// Notes the one thing that is changed, or that was named and is not there.
    pub fn subject(&self, id: Uuid) {
        self.state().act.subject = Some(id);
    }

    /// Notes the reason that was given, if one was, of at most 500 characters.
    pub fn reason(&self, reason: Option<&str>) {
        self.state().act.reason = reason.filter(|reason| !reason.is_empty()).map(ToOwned::to_owned);
    }

    /// Says what is done, where it is neither READ for a query nor CHANGE for a mutation.
    pub fn action(&self, action: AuditAction) {
        self.state().act.action = Some(action);
    }

    /// The events of the change that is about to be committed, with all that the request has seen for it.
    pub(crate) fn change(&self, at: DateTime<Utc>) -> Entry {
        let state = self.state();
        let action = state.act.action.unwrap_or(AuditAction::Change);
        let events = self.events(&state, &state.seen[state.told..], at, action, AuditOutcome::Ok);
        drop(state);
        self.request.entry(events)
    }

    /// Notes that the events of the change are durable, with it.
    pub fn recorded(&self) {
        let mut state = self.state();
        state.told = state.seen.len();
        state.act.recorded = true;
    }

    /// Ends one mutation of the document: what no transaction has recorded is left for [`Witness::finish`].
    pub fn settle(&self, at: DateTime<Utc>, outcome: AuditOutcome) {
        let mut state = self.state();
        if !state.act.recorded {
            let action = state.act.action.unwrap_or(AuditAction::Change);
            let events = self.events(&state, &state.seen[state.told..], at, action, outcome);
            state.left.extend(events);
            state.told = state.seen.len();
        }
        state.settled += 1;
        state.failed += usize::from(outcome == AuditOutcome::Failed);
        state.act = Act::default();
    }

    /// The events that no transaction holds, when the request has run. A query leaves one when it asked for anything beyond
    /// its own sign-in; a mutation one for each of its fields that changed nothing, and one for what its payload shows beyond
    /// the change.
    pub fn finish(&self, at: DateTime<Utc>, ending: Ending) -> Entry {
        let mut state = self.state();
        let mut events = std::mem::take(&mut state.left);
        if ending.is_mutation {
            let action = state.act.action.unwrap_or(AuditAction::Change);
            // What failed before a service was asked: a field that is refused, an argument that does not fit.
            let refused = std::iter::repeat_n(AuditOutcome::Refused, ending.refused_roots);
            let failed = ending.failed_roots.saturating_sub(state.failed);
            let mut untold: Vec<_> = refused.chain(std::iter::repeat_n(AuditOutcome::Failed, failed)).collect();
            if untold.is_empty() && state.settled == 0 && !state.act.recorded && ending.asks {
                untold.push(ending.outcome());
            }
            for outcome in untold {
                events.extend(self.events(&state, &[], at, action, outcome));
            }
            let beyond = state.beyond();
            if !beyond.is_empty() || ending.refusals > ending.refused_roots {
                events.extend(self.events(&state, &beyond, at, AuditAction::Read, ending.outcome()));
            }
        } else if ending.asks || ending.refusals > 0 || !state.seen.is_empty() {
            let action = state.act.action.unwrap_or(AuditAction::Read);
            events.extend(self.events(&state, &state.seen, at, action, ending.outcome()));
        }
        drop(state);
        self.request.entry(events)
    }

    /// One event, or several when there are many patients; and one beside them for each restricted record that was opened in
    /// an emergency. A read tells of such a record there only.
    fn events(
        &self,
        state: &State,
        seen: &[Seen],
        at: DateTime<Utc>,
        action: AuditAction,
        outcome: AuditOutcome,
    ) -> Vec<Event> {
        let mut seen = seen.to_vec();
        seen.sort_unstable();
        seen.dedup();
        let mut event = self.request.event(at, self.who, action, outcome);
        event.subject_id = state.act.subject;
        event.reason.clone_from(&state.act.reason);
        let mut patients: Vec<&[Seen]> = seen.chunk_by(|one, other| one.patient == other.patient).collect();
        let marked: Vec<Event> = match action {
            AuditAction::BreakGlass => Vec::new(),
            _ => patients.iter().filter_map(|records| state.marked(&event, records)).collect(),
        };
        if action == AuditAction::Read {
            patients.retain(|records| state.broken(records[0].patient).is_none());
        }
        let mut parts: Vec<&[&[Seen]]> = patients.chunks(PATIENTS).collect();
        if parts.is_empty() && marked.is_empty() {
            parts.push(&[]);
        }
        let with = |part| with_patients(Event { id: event_id(at), ..event.clone() }, part);
        parts.into_iter().map(with).chain(marked).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not lose what has been seen.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was seen of patients that no event tells yet.
    fn beyond(&self) -> Vec<Seen> {
        let (told, rest) = self.seen.split_at(self.told);
        // What was told of a record before it was opened says nothing of what is seen of it since.
        let as_now = |(at, one): &(usize, &Seen)| self.broken(one.patient).is_none_or(|broken| broken.since <= *at);
        let told: HashSet<Uuid> = told.iter().enumerate().filter(as_now).map(|(_, one)| one.patient).collect();
        rest.iter().filter(|one| !told.contains(&one.patient)).copied().collect()
    }

    /// How the record of a patient was opened; the last time, when that was more than once.
    fn broken(&self, patient: Uuid) -> Option<&Broken> {
        self.glasses.iter().rev().find(|broken| broken.glass.patient_id.0 == patient)
    }

    /// The event of its own for records of one patient, if they were opened in an emergency.
    fn marked(&self, event: &Event, records: &&[Seen]) -> Option<Event> {
        let Broken { glass, .. } = self.broken(records.first()?.patient)?;
        let event = Event {
            id: event_id(event.at),
            action: AuditAction::BreakGlassRead,
            subject_id: Some(glass.id.0),
            reason: Some(glass.reason.clone()),
            ..event.clone()
        };
        Some(with_patients(event, &[records]))
    }
}

impl Ending {
    fn outcome(self) -> AuditOutcome {
        match (self.gives, self.failures > 0, self.refusals > 0) {
            (true, false, false) => AuditOutcome::Ok,
            (true, ..) => AuditOutcome::Partial,
            (false, true, _) => AuditOutcome::Failed,
            (false, false, _) => AuditOutcome::Refused,
        }
    }
}

/// The event with these patients, each a group of records.
fn with_patients(event: Event, patients: &[&[Seen]]) -> Event {
    let records = patients.iter().flat_map(|records| records.iter()).filter(|seen| seen.record.is_some()).count();
    let ids = patients.iter().filter_map(|records| records.first()).map(|seen| seen.patient);
    Event { row_count: i32::try_from(records).unwrap_or(i32::MAX), patients: ids.collect(), ..event }
}
