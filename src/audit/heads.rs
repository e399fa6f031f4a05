//! Heads that are kept outside of the database: what makes a rewritten or shortened chain show.

use chrono::{DateTime, Utc};
use sea_orm::sqlx;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chain::Hash;
use super::trail::{Trail, TrailError, TrailHospital};

/// The newest heads of all hospitals, as `format.md` has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// One of each hospital whose chain has begun.
    pub heads: Vec<Head>,
}

/// The head of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Whose.
    pub hospital_id: Uuid,
    /// The number of the seal.
    pub no: i64,
    /// Its hash.
    #[serde(with = "hex")]
    pub head: Hash,
    /// When the seal was made.
    pub sealed_at: DateTime<Utc>,
}

impl Trail {
    /// The newest head of each of these hospitals.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn heads(&mut self, hospitals: &[TrailHospital]) -> Result<Heads, TrailError> {
        let mut heads = Vec::new();
        for hospital in hospitals {
            let mut snapshot = self.enter(hospital.id).await?;
            let newest: Option<(i64, Vec<u8>, DateTime<Utc>)> = sqlx::query_as(
                "SELECT no, head, sealed_at FROM audit_seals WHERE hospital_id = $1 ORDER BY no DESC LIMIT 1",
            )
            .bind(hospital.id)
            .fetch_optional(&mut *snapshot.seals)
            .await?;
            heads.extend(newest.and_then(|(no, head, sealed_at)| {
                Some(Head { hospital_id: hospital.id, no, head: head.try_into().ok()?, sealed_at })
            }));
        }
        Ok(Heads { heads })
    }
}

impl Heads {
    /// Reads what was kept: on each line a JSON object, or a signed one, which `signed` reads. The lines may be of any age.
    ///
    /// # Errors
    /// When a line is something else; it is named with `file`.
    pub fn read(file: &str, text: &str, signed: impl Fn(&str) -> Result<Self, String>) -> Result<Self, TrailError> {
        let mut heads = Vec::new();
        for (number, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
            let read = match line.starts_with('{') {
                true => serde_json::from_str::<Self>(line).map_err(|error| error.to_string()),
                false => signed(line),
            };
            let read = read.map_err(|why| TrailError::Heads {
                file: file.to_owned(),
                line: number + 1,
                why: format!("this is not what `patient-logger audit heads` writes: {why}"),
            })?;
            heads.extend(read.heads);
        }
        Ok(Self { heads })
    }
}

/// Hashes as text.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Hash;

    pub(super) fn serialize<S: Serializer>(hash: &Hash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::super::chain::hex(hash))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(from)?;
        super::super::chain::unhex(&text).ok_or_else(|| D::Error::custom("a head has 64 hexadecimal digits"))
    }
}
