//! Resource paths (OData URL Conventions, 4).

use super::error::{Error, shorten};
use super::lexer::{Token, Words};
use super::limits;
use super::literal;
use super::model::{Action, EntityType, Function, Kind, Model, Navigation, Property};
use super::percent;
use super::value::Value;

/// A path as it is written: names and what stands in parentheses behind them.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePath {
    /// From left to right.
    pub segments: Vec<Segment>,
}

/// One segment, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its name: a set, property or operation, or `$count`, `$links`, `$value`, `$metadata`, `$batch`.
    pub name: String,
    /// What stands in parentheses, if there are any: a key alone or parameters with names.
    pub arguments: Option<Vec<(Option<String>, Value)>>,
}

/// The key of an entity: its text, of a GUID too.
pub type Key = String;

impl ResourcePath {
    /// Reads a path relative to the service's root, percent-encoded, with a slash at its start or without.
    ///
    /// # Errors
    /// [`Error`] that says where.
    pub fn parse(path: &str) -> Result<ResourcePath, Error> {
        if path.len() > limits::PATH_BYTES {
            return Err(Error::TooLarge { what: "the path", limit: limits::PATH_BYTES, unit: "bytes" });
        }
        let mut segments = Vec::new();
        for raw in split(path) {
            if segments.len() >= limits::PATH_SEGMENTS {
                return Err(Error::TooLarge { what: "the path", limit: limits::PATH_SEGMENTS, unit: "segments" });
            }
            segments.push(segment(&percent::decode("the path", raw)?)?);
        }
        Ok(ResourcePath { segments })
    }
}

/// The parts between slashes that are outside quotes; empty ones are left out.
fn split(path: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    let bytes = path.as_bytes();
    for at in 0..bytes.len() {
        match bytes[at] {
            b'\'' => quoted = !quoted,
            b'%' if path.get(at..at + 3) == Some("%27") => quoted = !quoted,
            b'/' if !quoted => {
                parts.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&path[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

fn segment(text: &str) -> Result<Segment, Error> {
    let name_end = text.find('(').unwrap_or(text.len());
    let name = &text[..name_end];
    let is_name = |name: &str| {
        let inner = name.strip_prefix('$').unwrap_or(name);
        !inner.is_empty() && inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
    };
    if !is_name(name) {
        return Err(Error::syntax("the path", 0, format!("'{}' is no name", shorten(name))));
    }
    if name_end == text.len() {
        return Ok(Segment { name: name.to_owned(), arguments: None });
    }
    let mut words = Words::new("the path", &text[name_end..])?;
    words.expect('(')?;
    let mut arguments = Vec::new();
    if !words.accept(')') {
        loop {
            let named = words.peek_second() == Some(&Token::Sign('='));
            let name = match words.peek() {
                Some(Token::Name(name)) if named => {
                    let name = name.clone();
                    words.take();
                    words.take();
                    Some(name)
                }
                _ => None,
            };
            arguments.push((name, literal::take(&mut words)?));
            if arguments.len() > limits::NAMES {
                return Err(Error::TooLarge { what: "a key", limit: limits::NAMES, unit: "parts" });
            }
            if !words.accept(',') {
                break;
            }
        }
        words.expect(')')?;
    }
    words.finish()?;
    Ok(Segment { name: name.to_owned(), arguments: Some(arguments) })
}

/// What a path leads to, in terms of a model.
#[derive(Debug, Clone)]
pub enum Target {
    /// The root: the service document.
    Service,
    /// `$metadata`
    Metadata,
    /// `$batch`
    Batch,
    /// An operation on the service, with the parameters that stand in parentheses.
    Function {
        /// Which one.
        function: &'static Function,
        /// Names and values.
        arguments: Vec<(String, Value)>,
    },
    /// Entities of a set, and what is wanted of them.
    Entities {
        /// The set that the path begins with.
        entity: &'static EntityType,
        /// The key behind it.
        key: Option<Key>,
        /// The navigation properties that follow, each with the key behind it.
        steps: Vec<(&'static Navigation, Option<Key>)>,
        /// What is wanted of what is found there.
        tail: Tail,
    },
}

/// What is wanted of an entity or of a set.
#[derive(Debug, Clone)]
pub enum Tail {
    /// Itself.
    Whole,
    /// `$count`: how many there are.
    Count,
    /// `$links/Name`, maybe with the key of one of them.
    Links(&'static Navigation, Option<Key>),
    /// A property, and fields within it.
    Property(Vec<&'static Property>),
    /// A property's bare value (`$value`).
    Value(Vec<&'static Property>),
    /// An operation on the entity.
    Action(&'static Action),
}

/// Finds what `path` leads to in `model`.
///
/// # Errors
/// [`Error::NoResource`] and errors of keys.
pub fn resolve(path: &ResourcePath, model: &'static Model) -> Result<Target, Error> {
    let mut rest = path.segments.iter();
    let Some(first) = rest.next() else { return Ok(Target::Service) };
    let alone = |target: Target, mut rest: std::slice::Iter<'_, Segment>| match rest.next() {
        None => Ok(target),
        Some(more) => Err(missing(&more.name, format!("behind {}", first.name))),
    };
    match first.name.as_str() {
        "$metadata" => return alone(Target::Metadata, rest),
        "$batch" => return alone(Target::Batch, rest),
        _ => {}
    }
    if let Some(function) = model.function(&first.name) {
        let named = |(name, value): &(Option<String>, Value)| name.clone().map(|name| (name, value.clone()));
        let arguments = first.arguments.iter().flatten().map(named).collect::<Option<Vec<_>>>();
        let arguments = arguments.ok_or_else(|| Error::syntax("the path", 0, "parameters need names: Name='…'"))?;
        return alone(Target::Function { function, arguments }, rest);
    }
    let Some(entity) = model.set(&first.name) else {
        return Err(missing(&first.name, "at the root of the service".to_owned()));
    };
    entities(entity, first, rest)
}

fn entities(
    entity: &'static EntityType,
    first: &Segment,
    mut rest: std::slice::Iter<'_, Segment>,
) -> Result<Target, Error> {
    let key = key_of(first, entity)?;
    let mut one = key.is_some();
    let (mut current, mut steps, mut tail) = (entity, Vec::new(), Tail::Whole);
    while let Some(segment) = rest.next() {
        let place = || format!("behind {}", if one { current.name } else { current.set });
        match segment.name.as_str() {
            "$count" if !one => tail = Tail::Count,
            "$links" if one => {
                let Some(link) = rest.next() else { return Err(missing("$links", place())) };
                let Some(navigation) = current.navigation(&link.name) else {
                    return Err(missing(&link.name, format!("behind {}/$links", current.name)));
                };
                tail = Tail::Links(navigation, key_of(link, (navigation.target)())?);
            }
            name if one => {
                if let Some(navigation) = current.navigation(name) {
                    if steps.len() >= limits::NAVIGATION_DEPTH {
                        return Err(Error::TooLarge {
                            what: "the path",
                            limit: limits::NAVIGATION_DEPTH,
                            unit: "links",
                        });
                    }
                    current = (navigation.target)();
                    let key = key_of(segment, current)?;
                    one = key.is_some() || !navigation.many;
                    steps.push((navigation, key));
                    continue;
                }
                if let Some(action) = current.actions.iter().find(|action| action.name == name) {
                    tail = Tail::Action(action);
                } else {
                    tail = property(segment, current, &mut rest)?;
                }
            }
            name => return Err(missing(name, place())),
        }
        if let Some(more) = rest.next() {
            return Err(missing(&more.name, format!("behind {}", segment.name)));
        }
    }
    Ok(Target::Entities { entity, key, steps, tail })
}

fn property(
    segment: &Segment,
    entity: &'static EntityType,
    rest: &mut std::slice::Iter<'_, Segment>,
) -> Result<Tail, Error> {
    let Some(property) = entity.property(&segment.name).filter(|_| segment.arguments.is_none()) else {
        return Err(missing(&segment.name, format!("behind {}", entity.name)));
    };
    let mut path = vec![property];
    for segment in rest.by_ref() {
        if segment.name == "$value" {
            return Ok(Tail::Value(path));
        }
        let Some(Kind::Complex(complex)) = path.last().map(|last| last.kind) else {
            return Err(missing(&segment.name, format!("behind {}", property.name)));
        };
        let Some(field) = complex.properties.iter().find(|field| field.name == segment.name) else {
            return Err(missing(&segment.name, format!("behind {}", complex.name)));
        };
        path.push(field);
    }
    Ok(Tail::Property(path))
}

/// `Set('key')`, `Set(Id='key')` and `Set(guid'…')`; none for `Set` and `Set()`.
fn key_of(segment: &Segment, entity: &EntityType) -> Result<Option<Key>, Error> {
    let Some(arguments) = segment.arguments.as_deref().filter(|arguments| !arguments.is_empty()) else {
        return Ok(None);
    };
    match arguments {
        [(name, value)] if name.as_deref().is_none_or(|name| name == entity.key) => match value {
            Value::String(key) => Ok(Some(key.clone())),
            Value::Guid(guid) => Ok(Some(guid.to_string())),
            _ => Err(Error::WrongType {
                property: format!("the key of {}", entity.set),
                expected: "a text in quotes",
                found: "that".to_owned(),
            }),
        },
        _ => Err(Error::syntax("the path", 0, format!("{} has one key, {}", entity.set, entity.key))),
    }
}

fn missing(segment: &str, place: String) -> Error {
    Error::NoResource { segment: shorten(segment), place }
}
