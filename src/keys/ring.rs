use std::collections::HashMap;
use std::fmt;

use aes_gcm_siv::Aes256GcmSiv;
use aes_gcm_siv::aead::KeyInit;
use chrono::{DateTime, Utc};
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::jwk::{self, Jwk, JwkSet};
use super::random_secret;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Signs access tokens.
    Sign,
    /// Seals cursors and whatever else only this installation shall read.
    Seal,
}

impl KeyUse {
    /// The member `use` of a JSON Web Key (RFC 7517, section 4.2).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sig",
            Self::Seal => "enc",
        }
    }
}

/// A key with its id.
#[derive(Clone)]
pub struct Key {
    id: String,
    made_at: Option<DateTime<Utc>>,
    secret: Secret,
}

#[derive(Clone)]
pub(super) enum Secret {
    Signing(ed25519_dalek::SigningKey),
    Sealing([u8; 32]),
}

impl Key {
    /// A new key.
    pub fn random(key_use: KeyUse, made_at: Option<DateTime<Utc>>) -> Self {
        let secret = random_secret();
        let secret = match key_use {
            KeyUse::Sign => Secret::Signing(ed25519_dalek::SigningKey::from_bytes(&secret)),
            KeyUse::Seal => Secret::Sealing(secret),
        };
        Self::new(secret, made_at)
    }

    pub(super) fn new(secret: Secret, made_at: Option<DateTime<Utc>>) -> Self {
        Self { id: jwk::thumbprint(&secret), made_at, secret }
    }

    /// Its RFC 7638 thumbprint: `kid` of a token, and by its first four bytes of what it sealed.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is for.
    pub fn key_use(&self) -> KeyUse {
        match self.secret {
            Secret::Signing(_) => KeyUse::Sign,
            Secret::Sealing(_) => KeyUse::Seal,
        }
    }

    /// When it was made, if its file says so.
    pub fn made_at(&self) -> Option<DateTime<Utc>> {
        self.made_at
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.key_use().as_str(), self.id)
    }
}

/// Why a set of keys cannot be used, or not be changed like that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no set of keys, or one of its keys is none.
    #[error("{0}")]
    NotASet(String),
    /// No key has this id, or several begin with it.
    #[error("{0} keys have an id that begins with \"{1}\"; `patient-logger keys list` shows the ids")]
    NotOne(usize, String),
    /// A statement is not signed with one of these keys, or cannot be.
    #[error("{0}")]
    NotSigned(String),
    /// The first key of its use cannot go.
    #[error(
        "{0} is in use: promote another key first, wait until the tokens that it signed have ended, and retire it then"
    )]
    InUse(String),
}

/// A set of keys, ready for use: at least one for each use.
pub struct KeyRing {
    keys: Vec<Key>,
    signing: SigningKey,
    verifying: HashMap<String, DecodingKey>,
    sealing: Vec<([u8; SHORT_ID], Aes256GcmSiv)>,
    public: String,
}

/// Bytes of a sealing key's id in front of what it sealed.
pub(super) const SHORT_ID: usize = 4;

/// The key that signs now.
pub struct SigningKey {
    /// Its id, for the header of a token.
    pub id: String,
    /// Its secret.
    pub secret: EncodingKey,
}

impl KeyRing {
    /// A new set: one key for each use.
    pub fn random(made_at: Option<DateTime<Utc>>) -> Self {
        let keys = vec![Key::random(KeyUse::Sign, made_at), Key::random(KeyUse::Seal, made_at)];
        Self::new(keys).expect("two new keys are a set")
    }

    /// A set of these keys, the first of a use being the one that signs or seals.
    ///
    /// # Errors
    /// When a use has no key, or two keys could be taken for one another.
    pub fn new(keys: Vec<Key>) -> Result<Self, KeyError> {
        let (mut signing, mut verifying, mut sealing, mut public) = (None, HashMap::new(), Vec::new(), Vec::new());
        for key in &keys {
            match key.secret() {
                Secret::Signing(pair) => {
                    let der = pair.to_pkcs8_der().map_err(|error| KeyError::NotASet(error.to_string()))?;
                    signing.get_or_insert_with(|| SigningKey {
                        id: key.id.clone(),
                        secret: EncodingKey::from_ed_der(der.as_bytes()),
                    });
                    let verifier = DecodingKey::from_ed_der(pair.verifying_key().as_bytes());
                    if verifying.insert(key.id.clone(), verifier).is_some() {
                        return Err(KeyError::NotASet(format!("the key {} stands there twice", key.id)));
                    }
                    public.push(jwk::public(&key.id, &pair.verifying_key()));
                }
                Secret::Sealing(secret) => {
                    let short = short_id(&key.id);
                    if sealing.iter().any(|(other, _)| *other == short) {
                        return Err(KeyError::NotASet(format!("another key begins like {}, or is the same", key.id)));
                    }
                    sealing.push((short, Aes256GcmSiv::new(&(*secret).into())));
                }
            }
        }
        let missing = |key_use: KeyUse| {
            let word = key_use.as_str();
            KeyError::NotASet(format!(
                "it has no key with \"use\": \"{word}\"; `patient-logger keys add {word}` makes one"
            ))
        };
        let signing = signing.ok_or_else(|| missing(KeyUse::Sign))?;
        if sealing.is_empty() {
            return Err(missing(KeyUse::Seal));
        }
        Ok(Self { keys, signing, verifying, sealing, public: json!({ "keys": public }).to_string() })
    }

    /// Reads a JSON Web Key Set with private keys.
    ///
    /// # Errors
    /// When it is something else, or as [`KeyRing::new`]. No error shows a key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        // serde quotes what it found, which may be a secret; the place is enough.
        let set: JwkSet = serde_json::from_str(text)
            .map_err(|error| KeyError::NotASet(format!("see line {}, column {}", error.line(), error.column())))?;
        let read = |(at, jwk): (usize, &Jwk)| {
            jwk.read().map_err(|fault| KeyError::NotASet(format!("its key {}: {fault}", at + 1)))
        };
        Self::new(set.keys.iter().enumerate().map(read).collect::<Result<_, _>>()?)
    }

    /// The set as [`KeyRing::parse`] reads it. It is secret.
    pub fn to_private_json(&self) -> String {
        let set = JwkSet { keys: self.keys.iter().map(Jwk::of).collect() };
        serde_json::to_string_pretty(&set).unwrap_or_default() + "\n"
    }

    /// The public keys that verify signatures, as a JSON Web Key Set for everybody.
    pub fn public_json(&self) -> &str {
        &self.public
    }

    /// All keys in their order.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Whether a key is the one of its use that signs or seals.
    pub fn is_first(&self, key: &Key) -> bool {
        self.keys.iter().find(|other| other.key_use() == key.key_use()).is_some_and(|first| first.id == key.id)
    }

    /// The key that signs.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The key that verifies what the signing key of this id has signed; `None` for one that is not in the set.
    pub fn verifying(&self, id: &str) -> Option<&DecodingKey> {
        self.verifying.get(id)
    }

    /// The key that seals, with what is set before the sealed text.
    pub(super) fn sealing(&self) -> &([u8; SHORT_ID], Aes256GcmSiv) {
        &self.sealing[0]
    }

    /// The key that opens what begins with these bytes.
    pub(super) fn opening(&self, short: &[u8]) -> Option<&Aes256GcmSiv> {
        self.sealing.iter().find(|(id, _)| id == short).map(|(_, cipher)| cipher)
    }

    /// A secret for another use, from which no key can be found. It comes from the sealing key in use, so it is another one
    /// when that changes: only for what may then begin anew, such as counters.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let first = self.keys.iter().find_map(|key| match key.secret() {
            Secret::Sealing(secret) => Some(secret),
            Secret::Signing(_) => None,
        });
        let mut hash = Sha256::new();
        hash.update(b"patient-logger derived secret v1\0");
        hash.update(first.expect("a set has a sealing key"));
        hash.update(purpose);
        hash.finalize().into()
    }

    /// The only key whose id begins with `start`.
    ///
    /// # Errors
    /// When it is none or several.
    pub fn find(&self, start: &str) -> Result<&Key, KeyError> {
        let mut found = self.keys.iter().filter(|key| key.id.starts_with(start));
        match (found.next(), found.count()) {
            (Some(key), 0) => Ok(key),
            (first, rest) => Err(KeyError::NotOne(usize::from(first.is_some()) + rest, start.to_owned())),
        }
    }

    /// The set with one more key, the last of its use: it is accepted and not yet used.
    ///
    /// # Errors
    /// When the key is there already.
    pub fn with(&self, key: Key) -> Result<Self, KeyError> {
        Self::new(self.keys.iter().cloned().chain([key]).collect())
    }

    /// The set with this key as the first: it signs or seals from now on.
    ///
    /// # Errors
    /// When no key has this id.
    pub fn promoted(&self, id: &str) -> Result<Self, KeyError> {
        let key = self.find(id)?;
        let others = self.keys.iter().filter(|other| other.id != key.id);
        Self::new([key].into_iter().chain(others).cloned().collect())
    }

    /// The set without this key: what it signed or sealed is worth nothing from now on.
    ///
    /// # Errors
    /// When no key has this id, or it is the one in use.
    pub fn without(&self, id: &str) -> Result<Self, KeyError> {
        let key = self.find(id)?;
        if self.is_first(key) {
            return Err(KeyError::InUse(key.id.clone()));
        }
        Self::new(self.keys.iter().filter(|other| other.id != key.id).cloned().collect())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

/// The first bytes of a thumbprint.
fn short_id(id: &str) -> [u8; SHORT_ID] {
    use base64::Engine;
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(id).unwrap_or_default();
    bytes.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_the_one_of_the_standard() {
        // RFC 8037, appendix A.3.
        let jwk = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty":"oct","use":"enc","kid":"KID","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;
        let id = Key::new(Secret::Sealing([0; 32]), None).id;
        let ring = KeyRing::parse(&jwk.replace("KID", &id)).unwrap();
        assert_eq!(ring.signing().id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let again = KeyRing::parse(&ring.to_private_json()).unwrap();
        assert_eq!(again.to_private_json(), ring.to_private_json());
        let public = ring.public_json();
        assert!(public.contains("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), "{public}");
        for secret in ["nWGxne_9", "\"d\"", "\"k\"", "oct", &id] {
            assert!(!public.contains(secret) && !format!("{ring:?}").contains("nWGxne_9"), "{secret} in {public}");
        }
    }

    #[test]
    fn what_is_not_a_set_of_keys_is_refused_and_never_shown() {
        let good = KeyRing::random(None).to_private_json();
        let set: serde_json::Value = serde_json::from_str(&good).unwrap();
        let change = |key: usize, member: &str, value: serde_json::Value| {
            let mut set = set.clone();
            set["keys"][key][member] = value;
            set.to_string()
        };
        let twice = |key: usize| {
            let mut set = set.clone();
            let again = set["keys"][key].clone();
            set["keys"].as_array_mut().unwrap().push(again);
            set.to_string()
        };
        let only = |key: usize| json!({ "keys": [set["keys"][key]] }).to_string();
        let cases = [
            (String::new(), "line 1"),
            (good.replace("\"keys\"", "\"key\""), "line"),
            ("{\"keys\": [\"canary\"]}".into(), "line 1"),
            (json!({ "keys": [] }).to_string(), "keys add sig"),
            (only(0), "keys add enc"),
            (only(1), "keys add sig"),
            (twice(0), "stands there twice"),
            (twice(1), "or is the same"),
            (change(0, "kid", json!("canary")), "thumbprint"),
            (change(0, "d", json!("canary")), "\"d\" is not 32 bytes"),
            (change(0, "x", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")), "not the public key"),
            (change(0, "crv", json!("X25519")), "only {"),
            (change(0, "use", json!("enc")), "only {"),
            (change(1, "kty", json!("RSA")), "only {"),
            (change(1, "k", json!("Y2FuYXJ5")), "\"k\" is not 32 bytes"),
        ];
        for (text, why) in cases {
            let error = KeyRing::parse(&text).expect_err(why).to_string();
            assert!(error.contains(why) && !error.contains("canary"), "{error}: {text}");
        }
        KeyRing::parse(&change(0, "x5u", json!("https://elsewhere.example"))).expect("a stranger is ignored");
    }

    #[test]
    fn the_first_key_of_a_use_is_the_one_in_use_and_cannot_go() {
        let ring = KeyRing::random(None);
        let old = ring.signing().id.clone();
        let new = Key::random(KeyUse::Sign, None);
        let id = new.id().to_owned();
        let ring = ring.with(new).unwrap();
        assert_eq!(ring.signing().id, old);
        assert!(ring.verifying(&id).is_some(), "accepted before it is used");
        assert_eq!(ring.without(&old).unwrap_err(), KeyError::InUse(old.clone()));
        let ring = ring.promoted(&id[..12]).unwrap();
        assert_eq!(ring.signing().id, id);
        assert!(ring.verifying(&old).is_some());
        let ring = ring.without(&old).unwrap();
        assert!(ring.verifying(&old).is_none());
        assert_eq!(ring.without("").unwrap_err(), KeyError::NotOne(2, String::new()));
        assert_eq!(ring.promoted(&old).unwrap_err(), KeyError::NotOne(0, old));
        let sealing = ring.keys().iter().find(|key| key.key_use() == KeyUse::Seal).unwrap().id().to_owned();
        assert_eq!(ring.without(&sealing).unwrap_err(), KeyError::InUse(sealing));
    }
}
