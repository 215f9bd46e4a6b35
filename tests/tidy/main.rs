//! The house rules that no compiler checks: floors, the seam, documents that agree with the code.

mod documents;
mod floors;
mod rust;
mod tree;
