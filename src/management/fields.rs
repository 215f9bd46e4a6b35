//! What bodies say of properties.

use super::address::shorten;
use super::error::Error;
use super::row::Row;
use crate::odata::json::Body;
use crate::odata::{Record, Value};
use crate::time::UtcTime;

/// A text: `None` if it is not mentioned, `Some(None)` if it is null.
pub fn text(body: &Body, property: &str) -> Option<Option<String>> {
    body.get(property).map(|value| value.as_str().map(str::to_owned))
}

/// A text that is there and not empty.
pub fn given(body: &Body, property: &str) -> Option<String> {
    text(body, property).flatten().filter(|text| !text.is_empty())
}

/// A text that has to be there.
pub fn required(body: &Body, property: &'static str, how: &'static str) -> Result<String, Error> {
    given(body, property).ok_or(Error::Missing { property, how })
}

/// A whole number that is there.
pub fn number(body: &Body, property: &str) -> Option<i64> {
    body.get(property).and_then(Value::as_i64)
}

/// A truth value that is there.
pub fn truth(body: &Body, property: &str) -> Option<bool> {
    match body.get(property) {
        Some(Value::Boolean(truth)) => Some(*truth),
        _ => None,
    }
}

/// A moment that is there; before 1970 is 1970.
pub fn moment(value: Option<&Value>) -> Option<UtcTime> {
    match value {
        Some(Value::DateTime(time)) => Some(UtcTime { unix_millis: u64::try_from(time.milliseconds()).unwrap_or(0) }),
        _ => None,
    }
}

/// An identifier in a property.
pub fn id<I: std::str::FromStr<Err = crate::catalog::IdError>>(text: &str) -> Result<I, Error> {
    text.parse().map_err(|error: crate::catalog::IdError| Error::Catalog(error.into()))
}

/// One of a numbered kind, by its number.
pub fn numbered<T>(
    property: &'static str,
    number: i64,
    from: impl FnOnce(i64) -> Option<T>,
    how: &'static str,
) -> Result<T, Error> {
    from(number).ok_or_else(|| Error::Value { property, found: number.to_string(), how })
}

/// Refuses other values for what is fixed. What is sent back as it is does no harm.
pub fn fixed(body: &Body, row: &Row, properties: &[&'static str]) -> Result<(), Error> {
    let what = row.entity_type().name;
    for &property in properties {
        match body.get(property) {
            None | Some(Value::Null) => {}
            Some(value) if same(value, &row.value(property)) => {}
            Some(_) => return Err(Error::Fixed { property, what }),
        }
    }
    Ok(())
}

/// Identifiers are the same in any case.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.eq_ignore_ascii_case(b),
        _ => a == b,
    }
}

/// A value that cannot be.
pub fn wrong(property: &'static str, found: &str, how: &'static str) -> Error {
    Error::Value { property, found: format!("'{}'", shorten(found)), how }
}
