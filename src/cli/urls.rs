//! The streaming URLs of a presentation, one per format, as a table.

use url::Url;
use uuid::Uuid;

use crate::packager::{FORMATS, Format, Protocol};

/// Name and URL of every output format.
pub(super) fn urls(base: &str, locator: Uuid, presentation: &str) -> Vec<(String, String)> {
    FORMATS.iter().map(|format| (name(*format), url(base, locator, presentation, *format))).collect()
}

/// The URLs of a film as lines of a table.
pub(super) fn table(base: &str, locator: Uuid, presentations: &[String]) -> String {
    let mut out = String::new();
    for presentation in presentations {
        if presentations.len() > 1 {
            out.push_str(&format!("  {presentation}\n"));
        }
        let rows = urls(base, locator, presentation);
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, url) in rows {
            out.push_str(&format!("  {name:width$}  {url}\n"));
        }
    }
    out
}

fn url(base: &str, locator: Uuid, presentation: &str, format: &dyn Format) -> String {
    let manifest = match (format.tags().first(), format.protocol()) {
        (None | Some(&""), _) => "manifest".to_owned(),
        (Some(tag), Protocol::Smooth) => format!("manifest(format={tag})"),
        // Suffixes are cosmetic: players and tools know the type by them.
        (Some(tag), Protocol::Dash) => format!("manifest(format={tag}).mpd"),
        (Some(tag), Protocol::Hls) => format!("manifest(format={tag}).m3u8"),
    };
    let locator = locator.to_string();
    let mut url = match Url::parse(base) {
        Ok(url) => url,
        Err(_) => return format!("{base}/{locator}/{presentation}/{manifest}"),
    };
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend([locator.as_str(), presentation, &manifest]);
    }
    url.into()
}

fn name(format: &dyn Format) -> String {
    let tag = format.tags().first().copied().unwrap_or_default();
    let (protocol, detail) = match (format.protocol(), tag) {
        (Protocol::Smooth, "") => ("Smooth", ""),
        (Protocol::Smooth, "fmp4-v20") => ("Smooth", "2.0"),
        (Protocol::Dash, "mpd-time-csf") => ("DASH", "CSF"),
        (Protocol::Dash, "mpd-time-cmaf") => ("DASH", "CMAF"),
        (Protocol::Hls, "m3u8-aapl") => ("HLS", "TS"),
        (Protocol::Hls, "m3u8-aapl-v3") => ("HLS", "TS muxed (v3)"),
        (Protocol::Hls, "m3u8-cmaf") => ("HLS", "CMAF"),
        (Protocol::Smooth, other) => ("Smooth", other),
        (Protocol::Dash, other) => ("DASH", other),
        (Protocol::Hls, other) => ("HLS", other),
    };
    format!("{protocol} {detail}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_of_azure_media_services() {
        let urls = urls("https://cdn.example/x", Uuid::from_u128(0xabc), "a film #1 100%.ism");
        let root = "https://cdn.example/x/00000000-0000-0000-0000-000000000abc/a%20film%20%231%20100%25.ism/";
        let paths: Vec<&str> = urls.iter().map(|(_, url)| url.strip_prefix(root).unwrap()).collect();
        assert_eq!(
            paths,
            [
                "manifest",
                "manifest(format=fmp4-v20)",
                "manifest(format=mpd-time-csf).mpd",
                "manifest(format=mpd-time-cmaf).mpd",
                "manifest(format=m3u8-aapl).m3u8",
                "manifest(format=m3u8-aapl-v3).m3u8",
                "manifest(format=m3u8-cmaf).m3u8",
            ]
        );
    }

    #[test]
    fn each_format_has_a_name_of_its_own() {
        let mut names: Vec<String> = FORMATS.iter().map(|f| name(*f)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), FORMATS.len());
    }
}
