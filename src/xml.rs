//! XML in and out: the one place that knows the `quick-xml` crate.
