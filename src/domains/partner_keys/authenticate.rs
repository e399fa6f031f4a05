//! From a key to a viewer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Duration, Utc};
use sea_orm::DbErr;
use tokio::time::Instant;

use super::repo::{self, PartnerKeyRow};
use super::service::permission_set;
use crate::audit::{ActorKind, AuditAction, AuditOutcome, RequestContext, Who};
use crate::auth::PartnerKey;
use crate::error::AppError;
use crate::kernel::{Actor, Clock, HospitalId, PartnerKeyId, Role, Viewer};
use crate::tenancy::Database;

/// How long a key that was looked up is believed: half of the two seconds in which a revoked key must stop.
const BELIEVED: std::time::Duration = std::time::Duration::from_secs(1);
/// How exactly the last use of a key is kept.
const LAST_USE: Duration = Duration::seconds(60);
/// Most keys remembered. Only keys that are right are.
const REMEMBERED: usize = 10_000;

/// Turns keys into viewers, remembering each for a second.
#[derive(Clone, Debug)]
pub struct PartnerKeys {
    database: Database,
    clock: Clock,
    known: Arc<Mutex<HashMap<PartnerKeyId, Known>>>,
}

#[derive(Clone, Debug)]
struct Known {
    row: Arc<PartnerKeyRow>,
    looked_up: Instant,
    use_noted: Option<DateTime<Utc>>,
}

impl PartnerKeys {
    /// Keys of this database.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock, known: Arc::default() }
    }

    /// Who a key speaks for when it is sent with this request; `None` when it is not a key, not any more, or not from there. Of
    /// a key that exists the hospital learns that it was refused.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn verify(&self, text: &str, request: &RequestContext) -> Result<Option<Viewer>, AppError> {
        let Some(key) = PartnerKey::parse(text) else { return Ok(None) };
        let Some(known) = self.look_up(&key).await? else { return Ok(None) };
        let row = &known.row;
        let now = self.clock.now();
        // The hashes are compared in constant time by being hashes: how many bytes of them agree says nothing of the secret.
        let holds = row.secret_hash == key.secret_hash() && row.hospital_id == key.hospital_id.0;
        if !holds
            || row.revoked_at.is_some()
            || row.expires_at <= now
            || !allows(&row.allowed_networks, request.client.address)
        {
            let hospital_id = HospitalId(row.hospital_id);
            let (kind, role) = (ActorKind::PartnerKey, Role::Partner);
            let who = Who { hospital_id, kind, id: row.id, session_id: None, role };
            let event = request.event(now, who, AuditAction::SignIn, AuditOutcome::Refused);
            self.database.leave(request.entry(vec![event]));
            return Ok(None);
        }
        self.note_use(&key, &known, now);
        Ok(Some(Viewer {
            hospital_id: key.hospital_id,
            actor: Actor::PartnerKey(key.id),
            role: Role::Partner,
            permissions: permission_set(row),
            expires_at: row.expires_at,
            glasses: Vec::new(),
        }))
    }

    /// The hospital of a key that was right when it was last looked up. Told without SQL: whether the key still holds is another
    /// question.
    pub fn hospital(&self, text: &str) -> Option<HospitalId> {
        let key = PartnerKey::parse(text)?;
        let known = self.known.lock().ok()?;
        let row = &known.get(&key.id)?.row;
        (row.secret_hash == key.secret_hash() && row.hospital_id == key.hospital_id.0).then_some(key.hospital_id)
    }

    async fn look_up(&self, key: &PartnerKey) -> Result<Option<Known>, AppError> {
        let known = self.known.lock().ok().and_then(|known| known.get(&key.id).cloned());
        if let Some(fresh) = &known
            && fresh.looked_up.elapsed() < BELIEVED
        {
            return Ok(known);
        }
        let looked_up = Instant::now();
        let Some(row) = self.read(key.hospital_id, key.id).await? else { return Ok(None) };
        let use_noted = known.and_then(|known| known.use_noted).or(row.last_used_at);
        let found = Known { row: Arc::new(row), looked_up, use_noted };
        // A wrong secret is not remembered: strangers must not fill this.
        if found.row.secret_hash == key.secret_hash()
            && let Ok(mut known) = self.known.lock()
        {
            if known.len() >= REMEMBERED {
                known.retain(|_, known| known.looked_up.elapsed() < BELIEVED);
            }
            known.insert(key.id, found.clone());
        }
        Ok(Some(found))
    }

    async fn read(&self, hospital: HospitalId, id: PartnerKeyId) -> Result<Option<PartnerKeyRow>, DbErr> {
        let tx = self.database.begin_for_credential(hospital).await?;
        let row = repo::by_id(&tx, hospital, id).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Notes the use, at most once a minute, beside the request: it must not wait for a write.
    fn note_use(&self, key: &PartnerKey, known: &Known, now: DateTime<Utc>) {
        if known.use_noted.is_some_and(|noted| now - noted < LAST_USE) {
            return;
        }
        if let Ok(mut all) = self.known.lock()
            && let Some(known) = all.get_mut(&key.id)
        {
            known.use_noted = Some(now);
        }
        let (database, hospital, id) = (self.database.clone(), key.hospital_id, key.id);
        tokio::spawn(async move {
            let written = async {
                let tx = database.begin_for_credential(hospital).await?;
                repo::used(&tx, hospital, id, now).await?;
                tx.commit().await
            };
            if let Err(error) = written.await {
                tracing::warn!(%error, "the last use of a partner key was not noted");
            }
        });
    }
}

fn allows(networks: &[String], address: Option<IpAddr>) -> bool {
    networks.is_empty()
        || networks.iter().filter_map(|network| network.parse::<ipnet::IpNet>().ok()).any(|network| {
            // An IPv4 client may arrive on an IPv6 socket.
            address.is_some_and(|address| network.contains(&address.to_canonical()))
        })
}
