//! Texts of the management API: filters, paths and ids, batches.

use headwater::management::MODEL;
use headwater::odata::batch::{self, Part};
use headwater::odata::{
    EntityType, Kind, Needs, Options, Record, ResourcePath, Target, Value, json, limits, matches, resolve,
};

/// An entity of any type with some value for each property, and itself behind every link.
struct Anything(&'static EntityType);

impl Record for Anything {
    fn entity_type(&self) -> &'static EntityType {
        self.0
    }

    fn value(&self, property: &str) -> Value {
        match self.0.property(property).map(|property| property.kind) {
            Some(Kind::String) => Value::text("nb:cid:UUID:00000000-0000-4000-8000-000000000000"),
            Some(Kind::Int32) => Value::Int32(7),
            Some(Kind::Int64) => Value::Int64(i64::MAX),
            Some(Kind::Double) => Value::Double(0.5),
            Some(Kind::Boolean) => Value::Boolean(true),
            _ => Value::Null,
        }
    }

    fn related(&self, _: &str) -> Vec<&dyn Record> {
        vec![self]
    }
}

/// The first byte chooses the set, the rest is a query.
pub fn filter(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let entity = MODEL.entities[usize::from(*first) % MODEL.entities.len()];
    let text = String::from_utf8_lossy(text);
    let _ = Options::parse(&text, entity);
    let Ok(expression) = headwater::odata::filter(&text, entity) else { return };
    let record = Anything(entity);
    matches(&expression, &record);
    let options = Options { filter: Some(expression), ..Options::default() };
    // Each `any` follows links and then its own, and so does what stands in the innermost.
    let most = limits::NAVIGATION_DEPTH * (limits::NAVIGATION_DEPTH + 1) + limits::NAVIGATION_DEPTH;
    assert!(depth(&options.condition_needs()) <= most);
}

fn depth(needs: &Needs) -> usize {
    needs.0.iter().map(|(_, behind)| 1 + depth(behind)).max().unwrap_or(0)
}

pub fn path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(path) = ResourcePath::parse(&text) else { return };
    assert!(path.segments.len() <= limits::PATH_SEGMENTS);
    if let Ok(Target::Entities { entity, key: Some(key), .. }) = resolve(&path, &MODEL) {
        // What leads to an entity leads there again when it is written.
        let context = json::Context { model: &MODEL, root: "", form: json::Form::Minimal };
        let again = ResourcePath::parse(&context.uri(entity, &key));
        // A key in three times as many characters may be longer than any path.
        if key.len() * 3 < limits::PATH_BYTES / 2 {
            match again.and_then(|path| resolve(&path, &MODEL)) {
                Ok(Target::Entities { key: Some(same), .. }) => assert_eq!(same, key),
                other => panic!("{key:?}: {other:?}"),
            }
        }
    }
    let _ = json::object(data, MODEL.entities[data.len() % MODEL.entities.len()]);
}

pub fn parts(data: &[u8]) {
    let Ok(parts) = batch::parse("multipart/mixed; boundary=b", data) else { return };
    let count = |part: &Part| match part {
        Part::Single(_) => 1,
        Part::ChangeSet(operations) => operations.len(),
    };
    let operations: usize = parts.iter().map(count).sum();
    assert!(operations <= limits::BATCH_OPERATIONS);
}
