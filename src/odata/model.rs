//! What a service's entities are made of: the conceptual schema (CSDL version 3) as values.

/// All of a service.
#[derive(Debug)]
pub struct Model {
    /// Namespace of all types.
    pub namespace: &'static str,
    /// Name of the entity container.
    pub container: &'static str,
    /// Entity types, each with its set, in the order of the service document.
    pub entities: &'static [&'static EntityType],
    /// Types of structured properties.
    pub complex: &'static [&'static ComplexType],
    /// Operations on the service itself.
    pub functions: &'static [Function],
}

impl Model {
    /// The type of the entity set `set`.
    pub fn set(&self, set: &str) -> Option<&'static EntityType> {
        self.entities.iter().find(|entity| entity.set == set).copied()
    }

    /// The operation `name` on the service.
    pub fn function(&self, name: &str) -> Option<&'static Function> {
        self.functions.iter().find(|function| function.name == name)
    }
}

/// An entity type and the one set that holds its entities.
#[derive(Debug)]
pub struct EntityType {
    /// Name within the namespace.
    pub name: &'static str,
    /// Name of the set.
    pub set: &'static str,
    /// The property that is the key; its kind is text.
    pub key: &'static str,
    /// Properties in the order of answers.
    pub properties: &'static [Property],
    /// Links to other entities.
    pub navigations: &'static [Navigation],
    /// Operations on one entity.
    pub actions: &'static [Action],
}

impl EntityType {
    /// The property `name`.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// The navigation property `name`.
    pub fn navigation(&self, name: &str) -> Option<&'static Navigation> {
        self.navigations.iter().find(|navigation| navigation.name == name)
    }
}

impl PartialEq for EntityType {
    fn eq(&self, other: &EntityType) -> bool {
        self.name == other.name
    }
}

/// A structured type without a key.
#[derive(Debug)]
pub struct ComplexType {
    /// Name within the namespace.
    pub name: &'static str,
    /// Its properties in the order of answers.
    pub properties: &'static [Property],
}

/// A property of an entity or complex type.
#[derive(Debug)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
}

/// The type of a value: primitive types of the Entity Data Model, and what is made of them.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `Edm.String`
    String,
    /// `Edm.Int32`
    Int32,
    /// `Edm.Int64`: a text in JSON.
    Int64,
    /// `Edm.Double`
    Double,
    /// `Edm.Boolean`
    Boolean,
    /// `Edm.DateTime`
    DateTime,
    /// `Edm.Time`: a length of time.
    Time,
    /// `Edm.Guid`
    Guid,
    /// A structure.
    Complex(&'static ComplexType),
    /// A list of values.
    Collection(&'static Kind),
}

impl Kind {
    /// The name in `$metadata`, without namespace for complex types.
    pub(super) fn edm(self) -> &'static str {
        match self {
            Kind::String => "Edm.String",
            Kind::Int32 => "Edm.Int32",
            Kind::Int64 => "Edm.Int64",
            Kind::Double => "Edm.Double",
            Kind::Boolean => "Edm.Boolean",
            Kind::DateTime => "Edm.DateTime",
            Kind::Time => "Edm.Time",
            Kind::Guid => "Edm.Guid",
            Kind::Complex(complex) => complex.name,
            Kind::Collection(item) => item.edm(),
        }
    }

    /// The full name in `$metadata` and in the context of answers.
    pub fn type_name(self, namespace: &str) -> String {
        match self {
            Kind::Complex(complex) => format!("{namespace}.{}", complex.name),
            Kind::Collection(item) => format!("Collection({})", item.type_name(namespace)),
            primitive => primitive.edm().to_owned(),
        }
    }
}

/// A link from entities of one type to those of another.
#[derive(Debug)]
pub struct Navigation {
    /// Its name.
    pub name: &'static str,
    /// The type it leads to. A function, because types refer to each other.
    pub target: fn() -> &'static EntityType,
    /// Whether it leads to any number of entities, or to one or none.
    pub many: bool,
}

/// How an operation is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// Parameters in the body.
    Post,
}

/// An operation on the service.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub method: Method,
    /// Names and kinds of its parameters.
    pub parameters: &'static [Property],
    /// What it answers with; nothing if `None`.
    pub returns: Option<Kind>,
}

/// An operation on one entity, called by POST with the parameters in the body.
#[derive(Debug)]
pub struct Action {
    /// Its name.
    pub name: &'static str,
    /// Names and kinds of its parameters.
    pub parameters: &'static [Property],
    /// What it answers with; nothing if `None`.
    pub returns: Option<Kind>,
}
