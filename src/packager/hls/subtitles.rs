//! Subtitle renditions: WebVTT segments, or TTML in CMAF.
//!
//! WebVTT goes out as files, which every player reads; in fragmented MP4 some do not. TTML goes out as it is in
//! CMAF if all subtitles of the film are TTML: players take one of the two for all of a playlist.

use crate::codec::TextForm;
use crate::media::{Presentation, Track, TrackGroup, TrackKind, TrackRef};
use crate::packager::Dialect;

use super::Flavor;
use super::multivariant::Writer;
use super::uri::push_quoted;

/// `GROUP-ID` of the renditions.
pub(super) const GROUP_ID: &str = "subs";

/// The form in which a flavour sends the subtitles of a film.
pub(super) fn form(flavor: Flavor, presentation: &Presentation) -> TextForm {
    let forms = || presentation.groups.iter().flat_map(|g| &g.tracks).filter_map(|t| t.codec.text());
    let all_ttml = forms().next().is_some() && forms().all(|form| form == TextForm::Ttml);
    if flavor == Flavor::Cmaf && all_ttml { TextForm::Ttml } else { TextForm::WebVtt }
}

/// The track is sent as WebVTT files, which have no initialization segment.
pub(super) fn is_web_vtt(flavor: Flavor, presentation: &Presentation, track: &Track) -> bool {
    track.text.is_some() && form(flavor, presentation) == TextForm::WebVtt
}

/// `CODECS` of the variants besides pictures and sound: WebVTT needs no mention (RFC 8216 4.3.4.2 has media in it).
pub(super) fn codecs(flavor: Flavor, presentation: &Presentation, text: &[TrackRef]) -> Option<String> {
    let first = text.first().filter(|_| form(flavor, presentation) == TextForm::Ttml)?;
    Some(presentation.track(*first).codec.rfc6381())
}

impl Writer<'_> {
    /// `EXT-X-MEDIA` of each rendition (RFC 8216 4.3.4.1).
    pub(super) fn subtitles(&mut self, text: &[TrackRef]) {
        let mut names: Vec<String> = Vec::new();
        let mut told_apart: Vec<(Option<String>, bool, String)> = Vec::new();
        for &at in text {
            let group = self.group(at);
            let language = self.language(group);
            let forced = group.purpose.is_forced();
            let characteristics = characteristics(group).join(",");
            let name = unique_name(group, language.as_deref(), &mut names);
            // Renditions that a player may choose by itself must differ in what it chooses by.
            let key = (language.clone(), forced, characteristics.clone());
            let distinct = !told_apart.contains(&key);
            told_apart.push(key);
            self.out.push_str("#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=");
            push_quoted(&mut self.out, GROUP_ID);
            self.out.push_str(",NAME=");
            push_quoted(&mut self.out, &name);
            if let Some(language) = &language {
                self.out.push_str(",LANGUAGE=");
                push_quoted(&mut self.out, language);
            }
            self.out.push_str(match (group.is_default, distinct || self.context.dialect == Dialect::Ams) {
                (true, _) => ",DEFAULT=YES,AUTOSELECT=YES",
                (false, true) => ",DEFAULT=NO,AUTOSELECT=YES",
                (false, false) => ",DEFAULT=NO,AUTOSELECT=NO",
            });
            self.out.push_str(if forced { ",FORCED=YES" } else { ",FORCED=NO" });
            if !characteristics.is_empty() {
                self.out.push_str(",CHARACTERISTICS=");
                push_quoted(&mut self.out, &characteristics);
            }
            self.out.push_str(",URI=\"");
            self.playlist_uri(at, None, false);
            self.out.push_str("\"\n");
        }
    }
}

/// A name of its own for a rendition: what people call it, else its language with what sets it apart.
fn unique_name(group: &TrackGroup, language: Option<&str>, names: &mut Vec<String>) -> String {
    let label = group.label.as_deref().filter(|label| !label.is_empty());
    let mut base = label.or(language).unwrap_or(&group.name).to_owned();
    if label.is_none() && language.is_some() {
        if group.purpose.is_forced() {
            base.push_str(" (forced)");
        } else if group.purpose.serves("caption") {
            base.push_str(" (SDH)");
        }
    }
    let mut name = base.clone();
    let mut number = 2;
    while names.contains(&name) {
        name = format!("{base} {number}");
        number += 1;
    }
    names.push(name.clone());
    name
}

fn characteristics(group: &TrackGroup) -> Vec<&str> {
    group.purpose.characteristics()
}

/// The groups of subtitles that a flavour carries, one track of each.
pub(super) fn listed(presentation: &Presentation) -> Vec<TrackRef> {
    presentation.groups_of(TrackKind::Text).map(|(group, _)| TrackRef { group, track: 0 }).collect()
}
