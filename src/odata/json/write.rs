//! Answers: entities, sets, properties, links, results of operations, errors.

use super::Form;
use super::writer::Writer;
use crate::odata::model::{EntityType, Kind, Model, Navigation};
use crate::odata::options::{Expand, Options, Selection};
use crate::odata::percent::encode_component;
use crate::odata::record::Record;
use crate::odata::value::Value;

/// What all answers share.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The service.
    pub model: &'static Model,
    /// The service's root as the client sees it, without a slash at its end.
    pub root: &'a str,
    /// The form to write.
    pub form: Form,
}

impl Context<'_> {
    /// The address of an entity: `https://host/API/Assets('nb%3Acid%3AUUID%3A…')`.
    pub fn uri(&self, entity: &EntityType, key: &str) -> String {
        let quoted = key.replace('\'', "''");
        format!("{}/{}('{}')", self.root, entity.set, encode_component(&quoted).replace("%27", "'"))
    }

    fn verbose(&self) -> bool {
        self.form == Form::Verbose
    }

    /// `odata.metadata`, except where it is not wanted.
    fn context(&self, json: &mut Writer, what: &str) {
        if matches!(self.form, Form::Minimal | Form::Full) {
            json.member("odata.metadata").text(&format!("{}/$metadata#{what}", self.root));
        }
    }

    fn type_name(&self, name: &str) -> String {
        format!("{}.{name}", self.model.namespace)
    }
}

/// One entity.
pub fn entity(context: &Context<'_>, record: &dyn Record, options: &Options) -> String {
    let mut json = Writer::new();
    let what = format!("{}/@Element{}", record.entity_type().set, selected(options.select.as_ref()));
    json.object(|json| {
        if context.verbose() {
            json.member("d").object(|json| members(context, json, record, options.select.as_ref(), &options.expand));
        } else {
            context.context(json, &what);
            members(context, json, record, options.select.as_ref(), &options.expand);
        }
    });
    json.finish()
}

/// Entities of a set.
pub fn feed(
    context: &Context<'_>,
    entity: &EntityType,
    records: &[&dyn Record],
    count: Option<u64>,
    next: Option<&str>,
    options: &Options,
) -> String {
    let mut json = Writer::new();
    let select = options.select.as_ref();
    let items = |json: &mut Writer| {
        for record in records {
            json.item().object(|json| members(context, json, *record, select, &options.expand));
        }
    };
    json.object(|json| {
        if context.verbose() {
            json.member("d").object(|json| {
                json.member("results").array(items);
                if let Some(count) = count {
                    json.member("__count").text(&count.to_string());
                }
                if let Some(next) = next {
                    json.member("__next").text(next);
                }
            });
        } else {
            context.context(json, &format!("{}{}", entity.set, selected(select)));
            if let Some(count) = count {
                json.member("odata.count").text(&count.to_string());
            }
            json.member("value").array(items);
            if let Some(next) = next {
                json.member("odata.nextLink").text(next);
            }
        }
    });
    json.finish()
}

/// The part of the context that names what was selected.
fn selected(select: Option<&Selection>) -> String {
    match select {
        Some(select) if !select.all => {
            let names: Vec<&str> = select.properties.iter().chain(&select.navigations).copied().collect();
            format!("&$select={}", names.join(","))
        }
        _ => String::new(),
    }
}

fn members(context: &Context<'_>, json: &mut Writer, record: &dyn Record, select: Option<&Selection>, expand: &Expand) {
    let entity = record.entity_type();
    let uri = context.uri(entity, &record.key());
    let has_property = |name: &str| select.is_none_or(|s| s.all || s.properties.contains(&name));
    let has_link = |name: &str| select.is_none_or(|s| s.navigations.contains(&name));
    match context.form {
        Form::Verbose => json.member("__metadata").object(|json| {
            json.member("id").text(&uri);
            json.member("uri").text(&uri);
            json.member("type").text(&context.type_name(entity.name));
        }),
        Form::Full => {
            json.member("odata.type").text(&context.type_name(entity.name));
            json.member("odata.id").text(&uri);
            json.member("odata.editLink").text(&uri);
        }
        Form::Minimal | Form::None => {}
    }
    for navigation in entity.navigations {
        if let Some(behind) = expand.behind(navigation.name)
            && (has_link(navigation.name) || select.is_some_and(|s| s.all))
        {
            expanded(context, json, record, navigation, behind);
        } else if has_link(navigation.name) {
            let link = format!("{uri}/{}", navigation.name);
            match context.form {
                Form::Verbose => json.member(navigation.name).object(|json| {
                    json.member("__deferred").object(|json| json.member("uri").text(&link));
                }),
                Form::Full => json.member(&format!("{}@odata.navigationLinkUrl", navigation.name)).text(&link),
                Form::Minimal | Form::None => {}
            }
        }
    }
    for property in entity.properties.iter().filter(|property| has_property(property.name)) {
        if context.form == Form::Full && !matches!(property.kind, Kind::String | Kind::Boolean | Kind::Int32) {
            let kind = property.kind.type_name(context.model.namespace);
            json.member(&format!("{}@odata.type", property.name)).text(&kind);
        }
        value(context, json.member(property.name), property.kind, &record.value(property.name));
    }
}

fn expanded(context: &Context<'_>, json: &mut Writer, record: &dyn Record, navigation: &Navigation, behind: &Expand) {
    let related = record.related(navigation.name);
    let json = json.member(navigation.name);
    if !navigation.many {
        match related.first() {
            Some(one) => json.object(|json| members(context, json, *one, None, behind)),
            None => json.bare("null"),
        }
        return;
    }
    let items = |json: &mut Writer| {
        for one in &related {
            json.item().object(|json| members(context, json, *one, None, behind));
        }
    };
    if context.verbose() {
        json.object(|json| json.member("results").array(items));
    } else {
        json.array(items);
    }
}

fn value(context: &Context<'_>, json: &mut Writer, kind: Kind, value: &Value) {
    match value {
        Value::Null => json.bare("null"),
        Value::Boolean(truth) => json.bare(if *truth { "true" } else { "false" }),
        Value::Int32(number) => json.bare(&number.to_string()),
        // Numbers of JavaScript end at 53 bits.
        Value::Int64(number) => json.text(&number.to_string()),
        Value::Double(number) if number.is_nan() => json.text("NaN"),
        Value::Double(number) if number.is_infinite() => json.text(if *number > 0.0 { "INF" } else { "-INF" }),
        // Verbose JSON writes whole numbers without a point.
        Value::Double(number) if context.verbose() => json.bare(&number.to_string()),
        Value::Double(number) => json.bare(&format!("{number:?}")),
        Value::String(text) => json.text(text),
        Value::DateTime(time) => json.text(&time.to_string()),
        Value::Time(time) => json.text(&time.to_string()),
        Value::Guid(guid) => json.text(&guid.to_string()),
        Value::Complex(_) => json.object(|json| {
            let Kind::Complex(complex) = kind else { return };
            if context.verbose() {
                json.member("__metadata").object(|json| json.member("type").text(&context.type_name(complex.name)));
            }
            for property in complex.properties {
                self::value(context, json.member(property.name), property.kind, value.field(property.name));
            }
        }),
        Value::Collection(items) => {
            let item_kind = match kind {
                Kind::Collection(item) => *item,
                other => other,
            };
            let write = |json: &mut Writer| {
                for item in items {
                    self::value(context, json.item(), item_kind, item);
                }
            };
            if context.verbose() {
                json.object(|json| {
                    let name = kind.type_name(context.model.namespace);
                    json.member("__metadata").object(|json| json.member("type").text(&name));
                    json.member("results").array(write);
                });
            } else {
                json.array(write);
            }
        }
    }
}

/// One property's value, or the result of an operation of that name.
pub fn property(context: &Context<'_>, name: &str, kind: Kind, content: &Value) -> String {
    let mut json = Writer::new();
    json.object(|json| {
        if context.verbose() {
            json.member("d").object(|json| value(context, json.member(name), kind, content));
        } else {
            context.context(json, &kind.type_name(context.model.namespace));
            value(context, json.member("value"), kind, content);
        }
    });
    json.finish()
}

/// The addresses of entities that `navigation` of an entity of `owner` leads to.
pub fn links(context: &Context<'_>, owner: &EntityType, navigation: &Navigation, keys: &[String]) -> String {
    let target = (navigation.target)();
    let uris: Vec<String> = keys.iter().map(|key| context.uri(target, key)).collect();
    let mut json = Writer::new();
    let (member, all) = if context.verbose() { ("uri", "results") } else { ("url", "value") };
    let body = |json: &mut Writer| {
        if navigation.many {
            json.member(all).array(|json| {
                for uri in &uris {
                    json.item().object(|json| json.member(member).text(uri));
                }
            });
        } else if let Some(uri) = uris.first() {
            json.member(member).text(uri);
        }
    };
    json.object(|json| {
        if context.verbose() {
            json.member("d").object(body);
        } else {
            context.context(json, &format!("{}/$links/{}", owner.set, navigation.name));
            body(json);
        }
    });
    json.finish()
}

/// An error: a code, which may be empty, and a sentence.
pub fn error(form: Form, code: &str, message: &str) -> String {
    let mut json = Writer::new();
    json.object(|json| {
        json.member(if form == Form::Verbose { "error" } else { "odata.error" }).object(|json| {
            json.member("code").text(code);
            json.member("message").object(|json| {
                json.member("lang").text("en-US");
                json.member("value").text(message);
            });
        });
    });
    json.finish()
}
