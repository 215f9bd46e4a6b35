//! JSON in and out (OData JSON Format version 3, OData JSON Verbose Format).

mod read;
mod write;
mod writer;

pub use read::{Body, Reference, link, object, parameters};
pub use write::{Context, entity, error, feed, links, property};
pub use writer::Writer;

/// How much an answer says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// `odata=verbose`: everything within `d`, with `__metadata` and deferred links.
    Verbose,
    /// `odata=minimalmetadata`: what `application/json` alone means in version 3.
    #[default]
    Minimal,
    /// `odata=fullmetadata`
    Full,
    /// `odata=nometadata`
    None,
}

impl Form {
    /// The content type of answers of this form.
    pub fn content_type(self) -> &'static str {
        match self {
            Form::Verbose => "application/json;odata=verbose;charset=utf-8",
            Form::Minimal => "application/json;odata=minimalmetadata;streaming=true;charset=utf-8",
            Form::Full => "application/json;odata=fullmetadata;streaming=true;charset=utf-8",
            Form::None => "application/json;odata=nometadata;streaming=true;charset=utf-8",
        }
    }

    /// The form that an `Accept` header or `$format` asks for: of the JSON forms in it the one with the
    /// highest quality, the first among equals; `verbose_default` is whether JSON alone means verbose, as it
    /// did before version 3. `None` if it wants something else altogether.
    pub fn accepted(accept: &str, verbose_default: bool) -> Option<Form> {
        let mut best: Option<(u32, Form)> = None;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "" | "*/*" | "application/*" | "application/json" | "json" => None,
                "verbosejson" => Some(Form::Verbose),
                _ => continue,
            };
            let (mut form, mut quality) = (form, 1000);
            for parameter in parts {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                match (name.trim().to_ascii_lowercase().as_str(), value.trim().to_ascii_lowercase().as_str()) {
                    ("odata", "verbose") => form = Some(Form::Verbose),
                    ("odata", "minimalmetadata" | "light") => form = Some(Form::Minimal),
                    ("odata", "fullmetadata") => form = Some(Form::Full),
                    ("odata", "nometadata") => form = Some(Form::None),
                    ("q", value) => quality = thousandths(value),
                    _ => {}
                }
            }
            let form = form.unwrap_or(if verbose_default { Form::Verbose } else { Form::Minimal });
            if quality > 0 && best.is_none_or(|(other, _)| quality > other) {
                best = Some((quality, form));
            }
        }
        best.map(|(_, form)| form)
    }
}

/// A quality like `0.8` in thousandths (RFC 9110 12.4.2); what is none counts as 1.
fn thousandths(text: &str) -> u32 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(whole), Ok(part)) if whole <= 1 => (whole * 1000 + part).min(1000),
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_headers_of_real_clients() {
        for (accept, form) in [
            ("application/json", Some(Form::Minimal)),
            ("application/json;odata=verbose", Some(Form::Verbose)),
            ("application/json; odata=minimalmetadata; charset=utf-8", Some(Form::Minimal)),
            ("application/json;odata=fullmetadata", Some(Form::Full)),
            ("application/json;odata=nometadata", Some(Form::None)),
            ("application/atom+xml,application/json;odata=verbose;q=0.5", Some(Form::Verbose)),
            ("application/json;q=0.1,application/json;odata=verbose;q=0.9", Some(Form::Verbose)),
            ("*/*", Some(Form::Minimal)),
            ("", Some(Form::Minimal)),
            ("application/atom+xml,application/xml", None),
            ("text/html", None),
        ] {
            assert_eq!(Form::accepted(accept, false), form, "{accept}");
        }
        assert_eq!(Form::accepted("application/json", true), Some(Form::Verbose));
    }
}
