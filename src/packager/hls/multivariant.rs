//! Multivariant (master) playlists (RFC 8216 4.3.4), and the form that Azure Media Services gave them.

use crate::media::{Presentation, TrackGroup, TrackRef};
use crate::packager::{Context, Dialect, Error, Rendered, language, text};

use super::carried::{self, Listing};
use super::rate::{self, Rate, Sound};
use super::uri::{PlaylistUri, push_number, push_playlist, push_quoted};
use super::{Flavor, PLAYLIST_TYPE};

/// The multivariant playlist.
pub(super) fn render(flavor: Flavor, presentation: &Presentation, context: &Context<'_>) -> Result<Rendered, Error> {
    let mut carried = Listing::of(flavor, presentation)?;
    if let Some(bitrate) = presentation.view.first_quality {
        begin_with(&mut carried.video, bitrate, presentation);
    }
    let chosen = match flavor.muxes() {
        true => carried::chosen_audio(flavor, presentation, context.selection.audio_track.as_deref())?,
        false => None,
    };
    if let Some(chosen) = chosen {
        carried.audio.retain(|tracks| tracks.iter().any(|t| t.group == chosen.group));
    }
    let mut writer = Writer { flavor, presentation, context, out: String::with_capacity(4096) };
    writer.out.push_str("#EXTM3U\n#EXT-X-VERSION:");
    push_number(&mut writer.out, flavor.version());
    writer.out.push('\n');
    if context.dialect == Dialect::Modern {
        writer.out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    match (carried.video.is_empty(), chosen) {
        (true, _) => writer.audio_alone(&carried.audio),
        (false, audio) if flavor.muxes() => writer.muxed(&carried.video, audio),
        (false, _) => writer.with_renditions(&carried),
    }
    Ok(text(writer.out, PLAYLIST_TYPE))
}

/// Moves the quality nearest to `bitrate` to the front: a player begins with the first one that is listed.
fn begin_with(tracks: &mut [TrackRef], bitrate: u64, presentation: &Presentation) {
    let distance = |at: &TrackRef| presentation.track(*at).bitrate.abs_diff(bitrate);
    let nearest = (0..tracks.len()).min_by_key(|index| distance(&tracks[*index]));
    if let Some(first) = nearest.and_then(|nearest| tracks.get_mut(..=nearest)) {
        first.rotate_right(1);
    }
}

/// A rendition group: one track of each audio group.
#[derive(Debug)]
struct Renditions {
    id: String,
    tracks: Vec<TrackRef>,
    /// Of the costliest rendition (RFC 8216 4.3.4.2 `BANDWIDTH`).
    rate: Rate,
    codecs: Vec<String>,
}

/// A variant stream, ready to be written.
#[derive(Debug)]
struct Variant<'a> {
    main: TrackRef,
    rate: Rate,
    codecs: Vec<String>,
    audio_group: Option<&'a str>,
    muxed: Option<TrackRef>,
}

struct Writer<'a> {
    flavor: Flavor,
    presentation: &'a Presentation,
    context: &'a Context<'a>,
    out: String,
}

impl<'a> Writer<'a> {
    fn group(&self, at: TrackRef) -> &'a TrackGroup {
        &self.presentation.groups[at.group]
    }

    fn codec(&self, at: TrackRef) -> String {
        self.presentation.track(at).codec.rfc6381()
    }

    /// What a track of its own playlist costs.
    fn rate(&self, at: TrackRef) -> Rate {
        match self.context.dialect {
            Dialect::Ams => rate::ams(self.presentation.track(at).bitrate),
            Dialect::Modern => rate::alone(self.flavor, self.presentation, at),
        }
    }

    /// Variants with video, audio as renditions, an audio-only variant at the end.
    fn with_renditions(&mut self, carried: &Listing) {
        let groups = self.rendition_groups(&carried.audio);
        for group in &groups {
            self.media(group);
        }
        let count = carried.video.len();
        let bitrate = |at: &TrackRef| self.presentation.track(*at).bitrate;
        for &at in &carried.video {
            // The best video plays with the best audio, the least with the least.
            let index = carried.video.iter().filter(|other| bitrate(other) < bitrate(&at)).count();
            let audio = groups.get((count - 1 - index) * groups.len() / count);
            let own = self.rate(at);
            let rate = audio.map_or(own, |a| own.plus(a.rate));
            let mut codecs = vec![self.codec(at)];
            codecs.extend(audio.iter().flat_map(|a| a.codecs.iter().cloned()));
            let audio_group = audio.map(|a| a.id.as_str());
            self.variant(&Variant { main: at, rate, codecs, audio_group, muxed: None });
            self.key_frames(at, rate);
        }
        // Azure Media Services pointed at the last audio track, whose renditions are the same.
        let last = groups.last().filter(|_| self.context.selection.audio_only != Some(false));
        if let Some(group) = last {
            let main = match self.context.dialect {
                Dialect::Ams => group.tracks.last(),
                Dialect::Modern => group.tracks.first(),
            };
            if let Some(&main) = main {
                let (audio_group, codecs) = (Some(group.id.as_str()), group.codecs.clone());
                let rate = match self.context.dialect {
                    Dialect::Ams => self.rate(main),
                    Dialect::Modern => group.rate,
                };
                self.variant(&Variant { main, rate, codecs, audio_group, muxed: None });
            }
        }
    }

    /// Variants of one audio group and, where renditions exist in this format, the others beside it.
    fn audio_alone(&mut self, audio: &[Vec<TrackRef>]) {
        if audio.len() > 1 {
            let groups = self.rendition_groups(audio);
            for group in &groups {
                self.media(group);
            }
            for group in groups.iter().rev() {
                if let Some(&main) = group.tracks.first() {
                    let (audio_group, codecs) = (Some(group.id.as_str()), group.codecs.clone());
                    self.variant(&Variant { main, rate: group.rate, codecs, audio_group, muxed: None });
                }
            }
            return;
        }
        for &main in audio.iter().flatten().rev() {
            let (rate, codecs) = (self.rate(main), vec![self.codec(main)]);
            self.variant(&Variant { main, rate, codecs, audio_group: None, muxed: None });
        }
    }

    /// Variants with the chosen audio muxed in.
    fn muxed(&mut self, video: &[TrackRef], audio: Option<TrackRef>) {
        let mut sound: Option<Sound<'_>> = None;
        for &main in video {
            let mut codecs = vec![self.codec(main)];
            codecs.extend(audio.map(|a| self.codec(a)));
            let rate = match self.context.dialect {
                Dialect::Ams => audio.map_or(self.rate(main), |a| self.rate(main).plus(self.rate(a))),
                Dialect::Modern => {
                    let track = self.presentation.track(main);
                    if let Some(audio) = audio.filter(|_| !sound.as_ref().is_some_and(|s| s.fits(track))) {
                        sound = Sound::of(self.flavor, self.presentation, main, audio);
                    }
                    match &sound {
                        Some(sound) => rate::muxed(self.flavor, self.presentation, main, sound),
                        None => self.rate(main),
                    }
                }
            };
            self.variant(&Variant { main, rate, codecs, audio_group: None, muxed: audio });
        }
    }

    /// One rendition group per bitrate rank: `audio` has the best track of each audio group, `audio-1`
    /// the second best (or the last there is), and so on, so that all groups have the same members as
    /// RFC 8216 4.3.4.1.1 demands. Azure Media Services had one group.
    fn rendition_groups(&self, audio: &[Vec<TrackRef>]) -> Vec<Renditions> {
        let ranks = match self.context.dialect {
            Dialect::Ams => audio.len().min(1),
            Dialect::Modern => audio.iter().map(Vec::len).max().unwrap_or(0),
        };
        let rank = |rank: usize| {
            let tracks: Vec<TrackRef> = audio.iter().filter_map(|t| t.get(rank).or(t.last()).copied()).collect();
            let mut codecs: Vec<String> = Vec::new();
            for codec in tracks.iter().map(|t| self.codec(*t)) {
                if !codecs.contains(&codec) {
                    codecs.push(codec);
                }
            }
            let rates = tracks.iter().map(|t| self.rate(*t));
            let rate = match self.context.dialect {
                Dialect::Ams => rates.take(1).fold(Rate::default(), Rate::max),
                Dialect::Modern => rates.fold(Rate::default(), Rate::max),
            };
            let id = if rank == 0 { "audio".to_owned() } else { format!("audio-{rank}") };
            Renditions { id, tracks, rate, codecs }
        };
        (0..ranks).map(rank).collect()
    }

    /// `EXT-X-MEDIA` of each rendition of a group.
    fn media(&mut self, renditions: &Renditions) {
        let mut told_apart: Vec<(Option<String>, bool)> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for (index, &at) in renditions.tracks.iter().enumerate() {
            let group = self.group(at);
            let label = group.label.as_deref().filter(|l| !l.is_empty() && !names.contains(l));
            let name = label.unwrap_or(&group.name);
            names.push(name);
            let described = group.purpose.describes_video();
            let language = self.language(group);
            // Renditions that a player may choose by itself must differ in language or purpose
            // (RFC 8216 4.3.4.1.1).
            let distinct = !told_apart.contains(&(language.clone(), described));
            let auto_select = distinct || self.context.dialect == Dialect::Ams;
            self.out.push_str("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=");
            push_quoted(&mut self.out, &renditions.id);
            self.out.push_str(",NAME=");
            push_quoted(&mut self.out, name);
            if let Some(language) = &language {
                self.out.push_str(",LANGUAGE=");
                push_quoted(&mut self.out, language);
            }
            told_apart.push((language, described));
            self.out.push_str(match (index, self.context.dialect, auto_select) {
                (0, _, _) => ",DEFAULT=YES,AUTOSELECT=YES",
                (_, Dialect::Ams, _) => ",AUTOSELECT=YES",
                (_, Dialect::Modern, true) => ",DEFAULT=NO,AUTOSELECT=YES",
                (_, Dialect::Modern, false) => ",DEFAULT=NO,AUTOSELECT=NO",
            });
            if described {
                self.out.push_str(",CHARACTERISTICS=\"public.accessibility.describes-video\"");
            }
            let audio = self.presentation.track(at).codec.audio();
            if let (Some(audio), Dialect::Modern) = (audio, self.context.dialect) {
                self.out.push_str(",CHANNELS=\"");
                push_number(&mut self.out, u64::from(audio.channels));
                self.out.push('"');
            }
            self.out.push_str(",URI=\"");
            self.playlist_uri(at, None, false);
            self.out.push_str("\"\n");
        }
    }

    /// Three letters as stored, or the shortest tag as RFC 5646 wants; `None` when not known.
    fn language(&self, group: &TrackGroup) -> Option<String> {
        match self.context.dialect {
            Dialect::Ams => (!group.language.is_undetermined()).then(|| group.language.0.clone()),
            Dialect::Modern => language::tag(&group.language),
        }
    }

    /// `EXT-X-STREAM-INF` and its URL.
    fn variant(&mut self, variant: &Variant<'_>) {
        self.out.push_str("#EXT-X-STREAM-INF:");
        self.rate_attributes(variant.rate);
        self.picture_attributes(variant.main, &variant.codecs, true);
        if let Some(group) = variant.audio_group {
            self.out.push_str(",AUDIO=");
            push_quoted(&mut self.out, group);
        }
        self.out.push('\n');
        self.playlist_uri(variant.main, variant.muxed, false);
        self.out.push('\n');
    }

    /// `EXT-X-I-FRAME-STREAM-INF`; Azure Media Services repeated the variant's `BANDWIDTH` in it.
    fn key_frames(&mut self, at: TrackRef, of_variant: Rate) {
        if !self.flavor.has_key_frame_playlists(self.group(at).kind) {
            return;
        }
        let rate = match self.context.dialect {
            Dialect::Ams => of_variant,
            Dialect::Modern => rate::key_frames(self.flavor, self.presentation, at),
        };
        if rate.peak == 0 {
            return;
        }
        self.out.push_str("#EXT-X-I-FRAME-STREAM-INF:");
        self.rate_attributes(rate);
        let codecs = [self.codec(at)];
        self.picture_attributes(at, &codecs, false);
        self.out.push_str(",URI=\"");
        self.playlist_uri(at, None, true);
        self.out.push_str("\"\n");
    }

    fn rate_attributes(&mut self, rate: Rate) {
        self.out.push_str("BANDWIDTH=");
        push_number(&mut self.out, rate.peak);
        if self.context.dialect == Dialect::Modern {
            self.out.push_str(",AVERAGE-BANDWIDTH=");
            push_number(&mut self.out, rate.average);
        }
    }

    /// `RESOLUTION`, `FRAME-RATE` and `CODECS`, those that the track has.
    fn picture_attributes(&mut self, at: TrackRef, codecs: &[String], with_frame_rate: bool) {
        let track = self.presentation.track(at);
        if let Some(video) = track.codec.video() {
            let width = match self.context.dialect {
                Dialect::Ams => u64::from(video.width),
                Dialect::Modern => display_width(video.width, video.sample_aspect_ratio),
            };
            self.out.push_str(",RESOLUTION=");
            push_number(&mut self.out, width);
            self.out.push('x');
            push_number(&mut self.out, u64::from(video.height));
        }
        self.out.push_str(",CODECS=");
        push_quoted(&mut self.out, &codecs.join(","));
        let frame_rate = track.frame_rate.filter(|_| with_frame_rate && self.context.dialect == Dialect::Modern);
        if let Some((frames, seconds @ 1..)) = frame_rate {
            let thousandths = (u64::from(frames) * 2000 + u64::from(seconds)) / (u64::from(seconds) * 2);
            self.out.push_str(&format!(",FRAME-RATE={}.{:03}", thousandths / 1000, thousandths % 1000));
        }
    }

    fn playlist_uri(&mut self, at: TrackRef, muxed: Option<TrackRef>, keyframes: bool) {
        let uri = PlaylistUri {
            name: &self.group(at).name,
            bitrate: self.presentation.track(at).bitrate,
            audio: muxed.map(|a| self.group(a).name.as_str()),
            keyframes,
        };
        push_playlist(&mut self.out, self.flavor, uri, self.context);
    }
}

/// Width at which square pixels show the picture undistorted, to the nearest pixel.
fn display_width(width: u32, (horizontal, vertical): (u32, u32)) -> u64 {
    if horizontal == 0 || vertical == 0 {
        return u64::from(width);
    }
    let (horizontal, vertical) = (u64::from(horizontal), u64::from(vertical));
    (u128::from(u64::from(width) * horizontal) * 2 + u128::from(vertical)).div_euclid(u128::from(vertical) * 2) as u64
}
