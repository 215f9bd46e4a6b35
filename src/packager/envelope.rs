//! How DASH and Smooth manifests describe envelopes: the `sea` scheme (ISO/IEC 23009-4), in Azure Media Services'
//! form.

use super::markup::Markup;
use super::protection::TrackKey;

/// The scheme.
pub(super) const SCHEME: &str = "urn:mpeg:dash:sea:2012";
/// The namespace of its elements.
pub(super) const NAMESPACE: &str = "urn:mpeg:dash:schema:sea:2012";

/// The three children of `ContentProtection`.
pub(super) fn describe(xml: &mut Markup, key: &TrackKey) {
    xml.start("sea:SegmentEncryption").attribute("schemeIdUri", "urn:mpeg:dash:sea:aes128-cbc:2013").end();
    xml.start("sea:KeySystem").attribute("keySystemUri", "urn:mpeg:dash:sea:keysys:http:2013").end();
    let vector = u128::from_be_bytes(key.constant_vector());
    xml.start("sea:CryptoPeriod").format("IV", format_args!("0x{vector:032X}"));
    xml.attribute("keyUriTemplate", &key.url.as_ref().map(|url| url.of(key.id)).unwrap_or_default()).end();
}
