//! `$batch`: several requests in one, `multipart/mixed` (OData Batch Processing Format version 3, RFC 2046 5.1).

use super::error::Error;
use super::limits;

/// A part of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A request on its own.
    Single(Operation),
    /// Requests of which all succeed or none is carried out.
    ChangeSet(Vec<Operation>),
}

/// A request within a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// `GET`, `POST`, `MERGE` …
    pub method: String,
    /// The target as it is written: absolute, relative to the root, or `$1/…` for what the request with
    /// `Content-ID: 1` created.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// `Content-ID`, by which later requests of a change set refer to what this one created.
    pub content_id: Option<String>,
}

/// The answer to a request within a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The phrase behind it.
    pub reason: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// `Content-ID` of the request.
    pub content_id: Option<String>,
}

/// The answer to a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// Of a request on its own, or of a change set that failed as a whole.
    Single(Answer),
    /// Of the requests of a change set.
    ChangeSet(Vec<Answer>),
}

impl Operation {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// Reads a batch. `content_type` is that of the whole request.
///
/// # Errors
/// [`Error::Batch`] and [`Error::TooLarge`].
pub fn parse(content_type: &str, body: &[u8]) -> Result<Vec<Part>, Error> {
    let boundary =
        boundary(content_type).ok_or_else(|| problem("its Content-Type has to be multipart/mixed; boundary=…"))?;
    let mut operations = 0;
    let mut parts = Vec::new();
    for part in split(body, &boundary)? {
        let (headers, content) = head(part)?;
        let kind = header(&headers, "content-type").unwrap_or_default().to_owned();
        if kind.to_ascii_lowercase().starts_with("multipart/mixed") {
            let inner = self::boundary(&kind).ok_or_else(|| problem("a change set needs a boundary"))?;
            let mut set = Vec::new();
            for part in split(content, &inner)? {
                let operation = operation(part, &mut operations)?;
                if operation.method == "GET" {
                    return Err(problem("a change set cannot hold GET; put it outside"));
                }
                set.push(operation);
            }
            parts.push(Part::ChangeSet(set));
        } else {
            parts.push(Part::Single(operation(part, &mut operations)?));
        }
    }
    Ok(parts)
}

/// Writes the answer to a batch.
pub fn write(answers: &[Answered], boundary: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, answered) in answers.iter().enumerate() {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        match answered {
            Answered::Single(answer) => write_answer(&mut out, answer),
            Answered::ChangeSet(answers) => {
                let inner = format!("changesetresponse_{index}_{boundary}");
                let head = format!("Content-Type: multipart/mixed; boundary={inner}\r\n\r\n");
                out.extend_from_slice(head.as_bytes());
                for answer in answers {
                    out.extend_from_slice(format!("--{inner}\r\n").as_bytes());
                    write_answer(&mut out, answer);
                }
                out.extend_from_slice(format!("--{inner}--\r\n").as_bytes());
            }
        }
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

fn write_answer(out: &mut Vec<u8>, answer: &Answer) {
    let mut head = String::from("Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n");
    if let Some(id) = &answer.content_id {
        head.push_str(&format!("Content-ID: {id}\r\n"));
    }
    head.push_str(&format!("\r\nHTTP/1.1 {} {}\r\n", answer.status, answer.reason));
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body.len()));
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&answer.body);
    out.extend_from_slice(b"\r\n");
}

/// The boundary of a multipart content type (RFC 2046 5.1.1).
fn boundary(content_type: &str) -> Option<String> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let value = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    ((1..=70).contains(&value.len()) && value.bytes().all(allowed)).then_some(value)
}

/// The contents between the delimiters, without the line ends that belong to these.
fn split<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<&'a [u8]>, Error> {
    let delimiter = format!("--{boundary}");
    let (mut parts, mut start, mut at) = (Vec::new(), None, 0);
    while at < body.len() {
        let end = body[at..].iter().position(|b| *b == b'\n').map_or(body.len(), |n| at + n + 1);
        let line = trim_line(&body[at..end]);
        if let Some(rest) = line.strip_prefix(delimiter.as_bytes()) {
            let closes = rest.starts_with(b"--");
            let rest = if closes { &rest[2..] } else { rest };
            if rest.iter().all(|b| matches!(b, b' ' | b'\t')) {
                if let Some(start) = start {
                    parts.push(trim_line(&body[start..at]));
                    if parts.len() > limits::BATCH_OPERATIONS {
                        return Err(too_many());
                    }
                }
                if closes {
                    return Ok(parts);
                }
                start = Some(end);
            }
        }
        at = end;
    }
    Err(problem("the last delimiter, which ends in '--', is missing"))
}

/// Without one line end.
fn trim_line(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Header lines up to an empty one, and what follows.
fn head(mut rest: &[u8]) -> Result<(Vec<(String, String)>, &[u8]), Error> {
    let mut headers = Vec::new();
    loop {
        let line = take_line(&mut rest);
        if line.is_empty() {
            return Ok((headers, rest));
        }
        if headers.len() >= limits::BATCH_HEADERS {
            return Err(Error::TooLarge {
                what: "a part of the $batch",
                limit: limits::BATCH_HEADERS,
                unit: "headers",
            });
        }
        let text = std::str::from_utf8(line).map_err(|_| problem("a header is not text"))?;
        let (name, value) = text.split_once(':').ok_or_else(|| problem("a header has no colon"))?;
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// The next line without its end; empty at the end of the text.
fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |n| n + 1);
    let line = trim_line(&rest[..end]);
    *rest = &rest[end..];
    line
}

fn operation(part: &[u8], count: &mut usize) -> Result<Operation, Error> {
    *count += 1;
    if *count > limits::BATCH_OPERATIONS {
        return Err(too_many());
    }
    let (outer, mut content) = head(part)?;
    if !header(&outer, "content-type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/http")) {
        return Err(problem("a part has to be application/http, or multipart/mixed for a change set"));
    }
    let mut line = take_line(&mut content);
    while line.is_empty() && !content.is_empty() {
        line = take_line(&mut content);
    }
    let line = std::str::from_utf8(line).map_err(|_| problem("a request line is not text"))?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (method, target) = match words.as_slice() {
        [method, target] => (*method, *target),
        [method, target, version] if version.starts_with("HTTP/") => (*method, *target),
        _ => return Err(problem("a request line is no METHOD URL HTTP/1.1")),
    };
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(problem("a method is written in capital letters"));
    }
    let (headers, mut body) = head(content)?;
    // What lies behind the announced length are the line ends of the part.
    if let Some(length) = header(&headers, "content-length") {
        let length: usize = length.parse().map_err(|_| problem("a Content-Length is no number"))?;
        body = body.get(..length).ok_or_else(|| problem("a body is shorter than its Content-Length"))?;
    }
    let content_id = header(&outer, "content-id").or_else(|| header(&headers, "content-id"));
    let content_id = content_id.filter(|id| id.len() <= 100 && id.bytes().all(|b| b.is_ascii_graphic()));
    Ok(Operation {
        method: method.to_owned(),
        target: target.to_owned(),
        body: body.to_vec(),
        content_id: content_id.map(str::to_owned),
        headers,
    })
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

fn problem(problem: &'static str) -> Error {
    Error::Batch { problem }
}

fn too_many() -> Error {
    Error::TooLarge { what: "the $batch", limit: limits::BATCH_OPERATIONS, unit: "requests" }
}
