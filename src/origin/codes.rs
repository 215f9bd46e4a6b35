//! The `MPE_*` codes of the streaming endpoint. `docs/urls.md` shows the
//! same table; a test holds the two together.

use hyper::StatusCode;

macro_rules! codes {
    ($($variant:ident $status:ident $name:literal $value:literal $when:literal)*) => {
        /// An error code as Azure Media Services named it. Players and CDN rules know them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum MpeCode {
            $(#[doc = $when] $variant,)*
        }

        impl MpeCode {
            /// All codes, in the order of the table.
            pub const ALL: &[MpeCode] = &[$(MpeCode::$variant),*];

            /// The code's name, e.g. `MPE_RESOURCE_NOT_FOUND`.
            pub const fn name(self) -> &'static str {
                match self { $(MpeCode::$variant => $name,)* }
            }

            /// The code's number, a Windows HRESULT.
            pub const fn value(self) -> u32 {
                match self { $(MpeCode::$variant => $value,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self { $(MpeCode::$variant => StatusCode::$status,)* }
            }

            /// When it is given, in a few words.
            pub const fn when(self) -> &'static str {
                match self { $(MpeCode::$variant => $when,)* }
            }
        }
    };
}

codes! {
    BadUrlSyntax BAD_REQUEST "MPE_BAD_URL_SYNTAX" 0x8089_0201
        "The URL breaks the grammar."
    EncryptionNotSpecifiedInUrl BAD_REQUEST "MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL" 0x8088_024C
        "`encryption=` is needed and missing."
    StorageBadUrlSyntax BAD_REQUEST "MPE_STORAGE_BAD_URL_SYNTAX" 0x8089_00E9
        "Storage calls our request invalid."

    StorageAuthenticationFailed FORBIDDEN "MPE_STORAGE_AUTHENTICATION_FAILED" 0x8089_00EA
        "Storage does not accept our key."
    StorageInsufficientAccountPermissions FORBIDDEN "MPE_STORAGE_INSUFFICIENT_ACCOUNT_PERMISSIONS" 0x8089_00EB
        "Storage does not let us read this."
    StorageAccountIsDisabled FORBIDDEN "MPE_STORAGE_ACCOUNT_IS_DISABLED" 0x8089_00EC
        "The storage account is switched off."
    StorageAuthenticationFailure FORBIDDEN "MPE_STORAGE_AUTHENTICATION_FAILURE" 0x8089_00F3
        "Storage refuses for another reason."
    OutputFormatBlocked FORBIDDEN "MPE_OUTPUT_FORMAT_BLOCKED" 0x8089_0207
        "The delivery policy blocks this protocol."
    EncryptionRequired FORBIDDEN "MPE_ENC_ENCRYPTION_REQUIRED" 0x8088_021E
        "The content is only given out encrypted."
    EncryptionNotSetInDeliveryPolicy FORBIDDEN "MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY" 0x8088_024D
        "No delivery policy provides this encryption."

    ResourceNotFound NOT_FOUND "MPE_RESOURCE_NOT_FOUND" 0x8089_01F9
        "No such locator, presentation or file."
    StorageResourceNotFound NOT_FOUND "MPE_STORAGE_RESOURCE_NOT_FOUND" 0x8089_00ED
        "A file that the presentation needs is missing in storage."
    Unauthorized NOT_FOUND "MPE_UNAUTHORIZED" 0x8089_0244
        "Access is not permitted."
    EgressTrackNotFound NOT_FOUND "MPE_EGRESS_TRACK_NOT_FOUND" 0x8089_0209
        "No track of this name."
    EgressTimestampNotFound NOT_FOUND "MPE_EGRESS_TIMESTAMP_NOT_FOUND" 0x8089_020A
        "The time lies outside the presentation."
    EgressFilterNotFound NOT_FOUND "MPE_EGRESS_FILTER_NOT_FOUND" 0x8089_020C
        "No filter of this name."
    FragmentByIndexNotFound NOT_FOUND "MPE_FRAGMENT_BY_INDEX_NOT_FOUND" 0x8089_0252
        "The fragment index is out of range."
    LiveMediaEntriesNotFound NOT_FOUND "MPE_LIVE_MEDIA_ENTRIES_NOT_FOUND" 0x8089_0254
        "The live stream has no media yet."
    FragmentTimestampNotFound NOT_FOUND "MPE_FRAGMENT_TIMESTAMP_NOT_FOUND" 0x8089_0255
        "No fragment of this track starts at this time."
    ManifestMediaEntryNotFound NOT_FOUND "MPE_MANIFEST_MEDIA_ENTRY_NOT_FOUND" 0x8089_0256
        "The track has no quality of this bitrate."
    MetadataNotFound NOT_FOUND "MPE_METADATA_NOT_FOUND" 0x8089_0257
        "Metadata that the server manifest names is missing."

    StorageConflict CONFLICT "MPE_STORAGE_CONFLICT" 0x8089_00EE
        "Storage reports a conflict."

    FilterForceEndLeftEdgeCrossedDvrWindow GONE "MPE_FILTER_FORCE_END_LEFT_EDGE_CROSSED_DVR_WINDOW" 0x8089_0263
        "A live filter with a forced end has left the DVR window."

    FragmentNotReady PRECONDITION_FAILED "MPE_FRAGMENT_NOT_READY" 0x8089_0200
        "The live fragment is not produced yet; try again."
    StoragePreconditionFailed PRECONDITION_FAILED "MPE_STORAGE_PRECONDITION_FAILED" 0x8089_00EF
        "A condition of the request does not hold for the current revision."

    FormatNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_FORMAT_NOT_SUPPORTED" 0x8089_0205
        "The media has a shape that cannot be streamed, e.g. more than 64 qualities."
    InputFormatNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_INPUT_FORMAT_NOT_SUPPORTED" 0x8089_0218
        "A source file is damaged or not of a known kind."
    OutputFormatNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_OUTPUT_FORMAT_NOT_SUPPORTED" 0x8089_020D
        "`format=` names no format, or this object does not exist in it."
    EncryptionNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_ENCRYPTION_NOT_SUPPORTED" 0x8089_0208
        "`encryption=` names no encryption."
    MediaTypeNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_MEDIA_TYPE_NOT_SUPPORTED" 0x8089_020E
        "The format cannot carry this kind of track."
    MediaEncodingNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_MEDIA_ENCODING_NOT_SUPPORTED" 0x8089_020F
        "The format cannot carry this codec."
    VideoEncodingNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_VIDEO_ENCODING_NOT_SUPPORTED" 0x8089_0210
        "The format cannot carry this video codec."
    AudioEncodingNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_AUDIO_ENCODING_NOT_SUPPORTED" 0x8089_0211
        "The format cannot carry this audio codec."
    SourceProtectionConversionNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_SOURCE_PROTECTION_CONVERSION_NOT_SUPPORTED" 0x8089_0212
        "The source is stored encrypted in a way that this format does not have."
    OutputProtectionFormatNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_OUTPUT_PROTECTION_FORMAT_NOT_SUPPORTED" 0x8089_0213
        "The format does not know this encryption."
    InputProtectionFormatNotSupported UNSUPPORTED_MEDIA_TYPE "MPE_INPUT_PROTECTION_FORMAT_NOT_SUPPORTED" 0x8089_0219
        "The source is protected in an unknown way."
    EncAlreadyEncrypted UNSUPPORTED_MEDIA_TYPE "MPE_ENC_ALREADY_ENCRYPTED" 0x8088_021F
        "The source is encrypted already."
    EncInvalidInputEncryptionFormat UNSUPPORTED_MEDIA_TYPE "MPE_ENC_INVALID_INPUT_ENCRYPTION_FORMAT" 0x8088_021D
        "The source's encryption does not fit its format."
    InvalidAssetDeliveryPolicyType UNSUPPORTED_MEDIA_TYPE "MPE_INVALID_ASSET_DELIVERY_POLICY_TYPE" 0x8088_021C
        "A delivery policy has an unknown type."
    EncMultipleSameDeliveryType UNSUPPORTED_MEDIA_TYPE "MPE_ENC_MULTIPLE_SAME_DELIVERY_TYPE" 0x8088_024E
        "Two delivery policies claim the same output."
    InvalidVideoNalUnit UNSUPPORTED_MEDIA_TYPE "MPE_INVALID_VIDEO_NAL_UNIT" 0x8089_0231
        "A video sample contains an invalid NAL unit."
    InvalidNaluSize UNSUPPORTED_MEDIA_TYPE "MPE_INVALID_NALU_SIZE" 0x8089_0260
        "A NAL unit's size is invalid."
    InvalidNaluLengthField UNSUPPORTED_MEDIA_TYPE "MPE_INVALID_NALU_LENGTH_FIELD" 0x8089_0261
        "A NAL unit's length field is invalid."
    KeyFrameIntervalTooLarge UNSUPPORTED_MEDIA_TYPE "MPE_KEY_FRAME_INTERVAL_TOO_LARGE" 0x8089_01FE
        "The qualities have no common key frames within about 20 seconds."
    HlsSegmentTooLarge UNSUPPORTED_MEDIA_TYPE "MPE_HLS_SEGMENT_TOO_LARGE" 0x8089_0243
        "An HLS segment is too long for the window."
    FilterInvalid UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_INVALID" 0x8089_0236
        "A filter is invalid."
    FilterVersionInvalid UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_VERSION_INVALID" 0x8089_0237
        "A filter has an unknown version."
    FilterTypeInvalid UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_TYPE_INVALID" 0x8089_0238
        "A filter has an unknown type."
    FilterRangeAttributeInvalid UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_RANGE_ATTRIBUTE_INVALID" 0x8089_0239
        "A filter's time range is invalid."
    FilterTrackAttributeInvalid UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_TRACK_ATTRIBUTE_INVALID" 0x8089_023A
        "A filter's track rule is invalid."
    FilterPresentationWindowInvalid UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_PRESENTATION_WINDOW_INVALID" 0x8089_023B
        "A filter's presentation window is invalid."
    FilterLiveBackoffInvalid UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_LIVE_BACKOFF_INVALID" 0x8089_023C
        "A filter's live back-off is invalid."
    FilterMultipleSameTypeFilters UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_MULTIPLE_SAME_TYPE_FILTERS" 0x8089_023D
        "A filter says the same thing twice."
    FilterRemovedAllStreams UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_REMOVED_ALL_STREAMS" 0x8089_023E
        "The filters leave no track."
    FilterLiveBackoffOverDvrWindow UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_LIVE_BACKOFF_OVER_DVRWINDOW" 0x8089_023F
        "A filter's live back-off exceeds the DVR window."
    FilterLiveBackoffOverPresentationWindow UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_LIVE_BACKOFF_OVER_PRESENTATION_WINDOW" 0x8089_0262
        "A filter's live back-off exceeds its presentation window."
    FilterCompositionFilterCountOverLimit UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_COMPOSITION_FILTER_COUNT_OVER_LIMIT" 0x8089_0246
        "More than three filters in a URL."
    FilterCompositionMultipleFirstQualityOperatorNotAllowed UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_COMPOSITION_MULTIPLE_FIRST_QUALITY_OPERATOR_NOT_ALLOWED" 0x8089_0248
        "Two combined filters both set a first quality."
    FilterFirstQualityAttributeInvalid UNSUPPORTED_MEDIA_TYPE "MPE_FILTER_FIRST_QUALITY_ATTRIBUTE_INVALID" 0x8089_0249
        "A filter's first quality is invalid."

    StorageInvalidRange RANGE_NOT_SATISFIABLE "MPE_STORAGE_INVALID_RANGE" 0x8089_00F1
        "The byte range lies outside the file."

    StorageSocketTimeout INTERNAL_SERVER_ERROR "MPE_STORAGE_SOCKET_TIMEOUT" 0x8089_00F4
        "Storage does not answer in time."
    StorageSocketConnectionError INTERNAL_SERVER_ERROR "MPE_STORAGE_SOCKET_CONNECTION_ERROR" 0x8089_00F5
        "Storage cannot be reached."
    StorageSocketNameNotResolved INTERNAL_SERVER_ERROR "MPE_STORAGE_SOCKET_NAME_NOT_RESOLVED" 0x8089_00F6
        "The storage host's name does not resolve."
    StorageInternalError INTERNAL_SERVER_ERROR "MPE_STORAGE_INTERNAL_ERROR" 0x8089_00E6
        "Storage reports an internal error."
    StorageOperationTimedOut INTERNAL_SERVER_ERROR "MPE_STORAGE_OPERATION_TIMED_OUT" 0x8089_00E7
        "Storage reports a time-out."
    StorageFailure INTERNAL_SERVER_ERROR "MPE_STORAGE_FAILURE" 0x8089_00F2
        "Storage fails in another way."

    StorageServerBusy SERVICE_UNAVAILABLE "MPE_STORAGE_SERVER_BUSY" 0x8089_00E8
        "Storage is overloaded."
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_values_are_unique() {
        let names: HashSet<_> = MpeCode::ALL.iter().map(|c| c.name()).collect();
        let values: HashSet<_> = MpeCode::ALL.iter().map(|c| c.value()).collect();
        assert_eq!(names.len(), MpeCode::ALL.len());
        assert_eq!(values.len(), MpeCode::ALL.len());
        assert!(names.iter().all(|n| n.starts_with("MPE_")));
    }

    #[test]
    fn the_document_shows_the_same_table() {
        let document = include_str!("../../docs/urls.md");
        let rows: Vec<&str> = document.lines().filter(|line| line.contains("| `MPE_")).collect();
        let ours: Vec<String> = MpeCode::ALL
            .iter()
            .map(|c| format!("| {} | `{}` | `0x{:08X}` | {} |", c.status().as_u16(), c.name(), c.value(), c.when()))
            .collect();
        assert!(rows == ours, "the table should be:\n{}", ours.join("\n"));
    }
}
