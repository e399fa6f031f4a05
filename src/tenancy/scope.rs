use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::DbErr;
use tokio::sync::Mutex;

use super::sight::Sight;
use super::{Database, Tx, WriteTx};
use crate::audit::{AuditAction, AuditOutcome, Ending, Entry, Receipt, RequestContext, Witness};
use crate::error::{AppError, ErrorCode};
use crate::kernel::{Clock, HospitalId, StaffId, Viewer};

/// One request of one viewer in one hospital. Services take it first: no viewer, no service.
#[derive(Debug)]
pub struct HospitalScope {
    /// Who asks.
    pub viewer: Viewer,
    /// What time it is.
    pub clock: Clock,
    database: Database,
    witness: Arc<Witness>,
    snapshot: Mutex<Option<Arc<Tx>>>,
    writes: AtomicU64,
}

/// The key under which a loader of a request keeps a row. It changes with each write of the request, so that what a
/// mutation answers is read after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoadKey<K> {
    /// What is loaded.
    pub id: K,
    writes: u64,
}

impl HospitalScope {
    /// The scope of a viewer in a request. Opens no connection.
    pub fn new(database: Database, clock: Clock, viewer: Viewer, request: RequestContext) -> Self {
        let witness = Arc::new(Witness::new(&viewer, request));
        Self { viewer, clock, database, witness, snapshot: Mutex::new(None), writes: AtomicU64::new(0) }
    }

    /// What the request leaves in the audit trail.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Hands over what the request leaves in the audit trail beside its changes, when it has run. The answer leaves when the
    /// receipt says so.
    pub fn leave_events(&self, ending: Ending) -> Receipt {
        let Entry { mut events, shape } = self.witness.finish(self.clock.now(), ending);
        if !self.database.audits_reads() {
            events.retain(|event| event.action != AuditAction::Read || event.outcome == AuditOutcome::Refused);
        }
        self.database.lane().submit(Entry { events, shape })
    }

    /// The hospital that the request happens in.
    pub fn hospital_id(&self) -> HospitalId {
        self.viewer.hospital_id
    }

    /// The viewer's staff record, for what only staff does.
    ///
    /// # Errors
    /// When the viewer is a partner's key. The labels refuse it earlier; this is the second answer.
    pub fn staff_id(&self) -> Result<StaffId, AppError> {
        let refused = || AppError::public(ErrorCode::Forbidden, "Only a member of staff may do this.");
        self.viewer.staff_id().ok_or_else(refused)
    }

    /// The snapshot that all reads of this request share, opened now if it is not open.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn read(&self) -> Result<Arc<Tx>, DbErr> {
        let mut snapshot = self.snapshot.lock().await;
        if let Some(tx) = &*snapshot {
            return Ok(tx.clone());
        }
        let mode = "ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let tx = Arc::new(self.database.begin(mode, &self.sight()).await?);
        *snapshot = Some(tx.clone());
        Ok(tx)
    }

    /// A transaction for one change. Reads after it see it.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn write(&self) -> Result<WriteTx, DbErr> {
        // The snapshot would be too old afterwards; and a request that held one connection while it waits for another
        // could wait for ever, as soon as all connections are held by such requests.
        self.close().await;
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.database.begin_write(&self.sight(), Some((self.witness.clone(), self.clock.clone()))).await
    }

    fn sight(&self) -> Sight {
        Sight::viewer(&self.viewer, &self.witness, self.clock.now())
    }

    /// Ends the snapshot. A later read opens a new one.
    pub async fn close(&self) {
        let taken = self.snapshot.lock().await.take();
        if let Some(tx) = taken {
            tx.leave().await;
        }
    }

    /// The key of `id` for a loader.
    pub fn key<K>(&self, id: K) -> LoadKey<K> {
        LoadKey { id, writes: self.writes.load(Ordering::Relaxed) }
    }
}
