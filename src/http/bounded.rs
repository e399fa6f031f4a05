//! JSON up to a size.

use std::io;

use serde::Serialize;

/// Why a value is not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// It takes more bytes than there may be.
    TooLarge,
    /// It cannot be JSON.
    Unfit(serde_json::Error),
}

/// Writes a value as JSON and stops where it takes more than `limit` bytes, so that no more than these are ever held.
///
/// # Errors
/// When it takes more, or is not to be written as JSON at all.
pub(super) fn to_json(value: &impl Serialize, limit: usize) -> Result<Vec<u8>, WriteError> {
    let mut bounded = Bounded { bytes: Vec::with_capacity(1_024.min(limit)), limit };
    match serde_json::to_writer(&mut bounded, value) {
        Ok(()) => Ok(bounded.bytes),
        // The writer has no other fault to report.
        Err(error) if error.is_io() => Err(WriteError::TooLarge),
        Err(error) => Err(WriteError::Unfit(error)),
    }
}

struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if more.len() > self.limit - self.bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_that_fits_is_written_and_the_next_one_is_too_much() {
        assert_eq!(to_json(&["é", "\n"], 11).unwrap(), "[\"é\",\"\\n\"]".as_bytes());
        assert!(matches!(to_json(&["é", "\n"], 10), Err(WriteError::TooLarge)));
        assert!(matches!(to_json(&"", 0), Err(WriteError::TooLarge)));
    }
}
