//! `[metrics]` and `[log]`: what is told of the server while it runs.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{LogFormat, LogLevel};

/// `[metrics]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Whether there is `/metrics`.
    pub enabled: bool,
    /// Its own address; without one it is where the management API is.
    pub listen: Option<SocketAddr>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics { enabled: true, listen: None }
    }
}

/// `[traces]`
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// A collector of OpenTelemetry that takes OTLP over HTTP; without one nothing is traced.
    pub endpoint: Option<String>,
    /// One of how many requests is traced whose clients do not decide it.
    pub sample_one_in: u64,
}

impl Default for Traces {
    fn default() -> Traces {
        Traces { endpoint: None, sample_one_in: 1000 }
    }
}

/// `[log]`
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important messages that are written.
    pub level: LogLevel,
    /// For people or for programs.
    pub format: LogFormat,
    /// A line for each request to the public entrance.
    pub access: bool,
    /// `Server-Timing` in every answer to players.
    pub server_timing: bool,
}
