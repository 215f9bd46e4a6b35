//! Keys of what is encrypted as a whole, as players get them: from where the manifest says, with the viewer's token.

use std::collections::BTreeMap;

use tokio::sync::Mutex;

use super::encryption::Envelope;
use super::report::{Code, Finding, Severity};
use super::{Event, Job};
use crate::cipher::ContentKey;

/// The keys that were asked for, by their URLs; `None` where one was not given.
#[derive(Default)]
pub(super) struct Keys(Mutex<BTreeMap<String, Option<ContentKey>>>);

/// A key's answer may have a line end behind it at most; errors have some words.
const KEY_BYTES: usize = 64 << 10;

/// The key of an envelope. Where there is none, the reason is among the findings: of a key that is refused an
/// error with a token, a note without one.
pub(super) async fn key(job: &Job<'_>, envelope: &Envelope, findings: &mut Vec<Finding>) -> Option<ContentKey> {
    const WHOLE: &str = "it is encrypted as a whole";
    let Some(url) = &envelope.key else {
        let message = format!("fetched, but not looked into: {WHOLE}, and one key's URL is not told");
        findings.push(Finding::new(Code::NotRead, message));
        return None;
    };
    // Held while it is asked for: others wait for the same answer.
    let mut keys = job.keys.0.lock().await;
    if let Some(known) = keys.get(url.as_str()) {
        if known.is_none() {
            findings.push(Finding::new(Code::NotRead, format!("fetched, but not looked into: {WHOLE}")));
        }
        return known.clone();
    }
    (job.progress)(Event::Expected(1));
    let answer = job.client.key(url, job.options.token.as_ref(), KEY_BYTES).await;
    (job.progress)(Event::Fetched(0));
    let key = match answer {
        Ok(answer) if answer.status == 200 => {
            let key = ContentKey::from_slice(&answer.body);
            key.ok_or_else(|| (Severity::Error, format!("the key has {} bytes, not 16", answer.body.len())))
        }
        Ok(answer) => {
            let asked = matches!(answer.status, 401 | 403) && job.options.token.is_none();
            let severity = if asked { Severity::Note } else { Severity::Error };
            let hint = if asked { "; with --token it may be" } else { "" };
            Err((severity, format!("the key is not given: HTTP {}{hint}", answer.status)))
        }
        Err(problem) => Err((Severity::Error, format!("the key is not given: {problem}"))),
    };
    let key = key.map_err(|(severity, message)| {
        let message = format!("{WHOLE}, and {message}");
        findings.push(Finding { severity, ..Finding::new(Code::KeyRefused, message).at(url) });
    });
    let key = key.ok();
    keys.insert(url.as_str().to_owned(), key.clone());
    key
}
