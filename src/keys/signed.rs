use jsonwebtoken::{Algorithm, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{KeyError, KeyRing};

impl KeyRing {
    /// Signs what shall be kept outside of this installation: a JSON Web Signature in its compact form (RFC 7515), with EdDSA.
    /// `typ` says what it is, so that it is never taken for a token, nor for another statement.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn sign(&self, typ: &str, statement: &impl Serialize) -> Result<String, KeyError> {
        let key = self.signing();
        let header = Header { typ: Some(typ.to_owned()), kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, statement, &key.secret).map_err(|error| KeyError::NotSigned(error.to_string()))
    }

    /// Reads what [`KeyRing::sign`] signed with a key of this set.
    ///
    /// # Errors
    /// When it is something else, or not signed with one of these keys.
    pub fn signed<T: DeserializeOwned + Clone>(&self, typ: &str, text: &str) -> Result<T, KeyError> {
        let refused = |why: &str| KeyError::NotSigned(why.to_owned());
        let header = jsonwebtoken::decode_header(text).map_err(|_| refused("it is no JSON Web Signature"))?;
        if header.typ.as_deref() != Some(typ) || header.alg != Algorithm::EdDSA {
            return Err(refused(&format!("it is not signed as {typ}")));
        }
        let id = header.kid.unwrap_or_default();
        let key = self.verifying(&id).ok_or_else(|| refused(&format!("key {id} is not among these keys")))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        // It has no end and no audience: it says what was at its time.
        validation.set_required_spec_claims::<&str>(&[]);
        (validation.validate_exp, validation.validate_aud) = (false, false);
        let read = jsonwebtoken::decode::<T>(text, key, &validation);
        Ok(read.map_err(|_| refused("its signature or its content is broken"))?.claims)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_signed_is_read_by_those_who_have_the_key_as_what_it_is() {
        let (ours, theirs) = (KeyRing::random(None), KeyRing::random(None));
        let text = ours.sign("heads", &json!({ "no": 7 })).unwrap();
        assert_eq!(ours.signed::<Value>("heads", &text).unwrap(), json!({ "no": 7 }));
        let broken = format!("{}A{}", &text[..text.len() - 8], &text[text.len() - 7..]);
        for (ring, typ, text) in [
            (&theirs, "heads", &text),
            (&ours, "tails", &text),
            (&ours, "heads", &broken),
            (&ours, "heads", &"x".into()),
        ] {
            assert!(matches!(ring.signed::<Value>(typ, text), Err(KeyError::NotSigned(_))));
        }
    }
}
