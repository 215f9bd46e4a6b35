//! Bodies of requests.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::odata::error::{Error, shorten};
use crate::odata::model::{EntityType, Kind, Navigation, Property};
use crate::odata::time::{DateTime, Duration};
use crate::odata::value::Value;

/// What a client says of an entity: only what it named.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Properties with their values.
    pub values: Vec<(&'static str, Value)>,
    /// Links with what they lead to.
    pub links: Vec<(&'static str, Vec<Reference>)>,
}

/// What a link in a body leads to.
#[derive(Debug, Clone)]
pub enum Reference {
    /// An entity that exists, by its address.
    Uri(String),
    /// A new entity.
    Inline(Body),
}

impl Body {
    /// The value that was named; null counts as a value.
    pub fn get(&self, property: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| *name == property).map(|(_, value)| value)
    }
}

/// Reads an entity of type `entity`. Numbers may stand in quotes, as old clients write them; what begins with
/// `__` or contains `odata.` is passed over.
///
/// # Errors
/// [`Error`] for what is no JSON, for properties that the type does not have and for values of other types.
pub fn object(bytes: &[u8], entity: &'static EntityType) -> Result<Body, Error> {
    let document = parse(bytes)?;
    read_entity(&document, entity)
}

fn read_entity(members: &Map<String, Json>, entity: &'static EntityType) -> Result<Body, Error> {
    let mut body = Body::default();
    for (name, json) in members {
        if let Some(property) = entity.property(name) {
            body.values.push((property.name, value(property.name, property.kind, json)?));
        } else if let Some(navigation) = entity.navigation(name) {
            if let Some(references) = references(navigation, json)? {
                body.links.push((navigation.name, references));
            }
        } else if let Some((navigation, "odata.bind")) = name.split_once('@') {
            let unknown = || Error::UnknownProperty { entity: entity.name, property: shorten(navigation) };
            let navigation = entity.navigation(navigation).ok_or_else(unknown)?;
            body.links.push((navigation.name, binds(navigation, json)?));
        } else if !is_annotation(name) {
            return Err(Error::UnknownProperty { entity: entity.name, property: shorten(name) });
        }
    }
    Ok(body)
}

fn is_annotation(name: &str) -> bool {
    name.starts_with("__") || name.starts_with("odata.") || name.contains("@odata.")
}

/// Entities under the name of a link: `[{"__metadata":{"uri":"…"}}]`, new ones, or both; `None` for links that
/// were only sent back as they came (`__deferred`).
fn references(navigation: &'static Navigation, json: &Json) -> Result<Option<Vec<Reference>>, Error> {
    let items = match json {
        Json::Null => return Ok(None),
        Json::Array(items) => items.as_slice(),
        Json::Object(members) if members.contains_key("__deferred") => return Ok(None),
        Json::Object(members) => match members.get("results") {
            Some(Json::Array(items)) => items.as_slice(),
            _ => std::slice::from_ref(json),
        },
        other => return Err(wrong(navigation.name, "a list of entities", other)),
    };
    let read = |item: &Json| {
        let Json::Object(members) = item else { return Err(wrong(navigation.name, "a list of entities", item)) };
        match members.get("__metadata").and_then(|metadata| metadata.get("uri")) {
            Some(Json::String(uri)) => Ok(Reference::Uri(uri.clone())),
            _ => read_entity(members, (navigation.target)()).map(Reference::Inline),
        }
    };
    items.iter().map(read).collect::<Result<_, _>>().map(Some)
}

/// `"Name@odata.bind": ["…"]` or one address alone.
fn binds(navigation: &'static Navigation, json: &Json) -> Result<Vec<Reference>, Error> {
    let items = match json {
        Json::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let read = |item: &Json| match item {
        Json::String(uri) => Ok(Reference::Uri(uri.clone())),
        other => Err(wrong(navigation.name, "the address of an entity", other)),
    };
    items.iter().map(read).collect()
}

/// Reads the parameters of an operation from a body; no body is no parameter. Names are compared without case,
/// because the service's own documents differ.
///
/// # Errors
/// As [`object`].
pub fn parameters(bytes: &[u8], parameters: &'static [Property]) -> Result<Vec<(&'static str, Value)>, Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let mut values = Vec::new();
    for (name, json) in &parse(bytes)? {
        match parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name)) {
            Some(parameter) => values.push((parameter.name, value(parameter.name, parameter.kind, json)?)),
            None if is_annotation(name) => {}
            None => return Err(Error::UnknownProperty { entity: "the operation", property: shorten(name) }),
        }
    }
    Ok(values)
}

/// The address in the body of a link: `{"uri":"…"}`, and `{"url":"…"}` of version 3.
///
/// # Errors
/// [`Error::Json`] if there is none.
pub fn link(bytes: &[u8]) -> Result<String, Error> {
    let members = parse(bytes)?;
    match members.get("uri").or_else(|| members.get("url")) {
        Some(Json::String(uri)) => Ok(uri.clone()),
        _ => Err(Error::Json { problem: "a link is {\"uri\":\"…\"} with the address of an entity".to_owned() }),
    }
}

fn parse(bytes: &[u8]) -> Result<Map<String, Json>, Error> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match serde_json::from_slice(bytes) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(_) => Err(Error::Json { problem: "it has to be {…}".to_owned() }),
        Err(error) => {
            let text = error.to_string();
            Err(Error::Json { problem: if bytes.is_empty() { "it is empty".to_owned() } else { text } })
        }
    }
}

fn value(name: &str, kind: Kind, json: &Json) -> Result<Value, Error> {
    let wrong = |expected| wrong(name, expected, json);
    if json.is_null() {
        return Ok(Value::Null);
    }
    let text = json.as_str();
    Ok(match kind {
        Kind::String => Value::text(text.ok_or_else(|| wrong("a text"))?),
        Kind::Int32 => {
            let number = whole(json).and_then(|number| i32::try_from(number).ok());
            Value::Int32(number.ok_or_else(|| wrong("a whole number of 32 bits"))?)
        }
        Kind::Int64 => Value::Int64(whole(json).ok_or_else(|| wrong("a whole number of 64 bits"))?),
        Kind::Double => {
            let number = json.as_f64().or_else(|| text?.trim().parse().ok()).filter(|number| number.is_finite());
            Value::Double(number.ok_or_else(|| wrong("a number"))?)
        }
        Kind::Boolean => match (json, text) {
            (Json::Bool(truth), _) => Value::Boolean(*truth),
            (_, Some("true" | "True" | "1")) => Value::Boolean(true),
            (_, Some("false" | "False" | "0")) => Value::Boolean(false),
            _ => return Err(wrong("true or false")),
        },
        Kind::DateTime => {
            let time = text.and_then(DateTime::parse);
            Value::DateTime(time.ok_or_else(|| wrong("a date like 2024-05-06T07:08:09Z"))?)
        }
        Kind::Time => {
            let time = text.and_then(Duration::parse);
            Value::Time(time.ok_or_else(|| wrong("a length of time like PT1H30M"))?)
        }
        Kind::Guid => {
            let guid = text.and_then(|text| Uuid::try_parse(text).ok());
            Value::Guid(guid.ok_or_else(|| wrong("a GUID"))?)
        }
        Kind::Complex(complex) => {
            let Json::Object(members) = json else { return Err(wrong("an object")) };
            let mut fields = Vec::new();
            for (name, json) in members {
                match complex.properties.iter().find(|property| property.name == name) {
                    Some(property) => fields.push((property.name, value(property.name, property.kind, json)?)),
                    None if is_annotation(name) => {}
                    None => return Err(Error::UnknownProperty { entity: complex.name, property: shorten(name) }),
                }
            }
            Value::Complex(fields)
        }
        Kind::Collection(item) => {
            let items = match json {
                Json::Array(items) => items,
                Json::Object(members) => match members.get("results") {
                    Some(Json::Array(items)) => items,
                    _ => return Err(wrong("a list")),
                },
                _ => return Err(wrong("a list")),
            };
            Value::Collection(items.iter().map(|json| value(name, *item, json)).collect::<Result<_, _>>()?)
        }
    })
}

/// A whole number, in quotes too, or a float without a fraction.
fn whole(json: &Json) -> Option<i64> {
    match json {
        Json::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        }),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn wrong(property: &str, expected: &'static str, found: &Json) -> Error {
    Error::WrongType { property: property.to_owned(), expected, found: shorten(&found.to_string()) }
}
