//! Functions of expressions (OData URL Conventions, 5.1.1.4).

use super::limits::TEXT_CHARACTERS;
use super::value::{Family, Value};

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    SubstringOf,
    StartsWith,
    EndsWith,
    Length,
    IndexOf,
    Replace,
    Substring,
    ToLower,
    ToUpper,
    Trim,
    Concat,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Round,
    Floor,
    Ceiling,
}

/// Name, function, families of the parameters, how many of them must be given, family of the result.
type Row = (&'static str, Function, &'static [Family], usize, Family);

const FUNCTIONS: [Row; 20] = {
    use Family::{Boolean, DateTime, Number, Text};
    use Function as F;
    [
        ("substringof", F::SubstringOf, &[Text, Text], 2, Boolean),
        ("startswith", F::StartsWith, &[Text, Text], 2, Boolean),
        ("endswith", F::EndsWith, &[Text, Text], 2, Boolean),
        ("length", F::Length, &[Text], 1, Number),
        ("indexof", F::IndexOf, &[Text, Text], 2, Number),
        ("replace", F::Replace, &[Text, Text, Text], 3, Text),
        ("substring", F::Substring, &[Text, Number, Number], 2, Text),
        ("tolower", F::ToLower, &[Text], 1, Text),
        ("toupper", F::ToUpper, &[Text], 1, Text),
        ("trim", F::Trim, &[Text], 1, Text),
        ("concat", F::Concat, &[Text, Text], 2, Text),
        ("year", F::Year, &[DateTime], 1, Number),
        ("month", F::Month, &[DateTime], 1, Number),
        ("day", F::Day, &[DateTime], 1, Number),
        ("hour", F::Hour, &[DateTime], 1, Number),
        ("minute", F::Minute, &[DateTime], 1, Number),
        ("second", F::Second, &[DateTime], 1, Number),
        ("round", F::Round, &[Number], 1, Number),
        ("floor", F::Floor, &[Number], 1, Number),
        ("ceiling", F::Ceiling, &[Number], 1, Number),
    ]
};

/// The function of that name.
pub(super) fn named(name: &str) -> Option<&'static Row> {
    FUNCTIONS.iter().find(|row| row.0 == name)
}

/// The function's value; null if an argument is null or the text would be too long.
pub(super) fn call(function: Function, arguments: &[Value]) -> Value {
    let text = |i: usize| arguments.get(i).and_then(Value::as_str);
    let number = |i: usize| arguments.get(i).and_then(Value::as_i64);
    let part = |i: usize| match arguments.first() {
        Some(Value::DateTime(time)) => i32::try_from(time.parts()[i]).ok().map(Value::Int32),
        _ => None,
    };
    let float = |apply: fn(f64) -> f64| match arguments.first() {
        Some(Value::Double(number)) => Some(Value::Double(apply(*number))),
        Some(whole @ (Value::Int32(_) | Value::Int64(_))) => Some(whole.clone()),
        _ => None,
    };
    let result = || -> Option<Value> {
        Some(match function {
            Function::SubstringOf => Value::Boolean(text(1)?.contains(text(0)?)),
            Function::StartsWith => Value::Boolean(text(0)?.starts_with(text(1)?)),
            Function::EndsWith => Value::Boolean(text(0)?.ends_with(text(1)?)),
            Function::Length => count(text(0)?),
            Function::IndexOf => match text(0)?.find(text(1)?) {
                Some(bytes) => count(&text(0)?[..bytes]),
                None => Value::Int32(-1),
            },
            Function::Replace => replace(text(0)?, text(1)?, text(2)?)?,
            Function::Substring => substring(text(0)?, number(1)?, arguments.get(2).map(Value::as_i64))?,
            Function::ToLower => bounded(text(0)?.to_lowercase())?,
            Function::ToUpper => bounded(text(0)?.to_uppercase())?,
            Function::Trim => Value::text(text(0)?.trim()),
            Function::Concat => bounded(format!("{}{}", text(0)?, text(1)?))?,
            Function::Year => part(0)?,
            Function::Month => part(1)?,
            Function::Day => part(2)?,
            Function::Hour => part(3)?,
            Function::Minute => part(4)?,
            Function::Second => part(5)?,
            Function::Round => float(f64::round)?,
            Function::Floor => float(f64::floor)?,
            Function::Ceiling => float(f64::ceil)?,
        })
    };
    result().unwrap_or(Value::Null)
}

fn count(text: &str) -> Value {
    Value::Int32(i32::try_from(text.chars().count()).unwrap_or(i32::MAX))
}

fn bounded(text: String) -> Option<Value> {
    (text.len() <= TEXT_CHARACTERS).then_some(Value::String(text))
}

fn replace(text: &str, old: &str, new: &str) -> Option<Value> {
    if old.is_empty() {
        return Some(Value::text(text));
    }
    let longer = text.matches(old).count().saturating_mul(new.len().saturating_sub(old.len()));
    if text.len().saturating_add(longer) > TEXT_CHARACTERS { None } else { Some(Value::String(text.replace(old, new))) }
}

/// Counted in characters; what lies outside of the text is left out.
fn substring(text: &str, start: i64, length: Option<Option<i64>>) -> Option<Value> {
    let start = usize::try_from(start.max(0)).ok()?;
    let rest = text.chars().skip(start);
    Some(Value::String(match length {
        None => rest.collect(),
        Some(length) => rest.take(usize::try_from(length?.max(0)).ok()?).collect(),
    }))
}
