//! Errors of the floors below as errors of the origin.

use std::io;

use super::error::{Error, MediaFault, StorageFault};
use crate::codec::SampleError;
use crate::{packager, source, store};

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Error {
        let storage = |fault, path: &str| Error::Storage { fault, file: Some(path.to_owned()) };
        match &error {
            store::Error::NotFound { path } => Error::SourceMissing { file: path.clone() },
            store::Error::Changed { path } | store::Error::Truncated { path, .. } => {
                Error::SourceChanged { file: path.clone() }
            }
            store::Error::Settings { .. } => {
                tracing::error!(%error, "storage cannot be used");
                Error::Storage { fault: StorageFault::Failed, file: None }
            }
            store::Error::BadPath { path, .. } => Error::FileNotFound { file: path.clone() },
            store::Error::Outside { path } | store::Error::Denied { path } => storage(StorageFault::Refused, path),
            store::Error::RangesIgnored { path } => {
                tracing::error!(%error, "storage cannot be used");
                storage(StorageFault::Failed, path)
            }
            store::Error::TooManyFiles { .. } => {
                Error::Media { fault: MediaFault::Shape, file: None, reason: error.to_string() }
            }
            store::Error::Unavailable { path, source } => match source.kind() {
                io::ErrorKind::TimedOut => storage(StorageFault::TimedOut, path),
                io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NotConnected => {
                    storage(StorageFault::Unreachable, path)
                }
                _ => storage(StorageFault::Failed, path),
            },
        }
    }
}

impl From<source::Error> for Error {
    fn from(error: source::Error) -> Error {
        let fault = match &error {
            source::Error::MissingFile { file, .. } => return Error::SourceMissing { file: file.clone() },
            source::Error::KeyFrameIntervalTooLarge { .. } => MediaFault::KeyFrames,
            source::Error::TooManyQualities { .. } => MediaFault::Shape,
            source::Error::NothingToServe { .. } | source::Error::MissingTrack { .. } => MediaFault::TrackKind,
            source::Error::Codec { .. } => MediaFault::VideoCodec,
            _ => MediaFault::Input,
        };
        Error::Media { fault, file: None, reason: error.to_string() }
    }
}

impl From<packager::Error> for Error {
    fn from(error: packager::Error) -> Error {
        let media = |fault| Error::Media { fault, file: None, reason: error.to_string() };
        match &error {
            packager::Error::NoSuchResource => {
                Error::ObjectNotInFormat { format: String::new(), object: "such resource" }
            }
            packager::Error::NoSuchTime { group, time } => {
                Error::FragmentNotFound { track: group.clone(), time: *time }
            }
            packager::Error::NoSuchTrack { name } => Error::TrackNotFound { track: name.clone() },
            packager::Error::NothingToCarry { .. } => media(MediaFault::Codec),
            packager::Error::TooManyQualities { .. } => media(MediaFault::Shape),
            packager::Error::StoredEncryption { .. } | packager::Error::SeveralKeysInFragment => {
                media(MediaFault::StoredEncryption)
            }
            packager::Error::MissingEncryption => media(MediaFault::Input),
            packager::Error::Sample { source, .. } => media(match source {
                SampleError::NalUnitTooLong { .. } => MediaFault::NalUnitSize,
                SampleError::TruncatedLengthField { .. } => MediaFault::NalUnitLengthField,
                _ => MediaFault::Input,
            }),
            packager::Error::SegmentTooLarge { .. } | packager::Error::CompositionOffsetTooLarge { .. } => {
                media(MediaFault::Input)
            }
            packager::Error::MissingMedia { .. } => {
                tracing::error!(%error, "a plan's bytes were not all read");
                Error::Internal
            }
            _ => media(MediaFault::Input),
        }
    }
}
