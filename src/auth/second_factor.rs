use std::fmt;

use sha2::{Digest, Sha256};
use totp_rs::{Builder, Totp};

use crate::keys::random_secret;

/// The name under which an authenticator app shows the account.
const ISSUER: &str = "Patient Logger";
/// How many steps of 30 seconds a code may be early or late (RFC 6238, 5.2, recommends one at most).
const SKEW: u16 = 1;
/// Bytes of a secret: as many as SHA-1 has (RFC 4226, 4, R6).
const SECRET_BYTES: usize = 20;
/// How many recovery codes somebody gets.
const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code. Each has 5 bits, together 120.
const RECOVERY_LENGTH: usize = 24;
/// Without I, L, O and U: nothing looks like something else, and no word is spelled (Crockford's Base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What an authenticator app and the server share: six digits every 30 seconds, as all apps can (RFC 6238 with SHA-1).
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor([u8; SECRET_BYTES]);

impl SecondFactor {
    /// A new secret.
    pub fn random() -> Self {
        let mut secret = [0; SECRET_BYTES];
        secret.copy_from_slice(&random_secret()[..SECRET_BYTES]);
        Self(secret)
    }

    /// One that was kept; `None` when these are not the bytes of one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What is kept of it, sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret for typing into an app, in Base 32.
    pub fn typed(&self) -> String {
        self.totp("").secret().to_base32()
    }

    /// The secret for an app that reads a picture: an `otpauth` URI in which the account has this name.
    pub fn uri(&self, account: &str) -> String {
        // A colon ends the name of the issuer there, and no app shows an escaped one well. Without one, the library finds
        // nothing wrong.
        self.totp(&account.replace(':', "_")).to_url().unwrap_or_default()
    }

    /// The time step of `code` when it is right at `time`, in seconds since 1970.
    pub fn step_of(&self, code: &str, time: i64) -> Option<i64> {
        let step = self.totp("").check(code, u64::try_from(time).ok()?)?;
        i64::try_from(step).ok()
    }

    fn totp(&self, account: &str) -> Totp {
        let builder = Builder::new().with_secret(self.0.to_vec()).with_skew(SKEW).with_account_name(account);
        builder.with_issuer(Some(ISSUER)).build_noncompliant()
    }
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecondFactor")
    }
}

/// A code that takes the place of the second factor once: for who has lost the telephone.
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// New ones.
    pub fn random() -> Vec<Self> {
        let code = || random_secret().iter().take(RECOVERY_LENGTH).map(|byte| letter(*byte)).collect();
        std::iter::repeat_with(code).map(Self).take(RECOVERY_CODES).collect()
    }

    /// Reads one as it is typed: capitals, spaces and hyphens do not matter. `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let kept = text.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_uppercase());
        let code: String = kept.take(RECOVERY_LENGTH + 1).collect();
        let fits = code.len() == RECOVERY_LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        fits.then_some(Self(code))
    }

    /// The code for reading, in groups of four.
    pub fn reveal(&self) -> String {
        let letters: Vec<char> = self.0.chars().collect();
        letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    }

    /// What is stored of it. It has 120 random bits, so a fast hash without a salt is enough (OWASP ASVS 5.0, 6.5.2, asks
    /// for more below 112 bits).
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

fn letter(byte: u8) -> char {
    ALPHABET[usize::from(byte % 32)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B has eight digits; apps show the last six.
        let factor = SecondFactor::from_bytes(b"12345678901234567890").unwrap();
        for (time, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(factor.step_of(code, time), Some(time / 30), "{time}");
            for near in [-30, 30] {
                assert_eq!(factor.step_of(code, time + near), Some(time / 30), "{time} {near}");
            }
            for far in [-60, 60] {
                assert_eq!(factor.step_of(code, time + far), None, "{time} {far}");
            }
        }
        for wrong in ["", "28708", "2870820", "+87082", "２８７０８２", "287082 "] {
            assert_eq!(factor.step_of(wrong, 59), None, "{wrong:?}");
        }
        assert_eq!(factor.step_of("287082", -1), None);
    }

    #[test]
    fn an_app_can_read_the_secret() {
        let factor = SecondFactor::from_bytes(b"12345678901234567890").unwrap();
        assert_eq!(factor.typed(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let uri = factor.uri("a:b@x.example");
        assert!(uri.starts_with("otpauth://totp/Patient%20Logger:a_b"), "{uri}");
        assert!(uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Patient%20Logger"), "{uri}");
        assert_eq!(SecondFactor::random().as_bytes().len(), 20);
    }

    #[test]
    fn a_recovery_code_is_read_however_it_is_typed() {
        let codes = RecoveryCode::random();
        assert_eq!(codes.len(), 10);
        for code in &codes {
            let shown = code.reveal();
            assert_eq!(shown.len(), 29);
            let spaced = format!(" {}", shown.replace('-', " "));
            for typed in [&shown, &shown.to_lowercase(), &shown.replace('-', ""), &spaced] {
                assert_eq!(RecoveryCode::parse(typed).unwrap().hash(), code.hash(), "{typed}");
            }
            assert_eq!(codes.iter().filter(|other| other.hash() == code.hash()).count(), 1);
        }
        for wrong in ["", "123456", "IIII-IIII-IIII-IIII-IIII-IIII", &"A".repeat(25), &"é".repeat(24)] {
            assert!(RecoveryCode::parse(wrong).is_none(), "{wrong}");
        }
    }
}
