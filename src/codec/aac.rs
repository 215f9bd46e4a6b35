//! AAC.
