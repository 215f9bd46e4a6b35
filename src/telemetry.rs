//! Logs.

use tracing_subscriber::EnvFilter;

/// Sends log lines to standard error. `filter` is used unless the environment variable `RUST_LOG`
/// says otherwise, e.g. `headwater=debug`; a filter that cannot be read lets warnings through. A
/// second call does nothing.
pub fn init(filter: &str) {
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(filter))
        .unwrap_or_else(|_| EnvFilter::new("warn"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = logs.try_init();
}
