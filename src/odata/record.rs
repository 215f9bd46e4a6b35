//! Entities as a service shows them.

use super::model::EntityType;
use super::value::Value;

/// An entity: its values and the entities it links to. Values are asked for one by one, so that a filter
/// makes only those that it looks at.
pub trait Record {
    /// Its type.
    fn entity_type(&self) -> &'static EntityType;

    /// The value of a property of the type; null for any other name.
    fn value(&self, property: &str) -> Value;

    /// The entities that a navigation property of the type leads to, in a stable order; none for any other
    /// name, one at the most if the navigation is not to many. Only what [`Needs`] names has to be there.
    fn related(&self, navigation: &str) -> Vec<&dyn Record>;

    /// The key's text.
    fn key(&self) -> String {
        match self.value(self.entity_type().key) {
            Value::String(key) => key,
            _ => String::new(),
        }
    }
}

/// Which related entities a request looks at: navigation properties, and what is looked at behind them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Needs(pub Vec<(&'static str, Needs)>);

impl Needs {
    /// What is needed behind `navigation`, now that it is needed.
    pub(super) fn add(&mut self, navigation: &'static str) -> &mut Needs {
        let at = self.0.iter().position(|(name, _)| *name == navigation).unwrap_or_else(|| {
            self.0.push((navigation, Needs::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// What is needed behind `navigation`, if it is.
    pub fn behind(&self, navigation: &str) -> Option<&Needs> {
        self.0.iter().find(|(name, _)| *name == navigation).map(|(_, needs)| needs)
    }
}
