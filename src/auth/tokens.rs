use std::fmt;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::AppError;
use crate::kernel::{Actor, Clock, HospitalId, Role, SessionId, StaffId, Viewer};

const ISSUER: &str = "patient-logger";
const AUDIENCE: &str = "patient-logger-api";
/// RFC 9068, 2.1: tells access tokens from other tokens of the same issuer.
const TYPE: &str = "at+jwt";
/// How far the clocks of two servers may differ.
const LEEWAY_SECONDS: u64 = 5;

/// The installation's secret: signs tokens, and seals cursors.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file cannot be read or written.
    #[error("the signing key {0} cannot be read: {1}")]
    Io(String, std::io::Error),
    /// It is something else.
    #[error("{0} is not an Ed25519 private key in PKCS#8 PEM; make one with `openssl genpkey -algorithm ed25519`")]
    NotAKey(String),
}

impl SigningKey {
    /// Reads the key from a PEM file.
    ///
    /// # Errors
    /// When there is no such file, or it holds something else.
    pub fn read(path: &Path) -> Result<Self, SigningKeyError> {
        let pem =
            std::fs::read_to_string(path).map_err(|error| SigningKeyError::Io(path.display().to_string(), error))?;
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(&pem);
        key.map(Self).map_err(|_| SigningKeyError::NotAKey(path.display().to_string()))
    }

    /// Reads the key from a PEM file, which is made if it is missing, readable by its owner only.
    ///
    /// # Errors
    /// As [`SigningKey::read`], or when the file cannot be written.
    pub fn read_or_make(path: &Path) -> Result<Self, SigningKeyError> {
        let failed = |error| SigningKeyError::Io(path.display().to_string(), error);
        if !path.exists() {
            // Written aside and linked into place: of two processes that start at once, one makes the key.
            let aside = path.with_extension(Uuid::new_v4().simple().to_string());
            let pem =
                Self::random().0.to_pkcs8_pem(LineEnding::LF).map_err(|error| failed(std::io::Error::other(error)))?;
            write_private(&aside, pem.as_bytes()).map_err(failed)?;
            let linked = std::fs::hard_link(&aside, path);
            std::fs::remove_file(&aside).map_err(failed)?;
            if let Err(error) = linked
                && error.kind() != std::io::ErrorKind::AlreadyExists
            {
                return Err(failed(error));
            }
        }
        Self::read(path)
    }

    /// A key that lives as long as the process.
    pub fn random() -> Self {
        // Three random UUIDs hold 366 random bits from the system's generator.
        let mut seed = Sha256::new();
        seed.update(Uuid::new_v4());
        seed.update(Uuid::new_v4());
        seed.update(Uuid::new_v4());
        Self(ed25519_dalek::SigningKey::from_bytes(&seed.finalize().into()))
    }

    /// A secret for another use, from which this key cannot be found.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"patient-logger derived secret v1\0");
        hash.update(self.0.to_bytes());
        hash.update(purpose.as_bytes());
        hash.finalize().into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

/// A token and its end.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The JWT, for `Authorization: Bearer …`.
    pub token: String,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
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

/// Issues and verifies access tokens: Ed25519 JWTs (RFC 8037) that live for minutes.
#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime: Duration,
    clock: Clock,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// Tokens signed with `key` that live for `lifetime`.
    ///
    /// # Panics
    /// Never: a key that was read can be written.
    pub fn new(key: &SigningKey, lifetime: std::time::Duration, clock: Clock) -> Self {
        let private = key.0.to_pkcs8_der().expect("an Ed25519 key has a PKCS#8 form");
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The times are compared below, with our own clock.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_ed_der(private.as_bytes()),
            decoding: DecodingKey::from_ed_der(key.0.verifying_key().as_bytes()),
            validation,
            lifetime: Duration::from_std(lifetime).expect("minutes fit"),
            clock,
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
        let header = Header { typ: Some(TYPE.into()), ..Header::new(Algorithm::EdDSA) };
        let token = jsonwebtoken::encode(&header, &claims, &self.encoding)
            .map_err(|error| AppError::internal(error.to_string()))?;
        let expires_at = DateTime::from_timestamp(claims.exp, 0).unwrap_or(expires_at);
        Ok(AccessToken { token, expires_at })
    }

    /// Who a token speaks for; `None` if it is not one of ours, or not now. Whether its session still stands, and in which
    /// role, the token cannot know: `domains::sessions` asks that.
    pub fn verify(&self, token: &str) -> Option<Viewer> {
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        if decoded.header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let claims = decoded.claims;
        let now = self.clock.now().timestamp();
        let leeway = LEEWAY_SECONDS.cast_signed();
        if now >= claims.exp + leeway || now + leeway < claims.nbf || claims.iat > claims.exp {
            return None;
        }
        Some(Viewer {
            hospital_id: claims.hid,
            actor: Actor::Staff { id: claims.sub, session_id: claims.sid },
            role: claims.role,
            permissions: claims.role.permissions(),
            expires_at: DateTime::from_timestamp(claims.exp, 0)?,
        })
    }
}
