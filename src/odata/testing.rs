//! A small model for tests: films with files.

use super::model::{EntityType, Kind, Method, Model, Navigation, Property};
use super::record::Record;
use super::value::Value;
use super::{Action, ComplexType, DateTime, Function};

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, nullable: true }
}

pub(super) static SIZE: ComplexType =
    ComplexType { name: "Size", properties: &[property("Width", Kind::Int32), property("Bytes", Kind::Int64)] };

pub(super) static FILM: EntityType = EntityType {
    name: "Film",
    set: "Films",
    key: "Id",
    properties: &[
        Property { name: "Id", kind: Kind::String, nullable: false },
        property("Name", Kind::String),
        property("Minutes", Kind::Double),
        property("State", Kind::Int32),
        property("Views", Kind::Int64),
        property("Created", Kind::DateTime),
        property("IsPrimary", Kind::Boolean),
        property("Size", Kind::Complex(&SIZE)),
        property("Tags", Kind::Collection(&Kind::String)),
    ],
    navigations: &[
        Navigation { name: "Parts", target: || &FILM, many: true },
        Navigation { name: "Original", target: || &FILM, many: false },
    ],
    actions: &[Action { name: "Play", parameters: &[property("speed", Kind::Int32)], returns: Some(Kind::String) }],
};

pub(super) static MODEL: Model = Model {
    namespace: "Example.Films",
    container: "Context",
    entities: &[&FILM],
    complex: &[&SIZE],
    functions: &[Function {
        name: "Find",
        method: Method::Get,
        parameters: &[property("id", Kind::String)],
        returns: Some(Kind::String),
    }],
};

#[derive(Debug, Clone, Default)]
pub(super) struct Film {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) minutes: f64,
    pub(super) state: i32,
    pub(super) created: i64,
    pub(super) parts: Vec<Film>,
    pub(super) original: Option<Box<Film>>,
}

impl Film {
    pub(super) fn new(id: &str, name: &str, state: i32) -> Film {
        Film { id: id.to_owned(), name: Some(name.to_owned()), state, minutes: 1.5, ..Film::default() }
    }
}

impl Record for Film {
    fn entity_type(&self) -> &'static EntityType {
        &FILM
    }

    fn value(&self, property: &str) -> Value {
        match property {
            "Id" => Value::text(&self.id),
            "Name" => Value::maybe(self.name.as_deref()),
            "Minutes" => Value::Double(self.minutes),
            "State" => Value::Int32(self.state),
            "Views" => Value::Int64(i64::from(self.state) << 40),
            "Created" => Value::DateTime(DateTime::from_milliseconds(self.created)),
            "IsPrimary" => Value::Boolean(self.state == 0),
            "Size" => Value::Complex(vec![("Width", Value::Int32(640))]),
            "Tags" => Value::Collection(vec![Value::text("a"), Value::text("b")]),
            _ => Value::Null,
        }
    }

    fn related(&self, navigation: &str) -> Vec<&dyn Record> {
        match navigation {
            "Parts" => self.parts.iter().map(|film| film as &dyn Record).collect(),
            "Original" => self.original.iter().map(|film| &**film as &dyn Record).collect(),
            _ => Vec::new(),
        }
    }
}
