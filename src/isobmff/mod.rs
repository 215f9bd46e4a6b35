//! The ISO base media file format (ISO/IEC 14496-12): boxes read from slices, and boxes written.
//!
//! Everything read is untrusted. The rules that every reader here keeps: a box is bounded by its
//! container and every step advances; a count is held against the bytes present before it is used;
//! tables stay slices of what was read; a box that may occur once is an error the second time; sums
//! are 64-bit; totals that must agree are compared.

mod boxes;
mod encryption;
mod error;
mod fields;
mod four_cc;
mod fragment;
mod fragment_writer;
mod gapless;
mod index;
mod init;
mod movie;
pub mod piff;
mod protected_entry;
mod pssh;
mod sample_encryption;
mod sample_group;
mod sample_table;
mod stills;
mod track;
mod write;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod media_tests;
#[cfg(test)]
mod testing;

pub use boxes::{BoxHeader, RawBox, boxes};
pub use encryption::{Subsample, TrackEncryption, Vectors, protected_sample_entry, write_protection_header};
pub use error::{BoxPath, Error, ErrorKind};
pub use four_cc::FourCc;
pub use fragment::{MAX_SAMPLES_PER_RUN, MovieFragment, Run, RunSample, SAMPLE_IS_NON_SYNC, TrackFragment, is_sync};
pub use fragment_writer::{FragmentHeader, FragmentSample, FragmentStyle, WriteError};
pub use gapless::{Gapless, gapless};
pub use index::{MFRO_SIZE, SegmentIndex, SegmentReference, TrackFragmentRandomAccess, mfra_size};
pub use init::{Brands, InitSegment, MediaHeader};
pub use movie::{MAX_TRACKS, Movie, MovieExtends, TrackExtends};
pub use protected_entry::{ProtectedEntry, SystemHeader};
pub use pssh::{MAX_PROTECTION_HEADERS, ProtectionHeader};
pub use sample_encryption::{
    EncryptionBoxes, Entries, Override, SampleEncryption, SampleEncryptionTable, SampleProtection, SampleVector,
    TooManySubsamples, sample_encryption_boxes,
};
pub use sample_group::EncryptionGroups;
pub use sample_table::{Chunk, MAX_SAMPLES_PER_TRACK, SampleTables};
pub use stills::{Still, write_stills};
pub use track::{Edit, Track};
pub use write::{write_box, write_full_box, write_media_data_header, write_uuid_box};
