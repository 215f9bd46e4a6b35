//! The entities of the management API as OData types (object model §2 to §13).

use crate::odata::{Action, ComplexType, EntityType, Function, Kind, Method, Model, Navigation, Property};

/// The namespace of all types, as clients of Azure Media Services know it.
pub const NAMESPACE: &str = "Microsoft.Cloud.Media.Vod.Rest.Data.Models";

/// Everything that the service has.
pub static MODEL: Model = Model {
    namespace: NAMESPACE,
    container: "MediaServices",
    entities: &[
        &ACCESS_POLICY,
        &ASSET_DELIVERY_POLICY,
        &ASSET_FILTER,
        &ASSET,
        &CONTENT_KEY,
        &KEY_POLICY,
        &KEY_POLICY_OPTION,
        &FILE,
        &FILTER,
        &LOCATOR,
        &OPERATION,
        &STORAGE_ACCOUNT,
        &STREAMING_ENDPOINT,
    ],
    complex: &[
        &KEY_RESTRICTION,
        &TIME_RANGE,
        &FIRST_QUALITY,
        &TRACK_SELECTION,
        &TRACK_CONDITION,
        &ENDPOINT_ACCESS,
        &IP_ACCESS,
        &IP_RANGE,
        &AKAMAI_ACCESS,
        &AKAMAI_KEY,
        &ENDPOINT_CACHE,
        &CROSS_SITE,
    ],
    functions: &[
        Function {
            name: "CreateFileInfos",
            method: Method::Get,
            parameters: &[required("assetid", Kind::String)],
            returns: None,
        },
        Function {
            name: "GetProtectionKeyId",
            method: Method::Get,
            parameters: &[required("contentKeyType", Kind::Int32)],
            returns: Some(Kind::String),
        },
        Function {
            name: "GetProtectionKey",
            method: Method::Get,
            parameters: &[required("ProtectionKeyId", Kind::String)],
            returns: Some(Kind::String),
        },
        Function {
            name: "RebindContentKey",
            method: Method::Get,
            parameters: &[required("id", Kind::String), optional("x509Certificate", Kind::String)],
            returns: Some(Kind::String),
        },
        Function {
            name: "PurgeCaches",
            method: Method::Post,
            parameters: &[optional("assetid", Kind::String), optional("locatorid", Kind::String)],
            returns: Some(Kind::Int64),
        },
        Function {
            name: "Explain",
            method: Method::Get,
            parameters: &[required("url", Kind::String), optional("form", Kind::String)],
            returns: Some(Kind::String),
        },
    ],
};

const fn required(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, nullable: false }
}

const fn optional(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, nullable: true }
}

const fn one(name: &'static str, target: fn() -> &'static EntityType) -> Navigation {
    Navigation { name, target, many: false }
}

const fn many(name: &'static str, target: fn() -> &'static EntityType) -> Navigation {
    Navigation { name, target, many: true }
}

/// §2
pub static ASSET: EntityType = EntityType {
    name: "Asset",
    set: "Assets",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        required("State", Kind::Int32),
        required("Created", Kind::DateTime),
        required("LastModified", Kind::DateTime),
        optional("AlternateId", Kind::String),
        optional("Name", Kind::String),
        required("Options", Kind::Int32),
        required("FormatOption", Kind::Int32),
        optional("Uri", Kind::String),
        optional("StorageAccountName", Kind::String),
    ],
    navigations: &[
        many("Locators", || &LOCATOR),
        many("ContentKeys", || &CONTENT_KEY),
        many("Files", || &FILE),
        many("ParentAssets", || &ASSET),
        many("DeliveryPolicies", || &ASSET_DELIVERY_POLICY),
        many("AssetFilters", || &ASSET_FILTER),
        one("StorageAccount", || &STORAGE_ACCOUNT),
    ],
    actions: &[],
};

/// §3
pub static FILE: EntityType = EntityType {
    name: "AssetFile",
    set: "Files",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        required("Name", Kind::String),
        required("ContentFileSize", Kind::Int64),
        required("ParentAssetId", Kind::String),
        optional("EncryptionVersion", Kind::String),
        optional("EncryptionScheme", Kind::String),
        required("IsEncrypted", Kind::Boolean),
        optional("EncryptionKeyId", Kind::String),
        optional("InitializationVector", Kind::String),
        required("IsPrimary", Kind::Boolean),
        required("LastModified", Kind::DateTime),
        required("Created", Kind::DateTime),
        optional("MimeType", Kind::String),
        optional("ContentChecksum", Kind::String),
        required("Options", Kind::Int32),
    ],
    navigations: &[one("Asset", || &ASSET)],
    actions: &[],
};

/// §4.1
pub static ACCESS_POLICY: EntityType = EntityType {
    name: "AccessPolicy",
    set: "AccessPolicies",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        required("Created", Kind::DateTime),
        required("LastModified", Kind::DateTime),
        optional("Name", Kind::String),
        required("DurationInMinutes", Kind::Double),
        required("Permissions", Kind::Int32),
    ],
    navigations: &[many("Locators", || &LOCATOR)],
    actions: &[],
};

/// §4.2
pub static LOCATOR: EntityType = EntityType {
    name: "Locator",
    set: "Locators",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        required("ExpirationDateTime", Kind::DateTime),
        required("Type", Kind::Int32),
        optional("Path", Kind::String),
        optional("BaseUri", Kind::String),
        optional("ContentAccessComponent", Kind::String),
        required("AccessPolicyId", Kind::String),
        required("AssetId", Kind::String),
        optional("StartTime", Kind::DateTime),
        optional("Name", Kind::String),
    ],
    navigations: &[one("AccessPolicy", || &ACCESS_POLICY), one("Asset", || &ASSET)],
    actions: &[],
};

/// §5
pub static STORAGE_ACCOUNT: EntityType = EntityType {
    name: "StorageAccount",
    set: "StorageAccounts",
    key: "Name",
    properties: &[
        required("Name", Kind::String),
        required("IsDefault", Kind::Boolean),
        optional("BytesUsed", Kind::Int64),
    ],
    navigations: &[],
    actions: &[],
};

/// §6
pub static CONTENT_KEY: EntityType = EntityType {
    name: "ContentKey",
    set: "ContentKeys",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        required("Created", Kind::DateTime),
        required("LastModified", Kind::DateTime),
        required("ContentKeyType", Kind::Int32),
        optional("EncryptedContentKey", Kind::String),
        optional("Name", Kind::String),
        optional("ProtectionKeyId", Kind::String),
        required("ProtectionKeyType", Kind::Int32),
        optional("Checksum", Kind::String),
        optional("AuthorizationPolicyId", Kind::String),
        optional("TrackIdentifiers", Kind::String),
    ],
    navigations: &[one("AuthorizationPolicy", || &KEY_POLICY)],
    actions: &[Action {
        name: "GetKeyDeliveryUrl",
        parameters: &[required("keyDeliveryType", Kind::Int32)],
        returns: Some(Kind::String),
    }],
};

/// §7.1
pub static KEY_POLICY: EntityType = EntityType {
    name: "ContentKeyAuthorizationPolicy",
    set: "ContentKeyAuthorizationPolicies",
    key: "Id",
    properties: &[required("Id", Kind::String), optional("Name", Kind::String)],
    navigations: &[many("Options", || &KEY_POLICY_OPTION)],
    actions: &[],
};

/// §7.2
pub static KEY_POLICY_OPTION: EntityType = EntityType {
    name: "ContentKeyAuthorizationPolicyOption",
    set: "ContentKeyAuthorizationPolicyOptions",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        optional("Name", Kind::String),
        required("KeyDeliveryType", Kind::Int32),
        optional("KeyDeliveryConfiguration", Kind::String),
        optional("Restrictions", Kind::Collection(&Kind::Complex(&KEY_RESTRICTION))),
    ],
    navigations: &[],
    actions: &[],
};

static KEY_RESTRICTION: ComplexType = ComplexType {
    name: "ContentKeyAuthorizationPolicyRestriction",
    properties: &[
        optional("Name", Kind::String),
        required("KeyRestrictionType", Kind::Int32),
        optional("Requirements", Kind::String),
    ],
};

/// §8
pub static ASSET_DELIVERY_POLICY: EntityType = EntityType {
    name: "AssetDeliveryPolicy",
    set: "AssetDeliveryPolicies",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        optional("Name", Kind::String),
        required("AssetDeliveryProtocol", Kind::Int32),
        required("AssetDeliveryPolicyType", Kind::Int32),
        optional("AssetDeliveryConfiguration", Kind::String),
        required("Created", Kind::DateTime),
        required("LastModified", Kind::DateTime),
    ],
    navigations: &[],
    actions: &[],
};

/// §12.2, for all assets.
pub static FILTER: EntityType = EntityType {
    name: "Filter",
    set: "Filters",
    key: "Name",
    properties: &[
        required("Name", Kind::String),
        optional("PresentationTimeRange", Kind::Complex(&TIME_RANGE)),
        optional("FirstQuality", Kind::Complex(&FIRST_QUALITY)),
        optional("Tracks", Kind::Collection(&Kind::Complex(&TRACK_SELECTION))),
    ],
    navigations: &[],
    actions: &[],
};

/// §12.2, for one asset.
pub static ASSET_FILTER: EntityType = EntityType {
    name: "AssetFilter",
    set: "AssetFilters",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        required("ParentAssetId", Kind::String),
        required("Name", Kind::String),
        optional("PresentationTimeRange", Kind::Complex(&TIME_RANGE)),
        optional("FirstQuality", Kind::Complex(&FIRST_QUALITY)),
        optional("Tracks", Kind::Collection(&Kind::Complex(&TRACK_SELECTION))),
    ],
    navigations: &[one("Asset", || &ASSET)],
    actions: &[],
};

static TIME_RANGE: ComplexType = ComplexType {
    name: "PresentationTimeRange",
    properties: &[
        optional("StartTimestamp", Kind::Int64),
        optional("EndTimestamp", Kind::Int64),
        optional("PresentationWindowDuration", Kind::Int64),
        optional("LiveBackoffDuration", Kind::Int64),
        optional("Timescale", Kind::Int64),
        optional("ForceEndTimestamp", Kind::Boolean),
    ],
};

static FIRST_QUALITY: ComplexType =
    ComplexType { name: "FirstQuality", properties: &[required("Bitrate", Kind::Int32)] };

static TRACK_SELECTION: ComplexType = ComplexType {
    name: "FilterTrackSelect",
    properties: &[required("PropertyConditions", Kind::Collection(&Kind::Complex(&TRACK_CONDITION)))],
};

static TRACK_CONDITION: ComplexType = ComplexType {
    name: "FilterTrackPropertyCondition",
    properties: &[
        required("Property", Kind::String),
        required("Value", Kind::String),
        required("Operator", Kind::String),
    ],
};

/// §11.3
pub static OPERATION: EntityType = EntityType {
    name: "Operation",
    set: "Operations",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        optional("TargetEntityId", Kind::String),
        required("State", Kind::String),
        optional("ErrorCode", Kind::String),
        optional("ErrorMessage", Kind::String),
    ],
    navigations: &[],
    actions: &[],
};

/// §12.1
pub static STREAMING_ENDPOINT: EntityType = EntityType {
    name: "StreamingEndpoint",
    set: "StreamingEndpoints",
    key: "Id",
    properties: &[
        required("Id", Kind::String),
        required("Name", Kind::String),
        optional("Description", Kind::String),
        required("Created", Kind::DateTime),
        required("LastModified", Kind::DateTime),
        required("State", Kind::String),
        optional("HostName", Kind::String),
        required("ScaleUnits", Kind::Int32),
        optional("CustomHostNames", Kind::Collection(&Kind::String)),
        optional("AccessControl", Kind::Complex(&ENDPOINT_ACCESS)),
        optional("CacheControl", Kind::Complex(&ENDPOINT_CACHE)),
        optional("CrossSiteAccessPolicies", Kind::Complex(&CROSS_SITE)),
        required("CdnEnabled", Kind::Boolean),
        optional("CdnProfile", Kind::String),
        optional("CdnProvider", Kind::String),
        optional("StreamingEndpointVersion", Kind::String),
        optional("FreeTrialEndTime", Kind::DateTime),
    ],
    navigations: &[],
    actions: &[
        Action { name: "Start", parameters: &[], returns: None },
        Action { name: "Stop", parameters: &[], returns: None },
        Action { name: "Scale", parameters: &[required("scaleUnits", Kind::Int32)], returns: None },
    ],
};

static ENDPOINT_ACCESS: ComplexType = ComplexType {
    name: "StreamingEndpointAccessControl",
    properties: &[optional("Akamai", Kind::Complex(&AKAMAI_ACCESS)), optional("IP", Kind::Complex(&IP_ACCESS))],
};

static IP_ACCESS: ComplexType = ComplexType {
    name: "IPAccessControl",
    properties: &[optional("Allow", Kind::Collection(&Kind::Complex(&IP_RANGE)))],
};

static IP_RANGE: ComplexType = ComplexType {
    name: "IPRange",
    properties: &[
        optional("Name", Kind::String),
        required("Address", Kind::String),
        optional("SubnetPrefixLength", Kind::Int32),
    ],
};

static AKAMAI_ACCESS: ComplexType = ComplexType {
    name: "AkamaiAccessControl",
    properties: &[optional(
        "AkamaiSignatureHeaderAuthenticationKeyList",
        Kind::Collection(&Kind::Complex(&AKAMAI_KEY)),
    )],
};

static AKAMAI_KEY: ComplexType = ComplexType {
    name: "AkamaiSignatureHeaderAuthenticationKey",
    properties: &[
        required("Identifier", Kind::String),
        optional("Base64Key", Kind::String),
        required("Expiration", Kind::DateTime),
    ],
};

static ENDPOINT_CACHE: ComplexType =
    ComplexType { name: "StreamingEndpointCacheControl", properties: &[optional("MaxAge", Kind::Int64)] };

static CROSS_SITE: ComplexType = ComplexType {
    name: "CrossSiteAccessPolicies",
    properties: &[optional("ClientAccessPolicy", Kind::String), optional("CrossDomainPolicy", Kind::String)],
};
