//! The ISO base media file format (ISO/IEC 14496-12): boxes read from slices, and boxes written.

mod four_cc;

pub use four_cc::FourCc;
