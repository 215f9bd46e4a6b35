//! docs/ams-compatibility.md has a row for everything that the reference has.

use std::path::Path;

use headwater::management::MODEL;
use headwater::odata::{Kind, Property};

/// Cells of the first column of the tables behind the heading `Management API`, by the entity above them.
fn rows() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ams-compatibility.md");
    let text = std::fs::read_to_string(path).unwrap();
    let part = text.split_once("\n## Management API\n").expect("there is such a heading").1;
    let part = part.split("\n## ").next().unwrap();
    let (mut rows, mut head, mut fresh) = (Vec::new(), String::new(), true);
    for line in part.lines().filter(|line| !line.starts_with("|-")) {
        let Some(cell) = line.strip_prefix("| ").and_then(|line| line.split(" |").next()) else {
            fresh = true;
            continue;
        };
        if fresh {
            head = cell.to_owned();
            fresh = false;
        } else {
            rows.push((head.clone(), cell.to_owned()));
        }
    }
    rows
}

fn names(entity: &str, word: &str, rows: &[(String, String)]) -> bool {
    let of_entity = |head: &str| head.split([' ', ',', '(', ')', '`']).any(|part| part == entity);
    rows.iter().any(|(head, cell)| of_entity(head) && cell.contains(&format!("`{word}`")))
}

/// The names of properties, and of the fields of structured ones.
fn all(properties: &[Property], names: &mut Vec<&'static str>) {
    for property in properties {
        names.push(property.name);
        let mut kind = property.kind;
        while let Kind::Collection(of) = kind {
            kind = *of;
        }
        if let Kind::Complex(of) = kind {
            all(of.properties, names);
        }
    }
}

#[test]
fn every_property_link_action_and_function_has_a_row() {
    let rows = rows();
    let mut missing = Vec::new();
    for entity in MODEL.entities {
        let mut words = Vec::new();
        all(entity.properties, &mut words);
        let words = words.into_iter().chain(entity.navigations.iter().map(|link| link.name));
        for word in words.chain(entity.actions.iter().map(|action| action.name)) {
            if !names(entity.name, word, &rows) {
                missing.push(format!("{}.{word}", entity.name));
            }
        }
    }
    for function in MODEL.functions.iter().filter(|function| !names("Functions", function.name, &rows)) {
        missing.push(function.name.to_owned());
    }
    // What the reference has and this service has not.
    for (entity, words) in ABSENT {
        for word in words.split(' ').filter(|word| !names(entity, word, &rows)) {
            missing.push(format!("{entity}.{word}"));
        }
    }
    assert!(missing.is_empty(), "docs/ams-compatibility.md does not tell of {}", missing.join(", "));
}

const ABSENT: [(&str, &str); 13] = [
    (
        "Job",
        "Id Name Created LastModified StartTime EndTime RunningDuration Priority State TemplateId Tasks InputMediaAssets OutputMediaAssets JobNotificationSubscriptions",
    ),
    ("Task", "Id Name Configuration MediaProcessorId TaskBody State Progress"),
    ("JobTemplate", "TemplateType JobTemplateBody NumberofInputAssets TaskTemplates"),
    ("TaskTemplate", "Configuration MediaProcessorId NumberofInputAssets NumberofOutputAssets Options"),
    ("MediaProcessor", "Id Name Description Sku Vendor Version"),
    ("EncodingReservedUnitType", "AccountId ReservedUnitType MaxReservableUnits CurrentReservedUnits"),
    ("IngestManifest", "Id Name State BlobStorageUriForUpload StorageAccountName Statistics"),
    ("IngestManifestAsset", "Id ParentIngestManifestId"),
    (
        "IngestManifestFile",
        "Id Name ParentIngestManifestId ParentIngestManifestAssetId State IsPrimary MimeType ErrorDetail",
    ),
    (
        "Channel",
        "Id Name Description State EncodingType Input Output Preview Encoding Slate CrossSiteAccessPolicies VanityUrl Start Stop Reset ShowSlate HideSlate StartAdvertisement EndAdvertisement",
    ),
    ("Program", "Id Name Description ChannelId AssetId ArchiveWindowLength ManifestName State Start Stop"),
    ("NotificationEndPoint", "Id Name EndPointType EndPointAddress CredentialType GetMonitoringSasUris"),
    ("Functions", "CancelJob"),
];
