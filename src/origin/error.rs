//! Everything that can go wrong between a request and its answer, and the one table from there to
//! status and code. Floors below report what happened; only here it becomes HTTP.

use std::time::Duration;

use hyper::StatusCode;

use super::codes::MpeCode;
use super::url::{LocatorId, UrlError};
use crate::packager::filter::FilterError;
use crate::thumbnails;

/// A request that cannot be answered with media.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is none of ours.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A method other than GET, HEAD and OPTIONS.
    #[error("this method is not for streaming URLs; use GET, HEAD or OPTIONS")]
    MethodNotAllowed,

    /// No such locator, or it is outside its times.
    #[error("locator {locator} is unknown or not valid now")]
    LocatorNotFound {
        /// The locator of the URL.
        locator: LocatorId,
    },
    /// The locator is there, but not valid at this time.
    #[error("locator {locator} {}", if *.is_over { "has expired" } else { "is not valid yet" })]
    LocatorNotValid {
        /// The locator of the URL.
        locator: LocatorId,
        /// It has been valid; else it will be.
        is_over: bool,
    },
    /// The streaming endpoint that is asked is stopped, or about to be or not to be.
    #[error("streaming endpoint {endpoint:?} is {state}; it answers when it has been started")]
    EndpointNotRunning {
        /// Its name.
        endpoint: String,
        /// What it is instead.
        state: &'static str,
    },
    /// The streaming endpoint does not let this client ask.
    #[error("not admitted: {reason}")]
    NotAdmitted {
        /// Why, without keys.
        reason: String,
    },
    /// The asset has no presentation of this name.
    #[error("there is no presentation {presentation:?} under this locator; names are case-sensitive")]
    PresentationNotFound {
        /// The name in the URL.
        presentation: String,
    },
    /// The asset has no file of this name.
    #[error("there is no file {file:?} under this locator; names are case-sensitive")]
    FileNotFound {
        /// The name in the URL.
        file: String,
    },
    /// The asset's folder or container is gone.
    #[error("the content of this locator is missing in storage")]
    AssetMissing,
    /// A file that the presentation is made of is missing.
    #[error("the presentation needs {file:?}, which is missing in storage")]
    SourceMissing {
        /// Path relative to the asset.
        file: String,
    },
    /// The presentation has no track of this name.
    #[error("there is no track {track:?}; the manifest lists the names, case matters")]
    TrackNotFound {
        /// The name in the URL.
        track: String,
    },
    /// The track has no quality of this bitrate.
    #[error("track {track:?} has no quality of {bitrate} bits per second; the manifest lists them")]
    BitrateNotFound {
        /// The track's name.
        track: String,
        /// The bitrate in the URL, bits per second.
        bitrate: u64,
    },
    /// No fragment of the track begins at this time.
    #[error("no fragment of track {track:?} starts at {time}; the manifest lists the times")]
    FragmentNotFound {
        /// The track's name.
        track: String,
        /// The time in the URL, in ticks of the track's timescale.
        time: u64,
    },
    /// A fragment of a running live stream that does not exist yet.
    #[error("the fragment of track {track:?} at {time} is not produced yet; ask again in a moment")]
    FragmentNotReady {
        /// The track's name.
        track: String,
        /// The time in the URL, in ticks of the track's timescale.
        time: u64,
    },
    /// There are no thumbnails.
    #[error("there are no thumbnails here: {why}")]
    NoThumbnails {
        /// What is missing, or who decided so.
        why: &'static str,
    },
    /// No sheet of thumbnails of this number.
    #[error("there is no sheet {sheet} of thumbnails; they are counted from 1 to {sheets}")]
    SheetNotFound {
        /// The number in the URL.
        sheet: u64,
        /// How many there are.
        sheets: u32,
    },
    /// A time outside the film.
    #[error("the film ends before {time} (in units of 100 ns)")]
    TimeNotFound {
        /// The time in the URL, ticks of 10 MHz.
        time: u64,
    },
    /// The program that draws thumbnails did not.
    #[error("thumbnails cannot be drawn: {0}")]
    Drawing(thumbnails::Error),
    /// No filter of this name.
    #[error("there is no filter {filter:?}")]
    FilterNotFound {
        /// The name in the URL.
        filter: String,
    },

    /// Filters that cannot be applied, or that leave nothing.
    #[error(transparent)]
    Filter(#[from] FilterError),

    /// `format=` names no format.
    #[error("format {format:?} does not exist; docs/urls.md lists the formats")]
    FormatUnknown {
        /// The tag, lower case.
        format: String,
    },
    /// The format exists, but has no such object: an initialization segment in Smooth, say.
    #[error("{} has no {object}", format_name(.format))]
    ObjectNotInFormat {
        /// The tag, lower case; empty for Smooth.
        format: String,
        /// What was asked, e.g. `initialization segment`.
        object: &'static str,
    },
    /// `encryption=` is needed and missing.
    #[error("several encryptions are configured; add encryption= to the URL")]
    EncryptionNotSpecified,
    /// `encryption=` names one that is not configured.
    #[error("encryption {encryption:?} is not configured for this content")]
    EncryptionNotConfigured {
        /// The value in the URL.
        encryption: &'static str,
    },
    /// The format does not know the encryption.
    #[error("{} cannot be encrypted with {encryption:?}; docs/encryption.md lists what goes with what", format_name(.format))]
    EncryptionNotInFormat {
        /// The format's tag; empty for Smooth.
        format: String,
        /// The encryption, as URLs name it.
        encryption: &'static str,
    },
    /// A delivery policy encrypts, and there is no key for it.
    #[error("the delivery policy wants a key of type {kind}, and the asset has none; link one")]
    ContentKeyMissing {
        /// The content key type.
        kind: &'static str,
    },
    /// A delivery policy encrypts, and there is a key for other tracks alone.
    #[error(
        "no content key of the asset is for its {kind} track of {codec}; link one whose TrackIdentifiers name it, or leave it clear with UnencryptedTracksByFourCC"
    )]
    TrackKeyMissing {
        /// `video` or `audio`.
        kind: &'static str,
        /// The codec of the track.
        codec: String,
    },
    /// A delivery policy encrypts what is encrypted in storage already.
    #[error("the content is stored encrypted and cannot be encrypted again; unlink the delivery policy")]
    AlreadyEncrypted,
    /// A delivery policy wants this protocol encrypted, which what is asked for cannot be.
    #[error("this content goes out encrypted alone ({how}); this of it cannot be encrypted")]
    EncryptionRequired {
        /// The delivery type.
        how: &'static str,
    },
    /// Several delivery policies claim this protocol.
    #[error("several delivery policies of this content name this protocol and disagree; unlink one")]
    SeveralPolicies,
    /// The protocol is blocked by a delivery policy.
    #[error("this protocol is blocked for this content")]
    OutputBlocked,

    /// The source cannot be streamed as asked. Whose fault: the content's.
    #[error("the content cannot be streamed this way: {reason}{}", in_file(.file))]
    Media {
        /// The kind of trouble.
        fault: MediaFault,
        /// The file in trouble, if one is to blame; path relative to the asset.
        file: Option<String>,
        /// The finding of the floor that met it, for people.
        reason: String,
    },
    /// Storage failed. Whose fault: storage's.
    #[error("storage: {fault}{}", in_file(.file))]
    Storage {
        /// The kind of failure.
        fault: StorageFault,
        /// The file that was read, if one was; path relative to the asset.
        file: Option<String>,
    },
    /// A source file was replaced or cut while it was read.
    #[error("{file:?} changed while it was read; ask again")]
    SourceChanged {
        /// Path relative to the asset.
        file: String,
    },

    /// A condition of the request (`If-Match`, `If-Unmodified-Since`) does not hold.
    #[error("the content has changed since; fetch it again without a condition")]
    PreconditionFailed,
    /// No byte range of the request lies in the body.
    #[error("the body has {length} bytes and the range lies outside")]
    RangeNotSatisfiable {
        /// Bytes in the whole body.
        length: u64,
    },
    /// More work is under way than memory allows.
    #[error("the server is busy; ask again in {} s", .retry_after.as_secs())]
    Overloaded {
        /// How long to wait; written in whole seconds.
        retry_after: Duration,
    },
    /// A broken promise in our own code. Details are in the log and never in the answer.
    #[error("an internal error; the server's log tells more")]
    Internal,
}

/// What is wrong with media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaFault {
    /// A source file is damaged or not of a known kind.
    Input,
    /// The shape cannot be streamed (too many qualities, no tracks).
    Shape,
    /// The format cannot carry this kind of track.
    TrackKind,
    /// The format cannot carry these codecs.
    Codec,
    /// The format cannot carry this video codec.
    VideoCodec,
    /// The format cannot carry this audio codec.
    AudioCodec,
    /// A sample contains an invalid NAL unit.
    NalUnit,
    /// A sample's NAL unit reaches past its end.
    NalUnitSize,
    /// A sample ends inside a NAL unit's length field.
    NalUnitLengthField,
    /// No common key frames.
    KeyFrames,
    /// The source is encrypted in a way that is not known.
    Encrypted,
    /// The source is encrypted in a way that the format does not have.
    StoredEncryption,
}

/// How storage failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageFault {
    /// It does not let us read.
    #[error("access refused")]
    Refused,
    /// It cannot be reached.
    #[error("not reachable")]
    Unreachable,
    /// It does not answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// It asks us to slow down.
    #[error("overloaded; ask again in a moment")]
    Busy,
    /// Anything else.
    #[error("reading failed")]
    Failed,
}

/// What an error answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code, where there is one.
    pub code: Option<MpeCode>,
}

impl Error {
    /// The one table from error to status and code.
    pub const fn answer(&self) -> Answer {
        let code = match self {
            Error::Url(UrlError::TooLong { .. }) => {
                return Answer { status: StatusCode::URI_TOO_LONG, code: Some(MpeCode::BadUrlSyntax) };
            }
            Error::Url(UrlError::BadSyntax { .. }) => MpeCode::BadUrlSyntax,
            Error::Url(UrlError::NoLocator | UrlError::NotDownloadable { .. }) => MpeCode::ResourceNotFound,
            Error::Url(UrlError::TooManyFilters { .. }) => MpeCode::FilterCompositionFilterCountOverLimit,
            Error::Url(UrlError::UnknownEncryption { .. }) => MpeCode::EncryptionNotSupported,
            Error::MethodNotAllowed => return bare(StatusCode::METHOD_NOT_ALLOWED),
            Error::LocatorNotFound { .. } | Error::PresentationNotFound { .. } | Error::FileNotFound { .. } => {
                MpeCode::ResourceNotFound
            }
            Error::LocatorNotValid { .. } => MpeCode::Unauthorized,
            Error::EndpointNotRunning { .. } => return bare(StatusCode::SERVICE_UNAVAILABLE),
            Error::NotAdmitted { .. } => return bare(StatusCode::FORBIDDEN),
            Error::EncryptionRequired { .. } => MpeCode::EncryptionRequired,
            Error::EncryptionNotInFormat { .. } => MpeCode::OutputProtectionFormatNotSupported,
            Error::ContentKeyMissing { .. } | Error::TrackKeyMissing { .. } => {
                MpeCode::EncryptionNotSetInDeliveryPolicy
            }
            Error::AlreadyEncrypted => MpeCode::EncAlreadyEncrypted,
            Error::SeveralPolicies => MpeCode::EncMultipleSameDeliveryType,
            Error::AssetMissing | Error::SourceMissing { .. } => MpeCode::StorageResourceNotFound,
            Error::TrackNotFound { .. } => MpeCode::EgressTrackNotFound,
            Error::BitrateNotFound { .. } => MpeCode::ManifestMediaEntryNotFound,
            Error::FragmentNotFound { .. } => MpeCode::FragmentTimestampNotFound,
            Error::FragmentNotReady { .. } => MpeCode::FragmentNotReady,
            Error::FilterNotFound { .. } => MpeCode::EgressFilterNotFound,
            Error::NoThumbnails { .. } => MpeCode::ResourceNotFound,
            Error::SheetNotFound { .. } => MpeCode::FragmentByIndexNotFound,
            Error::TimeNotFound { .. } => MpeCode::EgressTimestampNotFound,
            Error::Drawing(thumbnails::Error::Undecodable) => MpeCode::VideoEncodingNotSupported,
            Error::Drawing(thumbnails::Error::Busy | thumbnails::Error::TimedOut { .. }) => {
                return bare(StatusCode::SERVICE_UNAVAILABLE);
            }
            Error::Drawing(_) => return bare(StatusCode::INTERNAL_SERVER_ERROR),
            Error::Filter(error) => match error {
                FilterError::Range | FilterError::ForcedEndWithoutEnd => MpeCode::FilterRangeAttributeInvalid,
                FilterError::Condition { .. } => MpeCode::FilterTrackAttributeInvalid,
                FilterError::Window => MpeCode::FilterPresentationWindowInvalid,
                FilterError::Backoff => MpeCode::FilterLiveBackoffInvalid,
                FilterError::BackoffOverWindow => MpeCode::FilterLiveBackoffOverPresentationWindow,
                FilterError::FirstQuality => MpeCode::FilterFirstQualityAttributeInvalid,
                FilterError::SeveralFirstQualities => MpeCode::FilterCompositionMultipleFirstQualityOperatorNotAllowed,
                FilterError::RemovedAll => MpeCode::FilterRemovedAllStreams,
                FilterError::TooManyRules => MpeCode::FilterInvalid,
            },
            Error::FormatUnknown { .. } | Error::ObjectNotInFormat { .. } => MpeCode::OutputFormatNotSupported,
            Error::EncryptionNotSpecified => MpeCode::EncryptionNotSpecifiedInUrl,
            Error::EncryptionNotConfigured { .. } => MpeCode::EncryptionNotSetInDeliveryPolicy,
            Error::OutputBlocked => MpeCode::OutputFormatBlocked,
            Error::Media { fault, .. } => fault.code(),
            Error::Storage { fault, .. } => fault.code(),
            // The next request meets the new revision, so the client should simply try again.
            Error::SourceChanged { .. } => return bare(StatusCode::SERVICE_UNAVAILABLE),
            Error::PreconditionFailed => MpeCode::StoragePreconditionFailed,
            Error::RangeNotSatisfiable { .. } => MpeCode::StorageInvalidRange,
            Error::Overloaded { .. } => return bare(StatusCode::SERVICE_UNAVAILABLE),
            Error::Internal => return bare(StatusCode::INTERNAL_SERVER_ERROR),
        };
        Answer { status: code.status(), code: Some(code) }
    }

    /// When to ask again, for answers that say so; written in whole seconds.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Overloaded { retry_after } => Some(*retry_after),
            Error::Drawing(thumbnails::Error::Busy | thumbnails::Error::TimedOut { .. }) => {
                Some(Duration::from_secs(30))
            }
            Error::SourceChanged { .. } | Error::Storage { fault: StorageFault::Busy, .. } => {
                Some(Duration::from_secs(1))
            }
            _ => None,
        }
    }

    /// The readable body: the status, the code, and a sentence that says how to mend it.
    pub fn body(&self) -> String {
        let Answer { status, code } = self.answer();
        match code {
            Some(code) => format!("{status}\n{} 0x{:08X}\n{self}\n", code.name(), code.value()),
            None => format!("{status}\n{self}\n"),
        }
    }
}

const fn bare(status: StatusCode) -> Answer {
    Answer { status, code: None }
}

impl MediaFault {
    const fn code(self) -> MpeCode {
        match self {
            MediaFault::Input => MpeCode::InputFormatNotSupported,
            MediaFault::Shape => MpeCode::FormatNotSupported,
            MediaFault::TrackKind => MpeCode::MediaTypeNotSupported,
            MediaFault::Codec => MpeCode::MediaEncodingNotSupported,
            MediaFault::VideoCodec => MpeCode::VideoEncodingNotSupported,
            MediaFault::AudioCodec => MpeCode::AudioEncodingNotSupported,
            MediaFault::NalUnit => MpeCode::InvalidVideoNalUnit,
            MediaFault::NalUnitSize => MpeCode::InvalidNaluSize,
            MediaFault::NalUnitLengthField => MpeCode::InvalidNaluLengthField,
            MediaFault::KeyFrames => MpeCode::KeyFrameIntervalTooLarge,
            MediaFault::Encrypted => MpeCode::InputProtectionFormatNotSupported,
            MediaFault::StoredEncryption => MpeCode::SourceProtectionConversionNotSupported,
        }
    }
}

impl StorageFault {
    const fn code(self) -> MpeCode {
        match self {
            StorageFault::Refused => MpeCode::StorageAuthenticationFailure,
            StorageFault::Unreachable => MpeCode::StorageSocketConnectionError,
            StorageFault::TimedOut => MpeCode::StorageSocketTimeout,
            StorageFault::Busy => MpeCode::StorageServerBusy,
            StorageFault::Failed => MpeCode::StorageFailure,
        }
    }
}

fn format_name(tag: &str) -> String {
    if tag.is_empty() { "Smooth Streaming".to_owned() } else { format!("format {tag:?}") }
}

fn in_file(file: &Option<String>) -> String {
    file.as_ref().map(|file| format!(" (in {file:?})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::url::StreamingUrl;

    #[test]
    fn the_body_says_status_code_and_remedy() {
        let error = Error::TrackNotFound { track: "Video".into() };
        assert_eq!(
            error.body(),
            "404 Not Found\nMPE_EGRESS_TRACK_NOT_FOUND 0x80890209\n\
             there is no track \"Video\"; the manifest lists the names, case matters\n"
        );
        assert!(Error::Internal.body().starts_with("500 Internal Server Error\nan internal error"));
    }

    #[test]
    fn url_errors_have_their_statuses() {
        let locator = "/0123abcd-4567-89ab-cdef-001122334455";
        for (path, status, code) in [
            ("/favicon.ico".to_owned(), 404, MpeCode::ResourceNotFound),
            (format!("{locator}/film.ism"), 404, MpeCode::ResourceNotFound),
            (format!("{locator}/film.ism/Streams(x)"), 400, MpeCode::BadUrlSyntax),
            (format!("{locator}/%zz"), 400, MpeCode::BadUrlSyntax),
            (format!("{locator}/{}", "a".repeat(9000)), 414, MpeCode::BadUrlSyntax),
            (format!("{locator}/f.ism/Manifest(encryption=x)"), 415, MpeCode::EncryptionNotSupported),
            (format!("{locator}/f.ism/Manifest(filter=a;b;c;d)"), 415, MpeCode::FilterCompositionFilterCountOverLimit),
        ] {
            let answer = Error::from(StreamingUrl::parse(&path).unwrap_err()).answer();
            assert_eq!((answer.status.as_u16(), answer.code), (status, Some(code)), "{path}");
        }
    }
}
