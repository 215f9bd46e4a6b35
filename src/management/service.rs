//! From a request to its answer, without sockets.

use std::future::Future;
use std::pin::Pin;

use hyper::StatusCode;

use super::address::{relative, shorten};
use super::answer::Answer;
use super::call::{Call, Verb, needs_write};
use super::change::Change;
use super::context::{Context, Role};
use super::error::Error;
use super::model::MODEL;
use super::write::{self, Outcome};
use super::{functions, read};
use crate::odata::batch::{self, Answered, Operation, Part};
use crate::odata::json::Form;
use crate::odata::{ResourcePath, Target, metadata, resolve, service_document};

/// Answers a request. Errors are answers too.
pub async fn serve(context: &Context, call: &Call) -> Answer {
    let form = call.form();
    let result = match &form {
        Ok(form) => answer(context, call, *form).await,
        // `$metadata` and `$batch` are no JSON, so what is accepted of that does not matter.
        Err(_) => match target(call) {
            Ok(Target::Metadata | Target::Batch) => answer(context, call, Form::Minimal).await,
            _ => Err(Error::NotAcceptable),
        },
    };
    result.unwrap_or_else(|error| Answer::error(form.unwrap_or_default(), &error))
}

fn target(call: &Call) -> Result<Target, Error> {
    Ok(resolve(&ResourcePath::parse(&call.path)?, &MODEL)?)
}

async fn answer(context: &Context, call: &Call, form: Form) -> Result<Answer, Error> {
    let verb = call.verb()?;
    let target = target(call)?;
    if needs_write(verb, &target) && context.role < Role::Write {
        return Err(Error::ReadOnly);
    }
    match (verb, &target) {
        (Verb::Read, Target::Service) => {
            Ok(Answer::json(StatusCode::OK, form, service_document(&MODEL, &context.root, form)))
        }
        (Verb::Read, Target::Metadata) => {
            Ok(Answer::text(StatusCode::OK, "application/xml;charset=utf-8", metadata(&MODEL)))
        }
        (Verb::Read | Verb::Post, Target::Function { function, arguments }) => {
            functions::call(context, call, form, function, arguments).await
        }
        (Verb::Post, Target::Batch) => batch(context, call).await,
        (Verb::Read, Target::Entities { entity, key, steps, tail }) => {
            read::entities(context, call, form, entity, key.as_deref(), steps, tail).await
        }
        _ => {
            let mut change = Change::single(context);
            let outcome = write::carry_out(&mut change, call, verb, &target).await?;
            change.commit().await?;
            log(context, call);
            write::answer(context, form, &outcome).await
        }
    }
}

/// A line for every change, beside the catalogue's own audit records. Bodies may hold secrets and are left out.
fn log(context: &Context, call: &Call) {
    let (actor, method, path) = (&context.by.actor, &call.method, shorten(&call.path));
    tracing::info!(target: "headwater::audit", %actor, %method, %path, "changed by the management API");
}

async fn batch(context: &Context, call: &Call) -> Result<Answer, Error> {
    let parts = batch::parse(call.header("content-type").unwrap_or_default(), &call.body)?;
    let mut answers = Vec::new();
    for part in parts {
        answers.push(match part {
            Part::Single(operation) => Answered::Single(single(context, call, &operation).await),
            Part::ChangeSet(operations) => change_set(context, call, &operations).await,
        });
    }
    let boundary = format!("batchresponse_{}", uuid::Uuid::new_v4());
    let kind = format!("multipart/mixed; boundary={boundary}");
    let body = batch::write(&answers, &boundary);
    Ok(Answer { body, content_type: Some(kind), ..Answer::empty(StatusCode::ACCEPTED) })
}

/// A request of a batch: what it does not say of headers, the batch says.
fn inner(outer: &Call, operation: &Operation, target: &str) -> Call {
    let address = relative(target);
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let mut headers = operation.headers.clone();
    let own = headers.iter().any(|(name, _)| name == "maxdataserviceversion");
    if let Some(value) = outer.header("maxdataserviceversion").filter(|_| !own) {
        headers.push(("maxdataserviceversion".to_owned(), value.to_owned()));
    }
    Call {
        method: operation.method.clone(),
        path,
        query: query.to_owned(),
        headers,
        body: operation.body.clone().into(),
    }
}

/// [`serve`] behind a pointer, because what a batch holds is answered by the same function.
fn serve_boxed<'a>(context: &'a Context, call: &'a Call) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
    Box::pin(serve(context, call))
}

async fn single(context: &Context, outer: &Call, operation: &Operation) -> batch::Answer {
    let call = inner(outer, operation, &operation.target);
    let answer = match target(&call) {
        Ok(Target::Batch) => {
            let instead = "a $batch cannot hold another";
            Answer::error(Form::Minimal, &Error::Method { method: call.method.clone(), instead })
        }
        _ => serve_boxed(context, &call).await,
    };
    batch_answer(answer, operation)
}

fn batch_answer(answer: Answer, operation: &Operation) -> batch::Answer {
    let mut headers: Vec<(String, String)> =
        answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    headers.push(("DataServiceVersion".to_owned(), "3.0;".to_owned()));
    headers.extend(answer.content_type.map(|kind| ("Content-Type".to_owned(), kind)));
    batch::Answer {
        status: answer.status.as_u16(),
        reason: answer.status.canonical_reason().unwrap_or_default().to_owned(),
        headers,
        body: answer.body,
        content_id: operation.content_id.clone(),
    }
}

async fn change_set(context: &Context, outer: &Call, operations: &[Operation]) -> Answered {
    let mut change = Change::set(context);
    let mut done: Vec<(Form, Outcome)> = Vec::new();
    let mut made: Vec<(String, String)> = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        match one_of_set(&mut change, outer, operation, &mut made).await {
            Ok(outcome) => done.push(outcome),
            Err(error) => return failed(operation, index, error),
        }
    }
    if let Err(error) = change.commit().await {
        return operations.first().map_or(Answered::ChangeSet(Vec::new()), |first| failed(first, 0, error));
    }
    let mut answers = Vec::new();
    for ((form, outcome), operation) in done.iter().zip(operations) {
        log(context, &inner(outer, operation, &operation.target));
        let answer = write::answer(context, *form, outcome).await;
        answers.push(batch_answer(answer.unwrap_or_else(|error| Answer::error(*form, &error)), operation));
    }
    Answered::ChangeSet(answers)
}

/// One answer speaks for a change set of which nothing was carried out.
fn failed(operation: &Operation, index: usize, error: Error) -> Answered {
    let error = Error::InChangeSet { number: index + 1, source: Box::new(error) };
    Answered::Single(batch_answer(Answer::error(Form::Minimal, &error), operation))
}

/// `made` are the addresses of what requests with a `Content-ID` have created.
async fn one_of_set(
    change: &mut Change<'_>,
    outer: &Call,
    operation: &Operation,
    made: &mut Vec<(String, String)>,
) -> Result<(Form, Outcome), Error> {
    let mut call = inner(outer, operation, &referred(&operation.target, made));
    if let Ok(body) = std::str::from_utf8(&call.body)
        && body.contains("\"$")
    {
        call.body = refer_in_body(body, made).into();
    }
    let form = call.form()?;
    let (verb, target) = (call.verb()?, target(&call)?);
    if change.context.role < Role::Write {
        return Err(Error::ReadOnly);
    }
    let outcome = write::carry_out(change, &call, verb, &target).await?;
    if let (Some(id), Outcome::Created(entity, key)) = (&operation.content_id, &outcome) {
        made.push((id.clone(), read::dialect(change.context, form).uri(entity, key)));
    }
    Ok((form, outcome))
}

/// `$1/Files` with the address of what request 1 created.
fn referred(target: &str, made: &[(String, String)]) -> String {
    let path = relative(target).trim_start_matches('/');
    let Some(reference) = path.strip_prefix('$') else { return target.to_owned() };
    let end = reference.find(['/', '?']).unwrap_or(reference.len());
    match made.iter().find(|(id, _)| *id == reference[..end]) {
        Some((_, address)) => format!("{address}{}", &reference[end..]),
        None => target.to_owned(),
    }
}

/// Addresses in bodies may refer too: `{"uri":"$1"}`.
fn refer_in_body(body: &str, made: &[(String, String)]) -> String {
    made.iter()
        .fold(body.to_owned(), |body, (id, address)| body.replace(&format!("\"${id}\""), &format!("\"{address}\"")))
}
