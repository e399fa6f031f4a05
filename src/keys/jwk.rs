//! Keys as JSON Web Keys: RFC 7517, with RFC 8037 for Ed25519 and RFC 7638 for the ids.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::ring::{Key, KeyUse, Secret};

/// A set, as the file holds it.
#[derive(Deserialize, Serialize)]
pub(super) struct JwkSet {
    pub(super) keys: Vec<Jwk>,
}

/// One key, private parts included. What a set may hold beside these members is ignored, as RFC 7517 (section 4) asks.
#[derive(Deserialize, Serialize)]
pub(super) struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    key_use: String,
    kid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<String>,
    /// When it was made, in seconds since 1970 (OpenID Federation 1.0, section 8.7.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
}

impl Jwk {
    pub(super) fn of(key: &Key) -> Self {
        let (kid, iat) = (key.id().to_owned(), key.made_at().map(|time| time.timestamp()));
        let bare =
            |kty: &str, key_use: KeyUse| Self { key_use: key_use.as_str().into(), kid, iat, ..Self::empty(kty.into()) };
        match key.secret() {
            Secret::Signing(key) => Self {
                alg: Some("EdDSA".into()),
                crv: Some("Ed25519".into()),
                x: Some(encode(key.verifying_key().as_bytes())),
                d: Some(encode(key.as_bytes())),
                ..bare("OKP", KeyUse::Sign)
            },
            Secret::Sealing(secret) => Self { k: Some(encode(secret)), ..bare("oct", KeyUse::Seal) },
        }
    }

    fn empty(kty: String) -> Self {
        let (key_use, kid) = (String::new(), String::new());
        Self { kty, key_use, kid, alg: None, crv: None, x: None, d: None, k: None, iat: None }
    }

    /// The key, or what is wrong with it.
    pub(super) fn read(&self) -> Result<Key, String> {
        let secret = |member: &str, value: &Option<String>| {
            let bytes = value.as_ref().and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
            let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            bytes.ok_or_else(|| format!("its \"{member}\" is not 32 bytes in base64url"))
        };
        let secret = match (self.kty.as_str(), self.key_use.as_str()) {
            ("OKP", "sig") if self.crv.as_deref() == Some("Ed25519") => {
                let key = ed25519_dalek::SigningKey::from_bytes(&secret("d", &self.d)?);
                if secret("x", &self.x)? != key.verifying_key().to_bytes() {
                    return Err("its \"x\" is not the public key of its \"d\"".into());
                }
                Secret::Signing(key)
            }
            ("oct", "enc") => Secret::Sealing(secret("k", &self.k)?),
            _ => {
                return Err(
                    "only {\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"use\": \"sig\"} and {\"kty\": \"oct\", \"use\": \"enc\"} \
                     are known"
                        .into(),
                );
            }
        };
        let made_at = self.iat.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let key = Key::new(secret, made_at);
        if key.id() == self.kid { Ok(key) } else { Err("its \"kid\" is not its RFC 7638 thumbprint".into()) }
    }
}

/// The public half of a signing key, as everybody may see it.
pub(super) fn public(id: &str, key: &ed25519_dalek::VerifyingKey) -> serde_json::Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": encode(key.as_bytes()) })
}

/// The id of a key: the SHA-256 of its required members in their order (RFC 7638, section 3). That of a sealing key tells
/// nothing of it, because the key has 256 random bits (section 7).
pub(super) fn thumbprint(secret: &Secret) -> String {
    let members = match secret {
        Secret::Signing(key) => {
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(key.verifying_key().as_bytes()))
        }
        Secret::Sealing(secret) => format!(r#"{{"k":"{}","kty":"oct"}}"#, encode(secret)),
    };
    encode(&Sha256::digest(members))
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
