//! `EXT-X-KEY` and `EXT-X-SESSION-KEY` (RFC 8216 4.3.2.4, 4.3.4.5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::media::{Presentation, TrackRef};
use crate::packager::protection::{Protection, SystemSignal, TrackKey};
use crate::packager::{Context, Dialect};
use crate::protection::{Scheme, System};

use super::Flavor;
use super::uri::push_quoted;

/// Writes the tags for media under `key`: one for an envelope, one for each system else.
pub(super) fn push(
    out: &mut String,
    tag: &str,
    flavor: Flavor,
    protection: &Protection,
    key: &TrackKey,
    context: &Context<'_>,
) {
    let vector = u128::from_be_bytes(key.constant_vector());
    let url = key.url.as_ref().map(|url| url.of(key.id));
    let url = url.as_deref();
    if protection.scheme == Scheme::Envelope {
        out.push_str(tag);
        out.push_str(":METHOD=AES-128,URI=");
        push_quoted(out, url.unwrap_or_default());
        // Azure Media Services wrote a capital X.
        let prefix = if context.dialect == Dialect::Ams { "0X" } else { "0x" };
        out.push_str(&format!(",IV={prefix}{vector:032X}\n"));
        return;
    }
    let method = if protection.scheme == Scheme::Cbcs { "SAMPLE-AES" } else { "SAMPLE-AES-CTR" };
    for signal in protection.systems.iter().filter(|signal| is_told(flavor, signal.system)) {
        let Some(uri) = uri(protection, signal, key) else { continue };
        out.push_str(tag);
        out.push_str(":METHOD=");
        out.push_str(method);
        out.push_str(",KEYFORMAT=");
        push_quoted(out, signal.system.key_format());
        out.push_str(",KEYFORMATVERSIONS=\"1\",URI=");
        push_quoted(out, &uri);
        if signal.system != System::FairPlay {
            out.push_str(&format!(",KEYID=0x{:032X}", u128::from_be_bytes(key.id.0)));
        }
        // Chains in transport streams have no other place for their vector.
        if protection.scheme == Scheme::Cbcs && (flavor != Flavor::Cmaf || signal.system == System::FairPlay) {
            out.push_str(&format!(",IV=0x{vector:032X}"));
        }
        out.push('\n');
    }
    // The key itself, for players without any of the systems. hls.js takes it for a transport stream's wherever it
    // stands beside `cbcs`, and then looks at no system: in fragments only URLs that name the encryption tell it.
    let told = protection.scheme != Scheme::Cbcs || flavor != Flavor::Cmaf || context.selection.encryption.is_some();
    if let Some(url) = url.filter(|_| told) {
        out.push_str(tag);
        out.push_str(":METHOD=");
        out.push_str(method);
        out.push_str(",KEYFORMAT=\"identity\",KEYFORMATVERSIONS=\"1\",URI=");
        push_quoted(out, url);
        if protection.scheme == Scheme::Cbcs {
            out.push_str(&format!(",IV=0x{vector:032X}"));
        }
        out.push('\n');
    }
}

/// Writes `EXT-X-SESSION-KEY`s of all keys of `tracks`, so that players can ask for licences before they load a
/// media playlist. Azure Media Services had none, and an envelope's key is fetched soon enough.
pub(super) fn push_session(
    out: &mut String,
    flavor: Flavor,
    presentation: &Presentation,
    protection: &Protection,
    tracks: impl Iterator<Item = TrackRef>,
    context: &Context<'_>,
) {
    if context.dialect == Dialect::Ams || !protection.scheme.encrypts_samples() {
        return;
    }
    for key in protection.keys_of(presentation, tracks) {
        push(out, "#EXT-X-SESSION-KEY", flavor, protection, &key, context);
    }
}

/// Transport streams are for FairPlay alone.
fn is_told(flavor: Flavor, system: System) -> bool {
    flavor == Flavor::Cmaf || system == System::FairPlay
}

/// Where a system finds what it needs; `None` where it cannot be told.
fn uri(protection: &Protection, signal: &SystemSignal, key: &TrackKey) -> Option<String> {
    match signal.system {
        System::FairPlay => signal.licence_url(key.id),
        System::PlayReady => {
            let object = STANDARD.encode(protection.playready_object(signal, &[key]));
            Some(format!("data:text/plain;charset=UTF-16;base64,{object}"))
        }
        System::Widevine => {
            let pssh = protection.pssh(signal, &[key])?;
            Some(format!("data:text/plain;base64,{}", STANDARD.encode(pssh)))
        }
        System::ClearKey => signal.licence_url(key.id),
    }
}
