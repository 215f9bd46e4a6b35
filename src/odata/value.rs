//! Values of properties.

use std::cmp::Ordering;

use uuid::Uuid;

use super::model::Kind;
use super::time::{DateTime, Duration};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// `Edm.Boolean`
    Boolean(bool),
    /// `Edm.Int32`
    Int32(i32),
    /// `Edm.Int64`
    Int64(i64),
    /// `Edm.Double`
    Double(f64),
    /// `Edm.String`
    String(String),
    /// `Edm.DateTime`
    DateTime(DateTime),
    /// `Edm.Time`
    Time(Duration),
    /// `Edm.Guid`
    Guid(Uuid),
    /// A structure's values in the order of its type; what is missing is null.
    Complex(Vec<(&'static str, Value)>),
    /// A list.
    Collection(Vec<Value>),
}

/// What values can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Null,
    Boolean,
    Number,
    Text,
    DateTime,
    Time,
    Guid,
    Structure,
}

impl Family {
    pub(super) fn of_kind(kind: Kind) -> Family {
        match kind {
            Kind::String => Family::Text,
            Kind::Int32 | Kind::Int64 | Kind::Double => Family::Number,
            Kind::Boolean => Family::Boolean,
            Kind::DateTime => Family::DateTime,
            Kind::Time => Family::Time,
            Kind::Guid => Family::Guid,
            Kind::Complex(_) | Kind::Collection(_) => Family::Structure,
        }
    }

    /// For messages.
    pub(super) fn word(self) -> &'static str {
        match self {
            Family::Null => "null",
            Family::Boolean => "a truth value",
            Family::Number => "a number",
            Family::Text => "a text",
            Family::DateTime => "a date",
            Family::Time => "a length of time",
            Family::Guid => "a GUID",
            Family::Structure => "a structure",
        }
    }
}

impl Value {
    pub(super) fn family(&self) -> Family {
        match self {
            Value::Null => Family::Null,
            Value::Boolean(_) => Family::Boolean,
            Value::Int32(_) | Value::Int64(_) | Value::Double(_) => Family::Number,
            Value::String(_) => Family::Text,
            Value::DateTime(_) => Family::DateTime,
            Value::Time(_) => Family::Time,
            Value::Guid(_) => Family::Guid,
            Value::Complex(_) | Value::Collection(_) => Family::Structure,
        }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::String(text.into())
    }

    /// A text, or null.
    pub fn maybe(text: Option<impl Into<String>>) -> Value {
        text.map_or(Value::Null, Value::text)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int32(number) => Some(i64::from(*number)),
            Value::Int64(number) => Some(*number),
            _ => None,
        }
    }

    /// The number as a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int32(number) => Some(f64::from(*number)),
            Value::Int64(number) => Some(*number as f64),
            Value::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// A value of a structure; null where it has none, and of anything else.
    pub fn field(&self, name: &str) -> &Value {
        match self {
            Value::Complex(fields) => fields.iter().find(|(own, _)| *own == name).map_or(&Value::Null, |(_, v)| v),
            _ => &Value::Null,
        }
    }

    /// How two values of one family compare; `None` where they do not, null and NaN included.
    pub(super) fn partial_compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
            (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
            (Value::Guid(a), Value::Guid(b)) => Some(a.cmp(b)),
            _ => match (self.as_i64(), other.as_i64()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => self.as_f64()?.partial_cmp(&other.as_f64()?),
            },
        }
    }
}
