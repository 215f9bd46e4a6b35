//! Logs, and traces for collectors.

mod traces;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

pub use traces::{Counts, Head, Place, Told, Tracer};

/// How a log line looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lines {
    /// For people.
    Text,
    /// For programs: one JSON object.
    Json,
}

/// Sends log lines to standard error. `filter` is used unless the environment variable `RUST_LOG`
/// says otherwise, e.g. `headwater=debug`; a filter that cannot be read lets warnings through. A
/// second call does nothing.
pub fn init(filter: &str, lines: Lines) {
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(filter))
        .unwrap_or_else(|_| EnvFilter::new("warn"));
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    let _ = match lines {
        Lines::Text => logs.try_init(),
        Lines::Json => logs.json().try_init(),
    };
}
