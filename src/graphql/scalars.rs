use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{NaiveDate, SecondsFormat, Utc};

/// A calendar date without a time zone, as in RFC 3339 (`full-date`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date(pub NaiveDate);

/// A calendar date without a time zone, such as `1984-02-29` (RFC 3339, `full-date`).
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339#section-5.6")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        // chrono would also take 1984-2-9, +984-02-09 and 1984- 2- 9; RFC 3339 does not.
        let has_form = text.len() == 10
            && text
                .bytes()
                .enumerate()
                .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
        match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(date) if has_form => Ok(Self(date)),
            _ => Err(InputValueError::custom(format!("\"{}\" is not a date such as 1984-02-29", shown(text)))),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

/// A moment, as in RFC 3339 (`date-time`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateTime(pub chrono::DateTime<Utc>);

/// A moment, such as `2026-02-28T07:30:00Z` (RFC 3339, `date-time`). It may be sent with any offset and is answered in
/// UTC; the server keeps microseconds.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339#section-5.6")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let parsed = chrono::DateTime::parse_from_rfc3339(text);
        parsed.map(|time| Self(time.to_utc())).map_err(|_| {
            InputValueError::custom(format!("\"{}\" is not a time such as 2026-02-28T07:30:00Z", shown(text)))
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl From<chrono::DateTime<Utc>> for DateTime {
    fn from(time: chrono::DateTime<Utc>) -> Self {
        Self(time)
    }
}

/// The beginning of a text that does not fit, for the message that says so.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_the_form_of_rfc_3339_and_is_a_day_that_there_is() {
        for good in ["1984-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(Date::parse(good.into()).unwrap().to_value(), good.into());
        }
        for bad in [
            "1983-02-29",
            "1984-2-29",
            "+984-02-29",
            "-984-02-29",
            " 984-02-29",
            "1984- 2-29",
            "1984-02-29 ",
            "84-02-29",
            "1984/02/29",
            "1984-02-29T00:00:00Z",
            "19840-2-29",
            "1984-13-01",
            "1984-00-10",
            "",
            "١٩٨٤-02-29",
        ] {
            assert!(Date::parse(bad.into()).is_err(), "{bad}");
        }
        assert!(Date::parse(Value::from(19_840_229)).is_err());
    }

    #[test]
    fn a_time_has_an_offset_and_is_one_moment_however_it_is_written() {
        for (given, kept) in [
            ("2026-02-28T07:30:00Z", "2026-02-28T07:30:00Z"),
            ("2026-02-28T07:30:00.123456+02:00", "2026-02-28T05:30:00.123456Z"),
            ("2026-02-28t23:59:59-23:59", "2026-03-01T23:58:59Z"),
        ] {
            assert_eq!(DateTime::parse(given.into()).unwrap().to_value(), kept.into());
        }
        for bad in [
            "2026-02-28T07:30:00",
            "2026-02-28",
            "2026-02-28T07:30Z",
            "2026-02-28T24:00:00Z",
            "2026-02-30T07:30:00Z",
            "+2026-02-28T07:30:00Z",
            "now",
            "",
            "1772263800",
        ] {
            assert!(DateTime::parse(bad.into()).is_err(), "{bad}");
        }
    }
}
