use std::collections::BTreeSet;

use chrono::Duration;
use uuid::Uuid;

use super::input::{CreatePartnerKeyInput, RevokePartnerKeyInput};
use super::object::PartnerKeyObject;
use super::repo::{self, PartnerKeyRow};
use crate::auth::PartnerKey;
use crate::error::AppError;
use crate::graphql::{Check, Fail, UserError, UserErrorCode};
use crate::kernel::{Holders, PartnerKeyId, Permission, PermissionSet, Role, text};
use crate::tenancy::{HospitalScope, Page, PageRequest};

/// Longest life of a key.
const MAX_LIFE: Duration = Duration::days(365);
/// Most keys of one name that are alive: the old one and the new one.
const ALIVE: usize = 2;
const MAX_NETWORKS: usize = 20;

/// What can be granted to a key.
pub(in crate::domains) fn granted() -> impl Iterator<Item = Permission> {
    Permission::ALL.into_iter().filter(|permission| matches!(permission.holders(), Holders::RolesAndGrants(_)))
}

/// Everything that a key may do: what every partner may, and what was granted to it. A grant of something that can no
/// longer be granted counts for nothing.
pub(super) fn permission_set(row: &PartnerKeyRow) -> PermissionSet {
    let granted = granted().filter(|permission| row.permissions.iter().any(|name| name == permission.name()));
    Role::Partner.permissions().iter().chain(granted).collect()
}

pub(super) async fn list(scope: &HospitalScope, page: &PageRequest) -> Result<Page<PartnerKeyObject>, AppError> {
    let rows = repo::list(&*scope.read().await?, page).await?;
    Ok(page.page(rows).map(PartnerKeyObject::new))
}

pub(super) async fn count(scope: &HospitalScope) -> Result<u64, AppError> {
    Ok(repo::count(&*scope.read().await?).await?)
}

/// The key with this id.
pub(in crate::domains) async fn find(
    scope: &HospitalScope,
    id: PartnerKeyId,
) -> Result<Option<PartnerKeyObject>, AppError> {
    let row = repo::by_id(&*scope.read().await?, scope.hospital_id(), id).await?;
    Ok(row.map(PartnerKeyObject::new))
}

/// The keys with these ids.
pub(super) async fn by_ids(scope: &HospitalScope, ids: Vec<PartnerKeyId>) -> Result<Vec<PartnerKeyObject>, AppError> {
    let rows = repo::by_ids(&*scope.read().await?, ids).await?;
    Ok(rows.into_iter().map(PartnerKeyObject::new).collect())
}

/// Makes a key. Its text is returned here and nowhere else.
pub(super) async fn create(
    scope: &HospitalScope,
    input: CreatePartnerKeyInput,
) -> Result<(PartnerKeyObject, String), Fail> {
    let now = scope.clock.now();
    let mut check = Check::default();
    let name = check.text("name", &input.name, 100, text::line);
    let permissions = permissions(&mut check, input.permissions.unwrap_or_default());
    let allowed_networks = networks(&mut check, input.allowed_networks.unwrap_or_default());
    let expires_at = input.expires_at.0;
    if expires_at <= now || expires_at > now + MAX_LIFE {
        let message = "expiresAt must be in the future, at most 365 days ahead.";
        check.refuse(UserErrorCode::Invalid, "expiresAt", message);
    }
    check.done()?;
    let key = PartnerKey::random(scope.hospital_id(), PartnerKeyId(Uuid::now_v7()));
    let row = PartnerKeyRow {
        hospital_id: scope.hospital_id().0,
        id: key.id.0,
        name: name.clone(),
        secret_hash: key.secret_hash().into(),
        permissions,
        allowed_networks,
        created_by_id: scope.staff_id()?.0,
        created_at: now,
        expires_at: chrono::SubsecRound::trunc_subsecs(expires_at, 6),
        revoked_at: None,
        last_used_at: None,
    };
    let tx = scope.write().await?;
    if repo::lock_alive(&tx, &name, now).await?.len() >= ALIVE {
        let message = "Two keys of this name are alive already. Revoke the older one first.";
        return Err(UserError::new(UserErrorCode::Taken, &["name"], message).into());
    }
    let row = repo::insert(&tx, row).await?;
    scope.witness().subject(row.id);
    tx.commit().await?;
    Ok((PartnerKeyObject::new(row), key.reveal()))
}

/// Revokes a key. Revoking it again changes nothing.
pub(super) async fn revoke(scope: &HospitalScope, input: RevokePartnerKeyInput) -> Result<PartnerKeyObject, Fail> {
    let id = PartnerKeyId::parse(&input.id)?;
    scope.witness().subject(id.0);
    let tx = scope.write().await?;
    let row = repo::lock(&tx, scope.hospital_id(), id).await?;
    let row = row.ok_or_else(|| UserError::not_found("id", "partner key"))?;
    let row = match row.revoked_at {
        Some(_) => row,
        None => repo::revoke(&tx, scope.hospital_id(), id, scope.clock.now()).await?,
    };
    tx.commit().await?;
    Ok(PartnerKeyObject::new(row))
}

fn permissions(check: &mut Check, wanted: Vec<Permission>) -> Vec<String> {
    let names = |permissions: &mut dyn Iterator<Item = Permission>| -> BTreeSet<&'static str> {
        permissions.map(Permission::name).collect()
    };
    let (wanted, may) = (names(&mut wanted.into_iter()), names(&mut granted()));
    let over: Vec<_> = wanted.difference(&may).copied().collect();
    if !over.is_empty() {
        let may = may.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("A partner key cannot be granted {}; it can be granted {may}.", over.join(", "));
        check.refuse(UserErrorCode::Invalid, "permissions", message);
    }
    wanted.into_iter().map(str::to_owned).collect()
}

fn networks(check: &mut Check, wanted: Vec<String>) -> Vec<String> {
    if wanted.len() > MAX_NETWORKS {
        let message = format!("allowedNetworks may have at most {MAX_NETWORKS} networks.");
        check.refuse(UserErrorCode::TooLong, "allowedNetworks", message);
    }
    let mut networks = Vec::new();
    for text in wanted.iter().take(MAX_NETWORKS) {
        let address = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
        match text.parse::<ipnet::IpNet>().or_else(|_| address()) {
            Ok(network) => networks.push(network.trunc().to_string()),
            Err(_) => {
                let message = "allowedNetworks must hold networks such as 203.0.113.0/24 or 2001:db8::/32.";
                check.refuse(UserErrorCode::Invalid, "allowedNetworks", message);
                break;
            }
        }
    }
    networks
}
