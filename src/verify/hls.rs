//! Reading HLS: a multivariant playlist, and the media playlists that it names (RFC 8216 4.3).

use url::Url;

use super::encryption::{Encryption, Envelope, key_id, sixteen_bytes};
use super::listing::{Listing, MAX_SEGMENTS, Packing, Segment, Stream, Times};
use super::playlist::{Line, attribute, byte_range, lines, micros};
use super::report::StreamKind;
use super::smooth::clip;
use crate::cipher::KeyId;
use crate::time::Timescale;

const MICROSECONDS: Timescale = Timescale::new(1_000_000).unwrap();

/// The most key ids of a playlist that are kept.
const MAX_KEY_IDS: usize = 1_000;

/// The most media playlists of one film.
const MAX_PLAYLISTS: usize = 2_000;

/// A media playlist to be fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Playlist {
    pub url: Url,
    pub name: String,
    pub kind: StreamKind,
    pub key_frames: bool,
    /// `CODECS` of the variants that it is played in.
    pub codecs: Vec<String>,
}

/// What a multivariant playlist names.
#[derive(Debug, Default)]
pub(super) struct Multivariant {
    pub playlists: Vec<Playlist>,
    pub contradictions: Vec<String>,
}

/// The codecs of a `CODECS` list.
pub(super) fn split(codecs: &str) -> Vec<String> {
    codecs.split(',').map(|codec| codec.trim().to_owned()).filter(|codec| !codec.is_empty()).collect()
}

/// What a multivariant playlist at `base` names; every media playlist once.
pub(super) fn multivariant(base: &Url, body: &[u8]) -> Result<Multivariant, String> {
    let mut found = Multivariant::default();
    // Groups of renditions: type, id, playlists.
    let mut groups: Vec<(&str, &str, Vec<usize>)> = Vec::new();
    let mut pending: Option<&str> = None;
    let mut variants = 0;
    for line in lines(body)? {
        match line {
            Line::Tag("EXT-X-MEDIA", list) => {
                let (media, group) = (attribute(list, "TYPE"), attribute(list, "GROUP-ID").unwrap_or_default());
                let kind = match media {
                    Some("AUDIO") => StreamKind::Audio,
                    Some("SUBTITLES") => StreamKind::Text,
                    Some("VIDEO") => StreamKind::Video,
                    _ => continue,
                };
                let media = media.unwrap_or_default();
                let members = match groups.iter_mut().find(|(m, id, _)| *m == media && *id == group) {
                    Some((_, _, members)) => members,
                    None => {
                        groups.push((media, group, Vec::new()));
                        &mut groups.last_mut().ok_or("no group")?.2
                    }
                };
                if let Some(uri) = attribute(list, "URI") {
                    members.push(found.add(base, uri, kind, false, attribute(list, "NAME").unwrap_or(group))?);
                }
            }
            Line::Tag("EXT-X-STREAM-INF", list) => pending = Some(list),
            Line::Uri(uri) => {
                let list = pending.take().ok_or_else(|| format!("{:?} has no EXT-X-STREAM-INF", clip(uri)))?;
                variants += 1;
                found.variant(base, uri, list, &groups)?;
            }
            Line::Tag("EXT-X-I-FRAME-STREAM-INF", list) => {
                let uri = attribute(list, "URI").ok_or("EXT-X-I-FRAME-STREAM-INF without URI")?;
                let name = attribute(list, "RESOLUTION").unwrap_or("I-frames");
                let at = found.add(base, uri, StreamKind::Video, true, name)?;
                found.codecs(at, attribute(list, "CODECS"), &|_| true);
            }
            Line::Tag("EXT-X-IMAGE-STREAM-INF", list) => {
                let uri = attribute(list, "URI").ok_or("EXT-X-IMAGE-STREAM-INF without URI")?;
                found.add(base, uri, StreamKind::Image, false, "thumbnails")?;
            }
            Line::Tag("EXTINF", _) => return Err("this is a media playlist, not a multivariant one".to_owned()),
            Line::Tag(..) => {}
        }
    }
    if pending.is_some() || variants == 0 {
        found.contradictions.push("a variant without a playlist, or no variant at all".to_owned());
    }
    Ok(found)
}

impl Multivariant {
    fn variant(
        &mut self,
        base: &Url,
        uri: &str,
        list: &str,
        groups: &[(&str, &str, Vec<usize>)],
    ) -> Result<(), String> {
        let codecs = attribute(list, "CODECS");
        let heard = codecs.is_some_and(|c| split(c).iter().all(|codec| is_sound(codec)));
        let kind = if attribute(list, "RESOLUTION").is_none() && heard { StreamKind::Audio } else { StreamKind::Video };
        let name = attribute(list, "RESOLUTION").or(attribute(list, "BANDWIDTH")).unwrap_or("variant");
        let at = self.add(base, uri, kind, false, name)?;
        // CODECS names what is played together; a playlist has what no group of its own carries.
        let apart = |media: &str| {
            let group = attribute(list, media);
            let members = groups.iter().find(|(m, id, _)| *m == media && Some(*id) == group);
            members.is_some_and(|(_, _, members)| members.iter().any(|member| *member != at))
        };
        let (sound_apart, text_apart) = (apart("AUDIO") && kind == StreamKind::Video, apart("SUBTITLES"));
        self.codecs(at, codecs, &|codec| !(sound_apart && is_sound(codec) || text_apart && is_text(codec)));
        for (media, group) in
            ["AUDIO", "SUBTITLES", "VIDEO"].iter().filter_map(|m| attribute(list, m).map(|group| (*m, group)))
        {
            let of_media: &dyn Fn(&str) -> bool = match media {
                "AUDIO" => &is_sound,
                "SUBTITLES" => &is_text,
                _ => &|codec| !is_sound(codec) && !is_text(codec),
            };
            match groups.iter().find(|(m, id, _)| *m == media && *id == group) {
                Some((_, _, members)) => members.iter().for_each(|member| self.codecs(*member, codecs, of_media)),
                None => self
                    .contradictions
                    .push(format!("a variant names the {media} group {:?}, and there is none before it", clip(group))),
            }
        }
        Ok(())
    }

    fn codecs(&mut self, at: usize, codecs: Option<&str>, wanted: &dyn Fn(&str) -> bool) {
        let Some(playlist) = self.playlists.get_mut(at) else { return };
        for codec in codecs.map(split).unwrap_or_default() {
            if wanted(&codec) && !playlist.codecs.contains(&codec) {
                playlist.codecs.push(codec);
            }
        }
    }

    fn add(&mut self, base: &Url, uri: &str, kind: StreamKind, key_frames: bool, name: &str) -> Result<usize, String> {
        let url = base.join(uri).map_err(|e| format!("{:?}: {e}", clip(uri)))?;
        if let Some(at) = self.playlists.iter().position(|playlist| playlist.url == url) {
            return Ok(at);
        }
        if self.playlists.len() == MAX_PLAYLISTS {
            return Err(format!("more than {MAX_PLAYLISTS} playlists are named"));
        }
        let name = named(&url).unwrap_or_else(|| clip(name));
        self.playlists.push(Playlist { url, name, kind, key_frames, codecs: Vec::new() });
        Ok(self.playlists.len() - 1)
    }
}

/// `video 400000`, from a URL of the kind that this program serves.
fn named(url: &Url) -> Option<String> {
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
    let (_, after) = path.rsplit_once("/QualityLevels(")?;
    let (bitrate, after) = after.split_once(")/Manifest(")?;
    let (inside, _) = after.rsplit_once(')')?;
    let key_frames = if inside.contains("type=keyframes") { " key frames" } else { "" };
    Some(format!("{} {bitrate}{key_frames}", inside.split(',').next()?))
}

fn is_text(codec: &str) -> bool {
    codec.starts_with("stpp") || codec.starts_with("wvtt")
}

fn is_sound(codec: &str) -> bool {
    let family = codec.split('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(family.as_str(), "mp4a" | "ac-3" | "ec-3" | "opus" | "flac" | "dtsc" | "dtse" | "dtsh" | "dtsl" | "dtsx")
}

/// Adds what a media playlist, fetched from `base`, lists.
pub(super) fn media(playlist: &Playlist, base: &Url, body: &[u8], listing: &mut Listing) -> Result<(), String> {
    let (mut entries, mut target, mut version, mut ended) = (Vec::<Segment>::new(), None, 1, false);
    let (mut only_key_frames, mut only_images, mut init) = (false, false, None);
    let (mut keys, mut first_number) = (Keys::default(), 0);
    let (mut lasts, mut range, mut discontinuity, mut at) = (None, None, false, 0i64);
    let contradiction = |text: String| format!("{}: {text}", playlist.name);
    let join = |uri: &str| base.join(uri).map_err(|e| format!("{:?}: {e}", clip(uri)));
    for line in lines(body)? {
        match line {
            Line::Tag("EXTINF", value) => {
                let number = value.split(',').next().unwrap_or_default();
                lasts = Some(micros(number).ok_or_else(|| format!("EXTINF of {:?}", clip(number)))?);
            }
            Line::Tag("EXT-X-BYTERANGE", value) => range = Some(value),
            Line::Tag("EXT-X-DISCONTINUITY", _) => discontinuity = true,
            Line::Tag("EXT-X-TARGETDURATION", value) => target = value.parse::<i64>().ok(),
            Line::Tag("EXT-X-VERSION", value) => version = value.parse().unwrap_or(0),
            Line::Tag("EXT-X-ENDLIST", _) => ended = true,
            Line::Tag("EXT-X-I-FRAMES-ONLY", _) => only_key_frames = true,
            Line::Tag("EXT-X-IMAGES-ONLY", _) => only_images = true,
            Line::Tag("EXT-X-KEY", list) => keys.add(base, list, !entries.is_empty()),
            Line::Tag("EXT-X-MEDIA-SEQUENCE", value) => first_number = value.parse().unwrap_or(0),
            Line::Tag("EXT-X-MAP", list) => {
                let uri = attribute(list, "URI").ok_or("EXT-X-MAP without URI")?;
                let range = attribute(list, "BYTERANGE").map(|r| byte_range(r, 0).ok_or("EXT-X-MAP's BYTERANGE"));
                init = Some((join(uri)?, range.transpose()?));
            }
            Line::Uri(uri) => {
                let duration = lasts.take().ok_or_else(|| format!("{:?} has no EXTINF", clip(uri)))?;
                if listing.streams.iter().map(|s| s.segments.len()).sum::<usize>() + entries.len() >= MAX_SEGMENTS {
                    return Err(format!("more than {MAX_SEGMENTS} segments are listed"));
                }
                let url = join(uri)?;
                let next =
                    entries.last().filter(|s| s.url == url).and_then(|s| s.range).map_or(0, |(_, last)| last + 1);
                let range = range.take().map(|r| byte_range(r, next).ok_or_else(|| format!("EXT-X-BYTERANGE {r:?}")));
                let discontinuity = std::mem::take(&mut discontinuity);
                entries.push(Segment { url, range: range.transpose()?, time: at, duration, discontinuity });
                at = at.checked_add(duration).ok_or("times are beyond 64 bits")?;
            }
            Line::Tag(..) => {}
        }
    }
    let mut contradict = |text: String| listing.contradictions.push(contradiction(text));
    match target {
        None => contradict("there is no EXT-X-TARGETDURATION".to_owned()),
        Some(target) => {
            // Rounded to the nearest second (RFC 8216 4.3.3.1).
            let longest = entries.iter().map(|s| s.duration).max().unwrap_or(0);
            if (longest.saturating_add(500_000)) / 1_000_000 > target {
                contradict(format!("a segment lasts {longest} µs, EXT-X-TARGETDURATION is {target} s"));
            }
        }
    }
    if entries.iter().any(|s| s.range.is_some()) && version < 4 {
        contradict(format!("byte ranges need version 4 of the protocol, stated is {version}"));
    }
    if entries.is_empty() {
        contradict("no segment is listed".to_owned());
    }
    if playlist.key_frames != only_key_frames {
        contradict("EXT-X-I-FRAMES-ONLY and the multivariant playlist differ".to_owned());
    }
    if !ended {
        listing
            .unread
            .push(format!("{}: the playlist goes on (no EXT-X-ENDLIST); checked is what is there", playlist.name));
    }
    let last_path = entries.first().map(|s| s.url.path().to_ascii_lowercase()).unwrap_or_default();
    let packing = match playlist.kind {
        StreamKind::Image => Packing::Images,
        _ if only_images => Packing::Images,
        StreamKind::Text if init.is_none() => Packing::WebVtt,
        _ if init.is_some() => Packing::Fragments,
        StreamKind::Audio if [".aac", ".mp3", ".ac3", ".ec3"].iter().any(|end| last_path.ends_with(end)) => {
            Packing::Opaque("it is packed audio")
        }
        _ => Packing::Transport,
    };
    listing.streams.push(Stream {
        name: playlist.name.clone(),
        kind: playlist.kind,
        key_frames: playlist.key_frames,
        packing,
        encryption: keys.encryption(first_number),
        times: Times::AddedUp,
        codecs: playlist.codecs.clone(),
        init,
        scale: MICROSECONDS,
        segments: entries,
    });
    Ok(())
}

/// The `EXT-X-KEY`s of a media playlist (RFC 8216 4.3.2.4).
#[derive(Default)]
struct Keys {
    method: Option<String>,
    envelope: Option<Envelope>,
    key_ids: Vec<KeyId>,
}

impl Keys {
    /// `changes`: there have been segments before it.
    fn add(&mut self, base: &Url, list: &str, changes: bool) {
        let method = attribute(list, "METHOD").unwrap_or_default();
        if method == "NONE" && !changes {
            return;
        }
        if method == "AES-128" {
            let key = attribute(list, "URI").and_then(|uri| base.join(uri).ok());
            let envelope = Envelope { key, vector: attribute(list, "IV").and_then(sixteen_bytes), first_number: 0 };
            match &mut self.envelope {
                // Several keys one after the other are not told apart.
                Some(before) if *before != envelope => before.key = None,
                Some(_) => {}
                None => self.envelope = Some(Envelope { key: envelope.key.filter(|_| !changes), ..envelope }),
            }
        } else if changes && let Some(envelope) = &mut self.envelope {
            envelope.key = None;
        }
        if method != "NONE" {
            self.method = Some(clip(method));
        }
        let id = attribute(list, "KEYID").and_then(key_id).filter(|id| !self.key_ids.contains(id));
        self.key_ids.extend(id.filter(|_| self.key_ids.len() < MAX_KEY_IDS));
    }

    fn encryption(self, first_number: u64) -> Option<Encryption> {
        if let Some(envelope) = self.envelope {
            return Some(Encryption::Whole(Envelope { first_number, ..envelope }));
        }
        // The methods of fragments (RFC 8216 4.3.2.4) by the names of their schemes.
        let scheme = self.method?.replace("SAMPLE-AES-CTR", "cenc");
        Some(Encryption::Samples { scheme, key_ids: self.key_ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILM: &str = "http://h/l/f.ism/Manifest(format=m3u8-cmaf)";

    fn base() -> Url {
        Url::parse(FILM).unwrap()
    }

    #[test]
    fn playlists_are_named_once_with_all_their_codecs() {
        let body = b"#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"en\",URI=\"QualityLevels(9)/Manifest(en,format=m3u8-cmaf).m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=2x2,CODECS=\"avc1.4d400d,mp4a.40.2\",AUDIO=\"a\"\nvideo.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=2,RESOLUTION=4x4,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"b\"\nmore.m3u8\n\
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.4d400d\",URI=\"key.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"mp4a.40.2\",AUDIO=\"a\"\nQualityLevels(9)/Manifest(en,format=m3u8-cmaf).m3u8\n";
        let found = multivariant(&base(), body).unwrap();
        let names: Vec<(&str, StreamKind)> = found.playlists.iter().map(|p| (p.name.as_str(), p.kind)).collect();
        let expected = [
            ("en 9", StreamKind::Audio),
            ("2x2", StreamKind::Video),
            ("4x4", StreamKind::Video),
            ("I-frames", StreamKind::Video),
        ];
        assert_eq!(names, expected);
        assert_eq!(found.playlists[0].codecs, ["mp4a.40.2"]);
        assert_eq!(found.playlists[1].codecs, ["avc1.4d400d"]);
        assert_eq!(found.playlists[2].codecs, ["avc1.64001f", "mp4a.40.2"], "nobody else carries the sound");
        assert!(found.playlists[3].key_frames);
        assert_eq!(found.contradictions.len(), 1, "group b is not there: {:?}", found.contradictions);
    }

    fn playlist(kind: StreamKind) -> Playlist {
        Playlist { url: base(), name: "v".to_owned(), kind, key_frames: false, codecs: Vec::new() }
    }

    #[test]
    fn media_playlists_add_up_their_times() {
        let body =
            b"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:2.005333,\na\n\
            #EXT-X-DISCONTINUITY\n#EXTINF:1.5,\nb\n#EXT-X-ENDLIST\n";
        let mut listing = Listing::default();
        media(&playlist(StreamKind::Video), &base(), body, &mut listing).unwrap();
        assert!(listing.contradictions.is_empty() && listing.unread.is_empty());
        let stream = &listing.streams[0];
        assert_eq!(stream.packing, Packing::Fragments);
        let times: Vec<(i64, i64, bool)> =
            stream.segments.iter().map(|s| (s.time, s.duration, s.discontinuity)).collect();
        assert_eq!(times, [(0, 2_005_333, false), (2_005_333, 1_500_000, true)]);
    }

    #[test]
    fn contradictions_are_told_and_nonsense_refused() {
        let mut listing = Listing::default();
        let body = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:2,\n#EXT-X-BYTERANGE:5@0\na.ts\n#EXTINF:1,\n#EXT-X-BYTERANGE:5\na.ts\n";
        media(&playlist(StreamKind::Audio), &base(), body, &mut listing).unwrap();
        assert_eq!((listing.contradictions.len(), listing.unread.len()), (2, 1), "{:?}", listing.contradictions);
        assert_eq!(listing.streams[0].segments[1].range, Some((5, 9)));
        for bad in ["#EXTM3U\na.ts\n", "#EXTM3U\n#EXTINF:x,\na.ts\n", "#EXTINF:1,\na.ts\n"] {
            assert!(media(&playlist(StreamKind::Video), &base(), bad.as_bytes(), &mut listing).is_err(), "{bad}");
        }
        assert!(multivariant(&base(), b"#EXTM3U\n#EXTINF:1,\na.ts\n").is_err());
    }
}
