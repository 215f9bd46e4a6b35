//! Changing: entities, links and actions.

use hyper::StatusCode;

use super::address::key_of;
use super::answer::Answer;
use super::call::{Call, Verb};
use super::change::Change;
use super::context::Context;
use super::error::Error;
use super::read::{self, dialect};
use super::sets::{self, Acted};
use crate::catalog::OperationId;
use crate::odata::json::{self, Form, Reference};
use crate::odata::{Action, EntityType, Kind, Navigation, Options, Tail, Target, Value, pairs};

/// What a request did; the answer is written when all of it is there.
#[derive(Debug)]
pub enum Outcome {
    /// An entity was created.
    Created(&'static EntityType, String),
    /// It is done, and there is nothing to say.
    Done,
    /// An action gave a value.
    Value(&'static Action, Value),
    /// An action goes on.
    Begun(OperationId),
}

/// Carries out a request that changes something. Nothing is there before the change is committed.
pub async fn carry_out(change: &mut Change<'_>, call: &Call, verb: Verb, target: &Target) -> Result<Outcome, Error> {
    let Target::Entities { entity, key, steps, tail } = target else {
        return Err(Error::Method { method: call.method.clone(), instead: "this can only be read" });
    };
    change.parameters = pairs(&call.query)?;
    let (entity, key) = match steps.as_slice() {
        [] => (*entity, key.clone()),
        // `Assets('…')/Files('…')` is `Files('…')`, if it is one of them.
        [.., (navigation, key)] => ((navigation.target)(), key.clone()),
    };
    match (verb, tail, key) {
        (Verb::Post, Tail::Whole, None) => {
            call.check_json()?;
            let mut body = json::object(&call.body, entity)?;
            if let Some((owner, property)) = owner(target) {
                body.values.retain(|(name, _)| *name != property);
                body.values.push((property, Value::String(owner)));
            }
            // What belongs together comes about together.
            change.is_set |= !body.links.is_empty();
            let key = sets::of(entity).create(change, &body).await?;
            relate(change, entity, &key, &body).await?;
            Ok(Outcome::Created(entity, key))
        }
        (Verb::Merge, Tail::Whole, Some(key)) => {
            confirm(change.context, target).await?;
            call.check_json()?;
            let body = json::object(&call.body, entity)?;
            if let Some((property, _)) = body.links.first() {
                let how = "links are made and removed by POST and DELETE at $links";
                return Err(Error::Value { property, found: "changed so".to_owned(), how });
            }
            sets::of(entity).update(change, &key, &body, call.expected()?).await?;
            Ok(Outcome::Done)
        }
        (Verb::Delete, Tail::Whole, Some(key)) => {
            confirm(change.context, target).await?;
            if let Some(expected) = call.expected()? {
                let row = read::find(change.context, entity, &key).await?;
                if row.version.is_some_and(|version| version != expected) {
                    return Err(changed(call));
                }
            }
            sets::of(entity).delete(change, &key).await?;
            Ok(Outcome::Done)
        }
        (Verb::Post | Verb::Merge, Tail::Links(navigation, None), Some(key)) => {
            call.check_json()?;
            let to = key_of(&json::link(&call.body)?, (navigation.target)())?;
            sets::of(entity).link(change, &key, navigation.name, &to).await?;
            Ok(Outcome::Done)
        }
        (Verb::Delete, Tail::Links(navigation, Some(to)), Some(key)) => {
            sets::of(entity).unlink(change, &key, navigation.name, to).await?;
            Ok(Outcome::Done)
        }
        // Some clients name the link's end behind `$id` (MS-ODATA 2.2.3.5).
        (Verb::Delete, Tail::Links(navigation, None), Some(key)) => {
            let Some(to) = change.parameter("$id").map(str::to_owned) else { return Err(not_here(call)) };
            let to = key_of(&to, (navigation.target)())?;
            sets::of(entity).unlink(change, &key, navigation.name, &to).await?;
            Ok(Outcome::Done)
        }
        (Verb::Post, Tail::Action(action), Some(key)) => {
            call.check_json()?;
            let parameters = json::parameters(&call.body, action.parameters)?;
            Ok(match sets::of(entity).act(change, &key, action.name, &parameters).await? {
                Acted::Value(value) => Outcome::Value(action, value),
                Acted::Operation(operation) => Outcome::Begun(operation),
            })
        }
        _ => Err(not_here(call)),
    }
}

/// The entity whose link a new entity is posted to, and the property by which that belongs to it.
fn owner(target: &Target) -> Option<(String, &'static str)> {
    let Target::Entities { entity, key: Some(key), steps, .. } = target else { return None };
    let [(navigation, None)] = steps.as_slice() else { return None };
    Some((key.clone(), belonging(entity, navigation.name)?))
}

/// The property by which what a link leads to belongs to its owner.
fn belonging(owner: &EntityType, navigation: &str) -> Option<&'static str> {
    match (owner.name, navigation) {
        ("Asset", "Files" | "AssetFilters") => Some("ParentAssetId"),
        ("Asset", "Locators") => Some("AssetId"),
        ("AccessPolicy", "Locators") => Some("AccessPolicyId"),
        _ => None,
    }
}

/// Makes the links that the body of a new entity names: to entities that exist, and to new ones.
async fn relate(
    change: &mut Change<'_>,
    entity: &'static EntityType,
    key: &str,
    body: &json::Body,
) -> Result<(), Error> {
    for (name, references) in &body.links {
        let Some(target) = entity.navigation(name).map(|navigation| (navigation.target)()) else { continue };
        for reference in references {
            let to = match reference {
                Reference::Uri(address) => key_of(address, target)?,
                Reference::Inline(new) => {
                    if let Some((property, _)) = new.links.first() {
                        let how = "new entities can hold others one deep; create them one after the other";
                        return Err(Error::Value { property, found: "nested so deep".to_owned(), how });
                    }
                    let mut new = new.clone();
                    if let Some(property) = belonging(entity, name) {
                        new.values.retain(|(name, _)| *name != property);
                        new.values.push((property, Value::text(key)));
                        sets::of(target).create(change, &new).await?;
                        continue;
                    }
                    sets::of(target).create(change, &new).await?
                }
            };
            sets::of(entity).link(change, key, name, &to).await?;
        }
    }
    Ok(())
}

/// What a path goes through has to lead to its end.
async fn confirm(context: &Context, target: &Target) -> Result<(), Error> {
    let Target::Entities { entity, key, steps, .. } = target else { return Ok(()) };
    if steps.is_empty() {
        return Ok(());
    }
    let call = Call {
        method: "GET".to_owned(),
        path: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
    };
    let steps: Vec<(&'static Navigation, Option<String>)> = steps.clone();
    read::entities(context, &call, Form::None, entity, key.as_deref(), &steps, &Tail::Whole).await.map(drop)
}

fn not_here(call: &Call) -> Error {
    let instead = "POST to a set creates, MERGE, PATCH and PUT change one entity, DELETE deletes one";
    Error::Method { method: call.method.clone(), instead }
}

fn changed(call: &Call) -> Error {
    let found = call.header("if-match").unwrap_or_default().to_owned();
    Error::Stale { found }
}

/// The answer to what was done, now that it is there.
pub async fn answer(context: &Context, form: Form, outcome: &Outcome) -> Result<Answer, Error> {
    Ok(match outcome {
        Outcome::Created(entity, key) => {
            let row = read::find(context, entity, key).await?;
            let location = dialect(context, form).uri(entity, key);
            let answer = read::one(context, form, row, &Options::default(), StatusCode::CREATED).await?;
            answer.with("Location", location)
        }
        Outcome::Done => Answer::empty(StatusCode::NO_CONTENT),
        Outcome::Value(action, value) => {
            let kind = action.returns.unwrap_or(Kind::String);
            Answer::json(StatusCode::OK, form, json::property(&dialect(context, form), action.name, kind, value))
        }
        Outcome::Begun(operation) => {
            let location =
                format!("{}/Operations('{}')", context.root, crate::odata::encode_component(&operation.to_string()));
            Answer::empty(StatusCode::ACCEPTED).with("operation-id", operation.to_string()).with("Location", location)
        }
    })
}
