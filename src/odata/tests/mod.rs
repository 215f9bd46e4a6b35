//! The dialect over a small model.

mod batches;
mod filters;
mod jsons;
mod paths;
mod queries;
