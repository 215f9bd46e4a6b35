//! Reading: sets, entities, what they lead to, and properties.

use std::future::Future;
use std::pin::Pin;

use hyper::StatusCode;

use super::address::shorten;
use super::answer::Answer;
use super::call::Call;
use super::context::Context;
use super::error::Error;
use super::model::MODEL;
use super::row::Row;
use super::sets;
use crate::catalog::Page;
use crate::odata::json::{self, Form};
use crate::odata::{
    Collector, EntityType, Kind, Navigation, Needs, Options, Property, Record, Tail, Value, encode_component, limits,
    pairs,
};

/// Where a path has come to.
enum Place {
    /// All entities of a set.
    Set(&'static EntityType),
    /// Those that a link leads to.
    Many(&'static EntityType, Vec<Row>),
    /// One entity.
    One(Row),
}

/// Answers a GET of entities.
pub async fn entities(
    context: &Context,
    call: &Call,
    form: Form,
    entity: &'static EntityType,
    key: Option<&str>,
    steps: &[(&'static Navigation, Option<String>)],
    tail: &Tail,
) -> Result<Answer, Error> {
    let place = walk(context, entity, key, steps).await?;
    match (place, tail) {
        (Place::One(row), Tail::Whole) => {
            let options = Options::parse(&call.query, row.entity_type())?;
            one(context, form, row, &options, StatusCode::OK).await
        }
        (Place::One(row), Tail::Links(navigation, _)) => links(context, form, &row, navigation).await,
        (Place::One(row), Tail::Property(path)) => Ok(property(context, form, &row, path)),
        (Place::One(row), Tail::Value(path)) => raw_value(&row, path),
        (Place::One(_), Tail::Action(_)) => {
            Err(Error::Method { method: "GET".to_owned(), instead: "an action is called by POST" })
        }
        (Place::One(_), Tail::Count) => Err(Error::Method { method: "GET".to_owned(), instead: "sets have a $count" }),
        (many, tail) => {
            let entity = match &many {
                Place::Set(entity) | Place::Many(entity, _) => *entity,
                Place::One(row) => row.entity_type(),
            };
            let mut options = Options::parse(&call.query, entity)?;
            if matches!(tail, Tail::Count) {
                options.inline_count = crate::odata::InlineCount::AllPages;
                (options.top, options.skip) = (Some(0), 0);
                let page = page(context, many, entity, &options).await?;
                return Ok(Answer::text(
                    StatusCode::OK,
                    "text/plain;charset=utf-8",
                    page.count.unwrap_or(0).to_string(),
                ));
            }
            feed(context, call, form, many, entity, &options).await
        }
    }
}

/// The answer with one entity.
pub async fn one(
    context: &Context,
    form: Form,
    mut row: Row,
    options: &Options,
    status: StatusCode,
) -> Result<Answer, Error> {
    complete(context, &mut row, &options.needs()).await?;
    let answer = Answer::json(status, form, json::entity(&dialect(context, form), &row, options));
    Ok(match row.version {
        Some(version) => answer.with("ETag", format!("W/\"{}\"", version.0)),
        None => answer,
    })
}

async fn feed(
    context: &Context,
    call: &Call,
    form: Form,
    place: Place,
    entity: &'static EntityType,
    options: &Options,
) -> Result<Answer, Error> {
    let mut page = page(context, place, entity, options).await?;
    let (needs, mut budget) = (options.needs(), limits::EXPANDED);
    for row in &mut page.records {
        fetch(context, row, &needs, &mut budget).await?;
    }
    let next = page.next.map(|(skip, top)| next_link(context, call, skip, top));
    let records: Vec<&dyn Record> = page.records.iter().map(|row| row as &dyn Record).collect();
    let text = json::feed(&dialect(context, form), entity, &records, page.count, next.as_deref(), options);
    Ok(Answer::json(StatusCode::OK, form, text))
}

/// The entities of a page.
async fn page(
    context: &Context,
    place: Place,
    entity: &'static EntityType,
    options: &Options,
) -> Result<crate::odata::Page<Row>, Error> {
    let needs = options.condition_needs();
    let mut collector = Collector::new(options);
    let set = sets::of(entity);
    if let Place::Many(_, rows) = place {
        for mut row in rows {
            complete(context, &mut row, &needs).await?;
            collector.offer(row);
        }
        return Ok(collector.finish());
    }
    let required = |property: &str| options.filter.as_ref()?.required(property)?.as_str().map(str::to_owned);
    if let Some(key) = required(entity.key) {
        if let Some(mut row) = set.find(context, &key).await? {
            complete(context, &mut row, &needs).await?;
            collector.offer(row);
        }
        return Ok(collector.finish());
    }
    let mut wanted = Page { parent: set.parent_property().and_then(required), ..Page::first() };
    loop {
        let rows = set.list(context, &wanted).await?;
        let whole = rows.len() >= wanted.limit as usize;
        for (ordinal, mut row) in rows {
            wanted.after = Some(ordinal);
            if collector.is_complete() {
                return Ok(collector.finish());
            }
            complete(context, &mut row, &needs).await?;
            collector.offer(row);
        }
        if !whole {
            return Ok(collector.finish());
        }
    }
}

async fn walk(
    context: &Context,
    entity: &'static EntityType,
    key: Option<&str>,
    steps: &[(&'static Navigation, Option<String>)],
) -> Result<Place, Error> {
    let Some(key) = key else { return Ok(Place::Set(entity)) };
    let mut row = find(context, entity, key).await?;
    for (navigation, key) in steps {
        let target = (navigation.target)();
        let related = sets::of(row.entity_type()).related(context, &row, navigation.name).await?;
        let found = match key {
            // Ids are the same in any case.
            Some(key) => related.into_iter().find(|row| row.key().eq_ignore_ascii_case(key)),
            None if navigation.many => return Ok(Place::Many(target, related)),
            None => related.into_iter().next(),
        };
        let missing = || Error::NotFound { what: target.name, key: shorten(key.as_deref().unwrap_or(navigation.name)) };
        row = found.ok_or_else(missing)?;
    }
    Ok(Place::One(row))
}

/// The entity of that key.
pub async fn find(context: &Context, entity: &'static EntityType, key: &str) -> Result<Row, Error> {
    let found = sets::of(entity).find(context, key).await?;
    found.ok_or_else(|| Error::NotFound { what: entity.name, key: shorten(key) })
}

/// Adds the related entities that are needed of one entity.
async fn complete(context: &Context, row: &mut Row, needs: &Needs) -> Result<(), Error> {
    let mut budget = limits::EXPANDED;
    fetch(context, row, needs, &mut budget).await
}

/// Adds the related entities that are needed. `budget` is how many there may still be.
fn fetch<'a>(
    context: &'a Context,
    row: &'a mut Row,
    needs: &'a Needs,
    budget: &'a mut usize,
) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>> {
    Box::pin(async move {
        for &(navigation, ref behind) in &needs.0 {
            let mut related = sets::of(row.entity_type()).related(context, row, navigation).await?;
            let expanded = Error::Expanded { limit: limits::EXPANDED };
            *budget = budget.checked_sub(related.len()).ok_or(expanded)?;
            for row in &mut related {
                fetch(context, row, behind, budget).await?;
            }
            row.relate(navigation, related);
        }
        Ok(())
    })
}

async fn links(context: &Context, form: Form, row: &Row, navigation: &'static Navigation) -> Result<Answer, Error> {
    let owner = row.entity_type();
    let related = sets::of(owner).related(context, row, navigation.name).await?;
    let keys: Vec<String> = related.iter().map(Record::key).collect();
    Ok(Answer::json(StatusCode::OK, form, json::links(&dialect(context, form), owner, navigation, &keys)))
}

/// The value that a path of properties leads to.
fn value_at(row: &Row, path: &[&'static Property]) -> (&'static str, Kind, Value) {
    let Some((first, fields)) = path.split_first() else { return ("", Kind::String, Value::Null) };
    let (mut name, mut kind, mut value) = (first.name, first.kind, row.value(first.name));
    for field in fields {
        (name, kind, value) = (field.name, field.kind, value.field(field.name).clone());
    }
    (name, kind, value)
}

fn property(context: &Context, form: Form, row: &Row, path: &[&'static Property]) -> Answer {
    let (name, kind, value) = value_at(row, path);
    Answer::json(StatusCode::OK, form, json::property(&dialect(context, form), name, kind, &value))
}

/// A property's bare value; one that is null is not there (OData URL Conventions 4.7).
fn raw_value(row: &Row, path: &[&'static Property]) -> Result<Answer, Error> {
    let text = match value_at(row, path) {
        (_, _, Value::String(text)) => text,
        (_, _, Value::Boolean(truth)) => truth.to_string(),
        (_, _, Value::Int32(number)) => number.to_string(),
        (_, _, Value::Int64(number)) => number.to_string(),
        (_, _, Value::Double(number)) => number.to_string(),
        (_, _, Value::DateTime(time)) => time.to_string(),
        (_, _, Value::Time(time)) => time.to_string(),
        (_, _, Value::Guid(guid)) => guid.to_string(),
        (name, ..) => return Err(Error::NotFound { what: "value", key: name.to_owned() }),
    };
    Ok(Answer::text(StatusCode::OK, "text/plain;charset=utf-8", text))
}

/// The dialect's own context.
pub fn dialect(context: &Context, form: Form) -> json::Context<'_> {
    json::Context { model: &MODEL, root: &context.root, form }
}

/// The address of the page that follows: the same request with another `$skip` and `$top`.
fn next_link(context: &Context, call: &Call, skip: u64, top: Option<u64>) -> String {
    let kept = pairs(&call.query).unwrap_or_default().into_iter().filter(|(name, _)| name != "$skip" && name != "$top");
    let mut query: Vec<String> = kept
        .map(|(name, value)| format!("{}={}", encode_component(&name).replace("%24", "$"), encode_component(&value)))
        .collect();
    query.push(format!("$skip={skip}"));
    query.extend(top.map(|top| format!("$top={top}")));
    format!("{}{}?{}", context.root, call.path, query.join("&"))
}
