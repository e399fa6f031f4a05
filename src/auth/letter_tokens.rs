use std::fmt;

use sha2::{Digest, Sha256};

use super::opaque::{self, Opaque};
use crate::kernel::{HospitalId, InvitationId};
use crate::keys::random_secret;

/// What the token of every invitation begins with.
const INVITATION: &str = "pli_";
/// What every token for a new password begins with.
const RESET: &str = "plp_";

/// The token in the letter to somebody who is asked to join: `pli_`, the hospital, the invitation, a secret of 256 bits and
/// a checksum. It is used once.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationToken {
    /// The hospital that invites.
    pub hospital_id: HospitalId,
    /// The invitation.
    pub id: InvitationId,
    inner: Opaque,
}

impl InvitationToken {
    /// A new token.
    pub fn random(hospital_id: HospitalId, id: InvitationId) -> Self {
        Self { hospital_id, id, inner: Opaque::random(hospital_id, id.0) }
    }

    /// Reads a token as it is sent; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = Opaque::parse(INVITATION, text)?;
        Some(Self { hospital_id: inner.hospital_id, id: InvitationId(inner.id), inner })
    }

    /// The token as it is sent.
    pub fn reveal(&self) -> String {
        self.inner.reveal(INVITATION)
    }

    /// What is stored of it.
    pub fn secret_hash(&self) -> [u8; 32] {
        self.inner.secret_hash()
    }
}

/// The token in the letter to somebody who wants a new password: `plp_`, a secret of 256 bits and a checksum. It belongs to
/// an account, which is in no hospital. It is used once.
#[derive(Clone, PartialEq, Eq)]
pub struct ResetToken([u8; 32]);

impl ResetToken {
    /// A new token.
    pub fn random() -> Self {
        Self(random_secret())
    }

    /// Reads a token as it is sent; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        opaque::decode(RESET, text)?.try_into().ok().map(Self)
    }

    /// The token as it is sent.
    pub fn reveal(&self) -> String {
        opaque::encode(RESET, &self.0)
    }

    /// What is stored of it. A fast hash is enough, as for every secret of 256 random bits.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for InvitationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvitationToken({})", self.id)
    }
}

impl fmt::Debug for ResetToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResetToken")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_is_read_back_and_none_passes_for_another_kind() {
        let invitation = InvitationToken::random(HospitalId(Uuid::now_v7()), InvitationId(Uuid::now_v7()));
        let reset = ResetToken::random();
        assert_eq!(InvitationToken::parse(&invitation.reveal()), Some(invitation.clone()));
        assert_eq!(ResetToken::parse(&reset.reveal()), Some(reset.clone()));
        assert_eq!(ResetToken::parse(&invitation.reveal()), None);
        assert_eq!(ResetToken::parse(&invitation.reveal().replace(INVITATION, RESET)), None);
        assert_eq!(InvitationToken::parse(&reset.reveal()), None);
        assert_ne!(reset.secret_hash(), ResetToken::random().secret_hash());
        assert!(!format!("{invitation:?} {reset:?}").contains(&reset.reveal()[8..]));
    }
}
