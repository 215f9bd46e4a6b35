//! An entity of the catalogue as the OData dialect shows it.

use crate::catalog::{Stored, Version};
use crate::odata::{DateTime, EntityType, Record, Value};
use crate::time::UtcTime;

/// An entity with its values, and with those related entities that a request needs.
#[derive(Clone, Debug)]
pub struct Row {
    entity: &'static EntityType,
    values: Vec<(&'static str, Value)>,
    related: Vec<(&'static str, Vec<Row>)>,
    /// The mark of this state, where the entity has one.
    pub version: Option<Version>,
}

impl Row {
    /// A row of these values, with the version of `stored`.
    pub fn new<E>(entity: &'static EntityType, stored: &Stored<E>, values: Vec<(&'static str, Value)>) -> Row {
        Row { entity, values, related: Vec::new(), version: Some(stored.version) }
    }

    /// Adds the entities that `navigation` leads to.
    pub fn relate(&mut self, navigation: &'static str, rows: Vec<Row>) {
        self.related.retain(|(name, _)| *name != navigation);
        self.related.push((navigation, rows));
    }

    /// The text of a property; empty if it has none.
    pub fn text(&self, property: &str) -> &str {
        let value = self.values.iter().find(|(name, _)| *name == property);
        value.and_then(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

impl Record for Row {
    fn entity_type(&self) -> &'static EntityType {
        self.entity
    }

    fn value(&self, property: &str) -> Value {
        self.values.iter().find(|(name, _)| *name == property).map_or(Value::Null, |(_, value)| value.clone())
    }

    fn related(&self, navigation: &str) -> Vec<&dyn Record> {
        let rows = self.related.iter().find(|(name, _)| *name == navigation);
        rows.map_or(Vec::new(), |(_, rows)| rows.iter().map(|row| row as &dyn Record).collect())
    }
}

/// A moment as a value.
pub fn moment(time: UtcTime) -> Value {
    Value::DateTime(DateTime::from_milliseconds(i64::try_from(time.unix_millis).unwrap_or(i64::MAX)))
}

/// A count as `Edm.Int64`.
pub fn count(number: u64) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}
