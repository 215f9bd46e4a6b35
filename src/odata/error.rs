//! What is wrong with a request's text.

/// Why a text is no request. Messages say what, where and how to mend it; they are shown to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An expression or path cannot be read.
    #[error("{option} cannot be read at character {at}: {problem}")]
    Syntax {
        /// `$filter`, `$orderby`, `the path` …
        option: &'static str,
        /// Characters before the place, from 0.
        at: usize,
        /// What was expected.
        problem: String,
    },
    /// The type has no such property.
    #[error("{entity} has no property '{property}'; $metadata lists its properties, and case matters")]
    UnknownProperty {
        /// The type's name.
        entity: &'static str,
        /// What was asked for.
        property: String,
    },
    /// A value of another type than the property's.
    #[error("{property} has to be {expected}, and {found} is not")]
    WrongType {
        /// Which property or parameter.
        property: String,
        /// The type, with the form it is written in.
        expected: &'static str,
        /// What came, shortened.
        found: String,
    },
    /// Two operands that cannot be put together.
    #[error(
        "'{operator}' cannot be used on {left} and {right}; write texts in quotes, dates as datetime'2024-05-06T07:08:09'"
    )]
    Operands {
        /// `eq`, `add` …
        operator: &'static str,
        /// What stands at its left.
        left: &'static str,
        /// What stands at its right.
        right: &'static str,
    },
    /// More than [`limits`](super::limits) allow.
    #[error("{what} is larger than {limit} {unit} allow; split the request")]
    TooLarge {
        /// What is.
        what: &'static str,
        /// How much may be.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// A query option that does not exist, comes twice or has no such value.
    #[error("the query option {option} {problem}")]
    Option {
        /// Its name with the `$`.
        option: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no such resource.
    #[error("there is no resource '{segment}' {place}; the service document lists the entity sets, and case matters")]
    NoResource {
        /// The segment of the path.
        segment: String,
        /// Where it was looked for.
        place: String,
    },
    /// A body that is not JSON.
    #[error("the body is no JSON object: {problem}")]
    Json {
        /// Where and why.
        problem: String,
    },
    /// A body of `$batch` that is none.
    #[error("the $batch cannot be read: {problem}")]
    Batch {
        /// What was expected.
        problem: &'static str,
    },
}

impl Error {
    pub(super) fn syntax(option: &'static str, at: usize, problem: impl Into<String>) -> Error {
        Error::Syntax { option, at, problem: problem.into() }
    }

    pub(super) fn option(option: &str, problem: &'static str) -> Error {
        Error::Option { option: shorten(option), problem }
    }
}

/// At most 60 characters of a text, for messages.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
