//! Rows as `COPY … TO STDOUT (FORMAT binary)` sends them. A row is one piece of what came over the wire, so reading a
//! million of them allocates next to nothing.

use bytes::{Buf, Bytes};
use chrono::{DateTime, NaiveDate, Utc};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sea_orm::sqlx::{self, PgConnection};
use uuid::Uuid;

use super::chain::{self, Hash};

/// What stands in front of the first row.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// The rows of a query, one after the other.
pub(super) struct Rows<'c> {
    stream: BoxStream<'c, sqlx::Result<Bytes>>,
    rest: Bytes,
    begun: bool,
}

/// A row: its columns, each with its length in front.
pub(super) struct Row(Bytes);

impl<'c> Rows<'c> {
    /// Runs a query, which can have no parameters here.
    pub(super) async fn of(connection: &'c mut PgConnection, query: &str) -> sqlx::Result<Self> {
        let copy = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
        let stream = connection.copy_out_raw(&copy).await?;
        Ok(Self { stream, rest: Bytes::new(), begun: false })
    }

    pub(super) async fn next(&mut self) -> sqlx::Result<Option<Row>> {
        while self.rest.is_empty() {
            let Some(piece) = self.stream.next().await else { return Ok(None) };
            self.rest = piece?;
            if !self.begun {
                self.begun = true;
                self.skip_header()?;
            }
        }
        let columns = self.rest.try_get_i16().map_err(|_| malformed())?;
        if columns == -1 {
            // The connection is free for its next statement when the stream has ended.
            while let Some(piece) = self.stream.next().await {
                piece?;
            }
            return Ok(None);
        }
        let mut length = 0;
        for _ in 0..columns {
            length += Columns(&self.rest[length..]).try_next()?.len();
        }
        Ok(Some(Row(self.rest.split_to(length))))
    }

    fn skip_header(&mut self) -> sqlx::Result<()> {
        if !self.rest.starts_with(SIGNATURE) {
            return Err(malformed());
        }
        self.rest.advance(SIGNATURE.len());
        let _flags = self.rest.try_get_i32().map_err(|_| malformed())?;
        let extension = self.rest.try_get_u32().map_err(|_| malformed())?;
        let extension = usize::try_from(extension).map_err(|_| malformed())?;
        if extension > self.rest.len() {
            return Err(malformed());
        }
        self.rest.advance(extension);
        Ok(())
    }
}

impl Row {
    pub(super) fn columns(&self) -> Columns<'_> {
        Columns(&self.0)
    }
}

/// The columns of a row, read from the front.
#[derive(Clone)]
pub(super) struct Columns<'r>(&'r [u8]);

impl<'r> Columns<'r> {
    /// The next column with its length in front.
    fn try_next(&mut self) -> sqlx::Result<&'r [u8]> {
        let length = self.0.first_chunk::<4>().ok_or_else(malformed)?;
        // -1 is null, which has no bytes.
        let end = 4 + usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (column, rest) = self.0.split_at_checked(end).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(column)
    }

    /// The bytes of the next column; of null there are none.
    pub(super) fn bytes(&mut self) -> sqlx::Result<&'r [u8]> {
        Ok(&self.try_next()?[4..])
    }

    fn array<const N: usize>(&mut self) -> sqlx::Result<[u8; N]> {
        self.bytes()?.try_into().map_err(|_| malformed())
    }

    pub(super) fn uuid(&mut self) -> sqlx::Result<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    pub(super) fn long(&mut self) -> sqlx::Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn int(&mut self) -> sqlx::Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn hash(&mut self) -> sqlx::Result<Hash> {
        self.array()
    }

    pub(super) fn hashes(&mut self) -> sqlx::Result<Vec<Hash>> {
        let (hashes, rest) = self.bytes()?.as_chunks();
        if rest.is_empty() { Ok(hashes.to_vec()) } else { Err(malformed()) }
    }

    pub(super) fn time(&mut self) -> sqlx::Result<DateTime<Utc>> {
        chain::time(self.long()?).ok_or_else(malformed)
    }

    pub(super) fn date(&mut self) -> sqlx::Result<NaiveDate> {
        chain::date(self.int()?).ok_or_else(malformed)
    }
}

impl<'r> Iterator for Columns<'r> {
    type Item = &'r [u8];

    fn next(&mut self) -> Option<&'r [u8]> {
        self.try_next().ok()
    }
}

fn malformed() -> sqlx::Error {
    sqlx::Error::Protocol("a row is not in the binary form of COPY".into())
}
