//! `ContentProtection` of adaptation sets (ISO/IEC 23009-1 5.8.4.1), and Azure Media Services' description of
//! envelopes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::media::{Presentation, TrackRef};
use crate::packager::Dialect;
use crate::packager::carried::Carried;
use crate::packager::envelope;
use crate::packager::markup::Markup;
use crate::packager::protection::{Protection, TrackKey};
use crate::protection::{Scheme, System};

/// The scheme that says which cipher and key a common encryption uses (5.8.5.2).
const MP4_PROTECTION: &str = "urn:mpeg:dash:mp4protection:2011";

/// What the adaptation set `set` says; nothing when all its tracks are clear.
pub(super) fn write_set(
    xml: &mut Markup,
    presentation: &Presentation,
    set: &Carried<'_>,
    protection: Option<&Protection>,
    dialect: Dialect,
) {
    let Some(protection) = protection else { return };
    let in_set = |track: &usize| set.tracks.iter().any(|other| std::ptr::eq(*other, &set.group.tracks[*track]));
    let tracks = (0..set.group.tracks.len()).filter(in_set).map(|track| TrackRef { group: set.index, track });
    let keys = protection.keys_of(presentation, tracks);
    write(xml, protection, &keys.iter().collect::<Vec<_>>(), dialect);
}

/// Namespaces for the root element, those that are used.
pub(super) fn namespaces(xml: &mut Markup, protection: &Protection) {
    if protection.scheme == Scheme::Envelope {
        xml.attribute("xmlns:sea", envelope::NAMESPACE);
        return;
    }
    xml.attribute("xmlns:cenc", "urn:mpeg:cenc:2013");
    for signal in &protection.systems {
        match signal.system {
            System::PlayReady => xml.attribute("xmlns:mspr", "urn:microsoft:playready"),
            System::ClearKey => xml.attribute("xmlns:dashif", "https://dashif.org/CPS"),
            System::Widevine | System::FairPlay => xml,
        };
    }
}

/// What an adaptation set of tracks under `keys` says; nothing when all of them are clear.
fn write(xml: &mut Markup, protection: &Protection, keys: &[&TrackKey], dialect: Dialect) {
    let Some(first) = keys.first() else { return };
    if protection.scheme == Scheme::Envelope {
        envelope(xml, first);
        return;
    }
    let Some(scheme) = protection.scheme.scheme_type() else { return };
    xml.start("ContentProtection").attribute("schemeIdUri", MP4_PROTECTION);
    xml.format("value", format_args!("{scheme}"));
    xml.format("cenc:default_KID", format_args!("{}", first.id)).end();
    for signal in &protection.systems {
        let Some(pssh) = protection.pssh(signal, keys) else { continue };
        xml.start("ContentProtection").attribute("schemeIdUri", &signal.system.scheme_id_uri());
        match signal.system {
            System::PlayReady => {
                xml.attribute("value", "MSPR 2.0");
                xml.start("mspr:pro").text(&STANDARD.encode(protection.playready_object(signal, keys))).end();
            }
            System::ClearKey => {
                xml.attribute("value", "ClearKey1.0");
            }
            System::Widevine | System::FairPlay => {}
        }
        // Azure Media Services had none beside PlayReady's own element; clear keys need no more than the identifier.
        if signal.system == System::Widevine || signal.system == System::PlayReady && dialect == Dialect::Modern {
            xml.start("cenc:pssh").text(&STANDARD.encode(&pssh)).end();
        }
        if let Some(url) = signal.licence_url(first.id) {
            match (signal.system, dialect) {
                (System::ClearKey, _) => {
                    xml.start("dashif:Laurl").attribute("Lic_type", "EME-1.0").text(&url).end();
                }
                // What Azure Media Player reads is the local name of the element and this attribute.
                (System::Widevine, _) => {
                    xml.start("ms:laurl").attribute("xmlns:ms", "urn:microsoft").attribute("licenseUrl", &url).end();
                }
                _ => {}
            }
        }
        xml.end();
    }
}

/// The `sea` description: one period of one key, whose vector is the same for all objects.
fn envelope(xml: &mut Markup, key: &TrackKey) {
    xml.start("ContentProtection").attribute("schemeIdUri", envelope::SCHEME);
    envelope::describe(xml, key);
    xml.end();
}
