use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::AppError;
use crate::kernel::{Actor, Clock, HospitalId, Role, SessionId, StaffId, Viewer};
use crate::keys::Keys;

const ISSUER: &str = "patient-logger";
const AUDIENCE: &str = "patient-logger-api";
/// RFC 9068, 2.1: tells access tokens from other tokens of the same issuer.
const TYPE: &str = "at+jwt";
/// How far the clocks of two servers may differ.
const LEEWAY_SECONDS: i64 = 5;

/// Tokens whose signature is remembered.
const REMEMBERED: usize = 8_192;

/// A token and its end.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The JWT, for `Authorization: Bearer …`.
    pub token: String,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
}

/// The header of a token. Nothing else may stand in it: no key (`jwk`, `x5c`), no place to fetch one (`jku`, `x5u`), no
/// extension to be understood (`crit`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenHeader {
    typ: String,
    alg: Algorithm,
    kid: String,
}

/// Every claim is required and typed: a token that lacks one, or has it in another type, is no token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    /// The staff record.
    sub: StaffId,
    /// The hospital.
    hid: HospitalId,
    role: Role,
    /// The sign-in.
    sid: SessionId,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
}

/// What a token says, and the key that signed it.
struct Signed {
    kid: String,
    claims: Claims,
}

/// Issues and verifies access tokens: Ed25519 JWTs (RFC 8037) that live for minutes.
#[derive(Clone)]
pub struct Tokens {
    keys: Keys,
    validation: Validation,
    lifetime: Duration,
    clock: Clock,
    /// By the hash of the token: a client sends the same one again and again, and checking a signature takes longer than all else
    /// that a small request does without SQL.
    signed: Arc<Cache<[u8; 32], Arc<Signed>>>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// Tokens signed with the first of `keys` that live for `lifetime`.
    ///
    /// # Panics
    /// When `lifetime` is longer than the calendar.
    pub fn new(keys: Keys, lifetime: std::time::Duration, clock: Clock) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The times are compared below, with our own clock.
        validation.validate_exp = false;
        Self {
            keys,
            validation,
            lifetime: Duration::from_std(lifetime).expect("minutes fit"),
            clock,
            signed: Arc::new(Cache::new(REMEMBERED)),
        }
    }

    /// A new token for a member of staff who has signed in.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn issue(
        &self,
        staff: StaffId,
        hospital: HospitalId,
        role: Role,
        session: SessionId,
    ) -> Result<AccessToken, AppError> {
        self.issue_until(staff, hospital, role, session, DateTime::<Utc>::MAX_UTC)
    }

    /// As [`Tokens::issue`], for a token that ends at `latest_end` if not before: no token says that it outlives its session.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn issue_until(
        &self,
        staff: StaffId,
        hospital: HospitalId,
        role: Role,
        session: SessionId,
        latest_end: DateTime<Utc>,
    ) -> Result<AccessToken, AppError> {
        let now = self.clock.now();
        let expires_at = latest_end.min(now + self.lifetime);
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: staff,
            hid: hospital,
            role,
            sid: session,
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: expires_at.timestamp(),
            jti: Uuid::new_v4(),
        };
        let ring = self.keys.ring();
        let key = ring.signing();
        let header = Header { typ: Some(TYPE.into()), kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
        let token = jsonwebtoken::encode(&header, &claims, &key.secret)
            .map_err(|error| AppError::internal(error.to_string()))?;
        let expires_at = DateTime::from_timestamp(claims.exp, 0).unwrap_or(expires_at);
        Ok(AccessToken { token, expires_at })
    }

    /// Who a token speaks for; `None` if it is not one of ours, or not now. Whether its session still stands, and in which
    /// role, the token cannot know: `domains::sessions` asks that.
    pub fn verify(&self, token: &str) -> Option<Viewer> {
        let hash = Sha256::digest(token).into();
        let signed = match self.signed.get(&hash) {
            // A key that was retired since speaks for nobody.
            Some(signed) => self.keys.ring().verifying(&signed.kid).map(|_| signed)?,
            None => {
                let signed = Arc::new(self.signed(token)?);
                self.signed.insert(hash, Arc::clone(&signed));
                signed
            }
        };
        let claims = &signed.claims;
        let now = self.clock.now().timestamp();
        let issued_so = claims.nbf == claims.iat && claims.iat <= claims.exp;
        if !issued_so || now >= claims.exp.saturating_add(LEEWAY_SECONDS) || now + LEEWAY_SECONDS < claims.nbf {
            return None;
        }
        Some(Viewer {
            hospital_id: claims.hid,
            actor: Actor::Staff { id: claims.sub, session_id: claims.sid },
            role: claims.role,
            permissions: claims.role.permissions(),
            expires_at: DateTime::from_timestamp(claims.exp, 0)?,
            glasses: Vec::new(),
        })
    }

    /// What a token says, if one of our keys has signed it.
    fn signed(&self, token: &str) -> Option<Signed> {
        let (header, _) = token.split_once('.')?;
        let header = serde_json::from_slice::<TokenHeader>(&BASE64_URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.typ != TYPE || header.alg != Algorithm::EdDSA {
            return None;
        }
        let ring = self.keys.ring();
        let key = ring.verifying(&header.kid)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok()?.claims;
        Some(Signed { kid: header.kid, claims })
    }
}
