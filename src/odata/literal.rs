//! Literals of URLs (OData URL Conventions, 5.1.1.6).

use uuid::Uuid;

use super::error::Error;
use super::lexer::{Token, Words};
use super::time::{DateTime, Duration};
use super::value::Value;

/// The one literal that `text` is: `'text'`, `5`, `5L`, `1.5`, `true`, `null`, `guid'…'`, `datetime'…'` ….
///
/// # Errors
/// [`Error::Syntax`] with `what` as the place.
pub fn literal(what: &'static str, text: &str) -> Result<Value, Error> {
    let mut words = Words::new(what, text)?;
    let value = take(&mut words)?;
    words.finish()?;
    Ok(value)
}

/// Takes a literal from `words`.
pub(super) fn take(words: &mut Words) -> Result<Value, Error> {
    let negative = words.accept('-');
    let value = match words.peek() {
        Some(Token::Literal(value)) => value.clone(),
        Some(Token::Name(name)) => match word(name) {
            Some(value) => value,
            None => return Err(words.problem(format!("'{name}' is no literal; texts stand in quotes"))),
        },
        _ => return Err(words.problem("a literal is expected")),
    };
    let value =
        if negative { negate(&value).ok_or_else(|| words.problem("only a number can be negative"))? } else { value };
    words.take();
    Ok(value)
}

/// A literal that is a word.
pub(super) fn word(name: &str) -> Option<Value> {
    Some(match name {
        "null" => Value::Null,
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        "INF" => Value::Double(f64::INFINITY),
        "NaN" => Value::Double(f64::NAN),
        _ => return None,
    })
}

/// `kind'inner'`.
pub(super) fn typed(kind: &str, inner: &str) -> Option<Value> {
    match kind {
        "datetime" | "datetimeoffset" => DateTime::parse(inner).map(Value::DateTime),
        "guid" => Uuid::try_parse(inner).ok().map(Value::Guid),
        "time" => Duration::parse(inner).map(Value::Time),
        _ => None,
    }
}

/// A number with a suffix or without: whole numbers are `Edm.Int32` where they fit, `Edm.Int64` where that
/// fits or `L` is written, everything else `Edm.Double`.
pub(super) fn number(text: &str) -> Option<Value> {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if let Some(whole) = text.strip_suffix(['L', 'l']) {
        return digits(whole).then(|| whole.parse().ok().map(Value::Int64))?;
    }
    if digits(text) {
        let small = text.parse().map(Value::Int32).or_else(|_| text.parse().map(Value::Int64));
        return small.ok().or_else(|| text.parse().ok().map(Value::Double));
    }
    let plain = text.strip_suffix(['d', 'D', 'f', 'F', 'm', 'M']).unwrap_or(text);
    let numeric = plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    numeric.then(|| plain.parse().ok().map(Value::Double))?
}

pub(super) fn negate(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Int32(n) => n.checked_neg().map(Value::Int32).unwrap_or(Value::Int64(-i64::from(*n))),
        Value::Int64(n) => Value::Int64(n.checked_neg()?),
        Value::Double(n) => Value::Double(-n),
        Value::Time(t) => Value::Time(Duration { ticks: t.ticks.checked_neg()? }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_all_kinds() {
        let id = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        for (text, value) in [
            ("'it''s'", Value::text("it's")),
            ("''", Value::text("")),
            ("5", Value::Int32(5)),
            ("-5", Value::Int32(-5)),
            ("5L", Value::Int64(5)),
            ("3000000000", Value::Int64(3_000_000_000)),
            ("1.5", Value::Double(1.5)),
            ("1.5d", Value::Double(1.5)),
            ("2m", Value::Double(2.0)),
            ("1e3", Value::Double(1000.0)),
            ("-1E-3", Value::Double(-0.001)),
            ("true", Value::Boolean(true)),
            ("null", Value::Null),
            ("-INF", Value::Double(f64::NEG_INFINITY)),
            ("guid'00112233-4455-6677-8899-aabbccddeeff'", Value::Guid(id)),
            ("datetime'1970-01-01T00:00:01'", Value::DateTime(DateTime::from_milliseconds(1000))),
            ("datetimeoffset'1970-01-01T01:00:01+01:00'", Value::DateTime(DateTime::from_milliseconds(1000))),
            ("time'PT1S'", Value::Time(Duration { ticks: 10_000_000 })),
        ] {
            assert_eq!(literal("the value", text).unwrap(), value, "{text}");
        }
        for text in [
            "",
            "'open",
            "abc",
            "5x",
            "guid'5'",
            "datetime'yesterday'",
            "-'a'",
            "1 2",
            "--1",
            "X'00'",
            "5LL",
            "1e",
            ".",
        ] {
            assert!(literal("the value", text).is_err(), "{text}");
        }
    }
}
