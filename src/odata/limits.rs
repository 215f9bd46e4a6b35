//! How much a request may ask for. The service bounds the bytes of a whole request besides.

/// Bytes of one expression of `$filter` or `$orderby`.
pub const EXPRESSION_BYTES: usize = 16 * 1024;

/// Parts (operators, functions, properties, literals) of one expression.
pub const EXPRESSION_NODES: usize = 1000;

/// How deep an expression may be nested.
pub const EXPRESSION_DEPTH: usize = 50;

/// How many navigation properties an expression or a path may follow one after the other, `any` and `all`
/// included: each multiplies the work.
pub const NAVIGATION_DEPTH: usize = 3;

/// Expressions in `$orderby`.
pub const ORDER_TERMS: usize = 10;

/// Names in `$select` and `$expand`.
pub const NAMES: usize = 100;

/// Bytes of a path.
pub const PATH_BYTES: usize = 8 * 1024;

/// Segments of a path.
pub const PATH_SEGMENTS: usize = 12;

/// Entities in one answer, as in Azure Media Services; `$skip` leads to the next ones.
pub const PAGE: usize = 1000;

/// Entities that `$expand` may put into one answer altogether.
pub const EXPANDED: usize = 10_000;

/// Operations of one `$batch`, those in change sets included.
pub const BATCH_OPERATIONS: usize = 1000;

/// Header lines of one part of a `$batch`.
pub const BATCH_HEADERS: usize = 64;

/// Characters that evaluating one text function may make of a text; only `concat` and `replace` lengthen.
pub const TEXT_CHARACTERS: usize = 256 * 1024;
