//! Multivariant (master) playlists (RFC 8216 4.3.4), and the form that Azure Media Services gave them.

use crate::codec::DynamicRange;
use crate::media::{DESCRIBES_VIDEO, Presentation, TrackGroup, TrackRef};
use crate::packager::figures::{Figure, Measured};
use crate::packager::{Context, Dialect, Error, Rendered, language, text};
use crate::protection::Scheme;

use super::carried::{self, Listing};
use super::rate::{self, Rate, Sound};
use super::renditions::{self, Class};
use super::subtitles;
use super::told_apart;
use super::uri::{PlaylistUri, push_number, push_playlist, push_quoted};
use super::{Flavor, PLAYLIST_TYPE, described, images, key};

/// The multivariant playlist.
pub(super) fn render(flavor: Flavor, presentation: &Presentation, context: &Context<'_>) -> Result<Rendered, Error> {
    let mut carried = Listing::of(flavor, presentation)?;
    let chosen = match flavor.muxes() {
        true => carried::chosen_audio(flavor, presentation, context.selection.audio_track.as_deref())?,
        false => None,
    };
    if let Some(chosen) = chosen {
        carried.audio.retain(|tracks| tracks.iter().any(|t| t.group == chosen.group));
    }
    // Azure Media Services had no renditions in version 3.
    let subtitles = match (flavor, context.dialect) {
        (Flavor::V3, Dialect::Ams) => Vec::new(),
        _ => std::mem::take(&mut carried.text),
    };
    let range = |at: &TrackRef| presentation.track(*at).codec.dynamic_range();
    let ranged = context.dialect == Dialect::Modern && carried.video.iter().any(|at| range(at) != DynamicRange::Sdr);
    let mut writer = Writer {
        flavor,
        presentation,
        context,
        ranged,
        out: String::with_capacity(4096),
        text: subtitles,
        closed_captions: String::new(),
    };
    writer.out.push_str("#EXTM3U\n#EXT-X-VERSION:");
    push_number(&mut writer.out, flavor.version_under(context));
    writer.out.push('\n');
    if context.dialect == Dialect::Modern {
        writer.out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    if let Some(protection) = context.protection {
        let tracks = carried.video.iter().chain(carried.angles.iter().chain(&carried.audio).flatten()).copied();
        key::push_session(&mut writer.out, flavor, presentation, protection, tracks, context.dialect);
    }
    let listed = writer.text.clone();
    writer.subtitles(&listed);
    writer.closed_captions = writer.closed_captions(flavor, presentation, &carried.video);
    match (carried.video.is_empty(), chosen) {
        (true, _) => writer.audio_alone(&carried.audio),
        (false, audio) if flavor.muxes() => writer.muxed(&carried.video, audio),
        (false, _) => writer.with_renditions(&carried),
    }
    if let Some(grid) = flavor.has_images(context).filter(|_| !carried.video.is_empty()) {
        images::push_stream(&mut writer.out, flavor, &grid, context);
    }
    Ok(text(writer.out, PLAYLIST_TYPE))
}

/// A rendition group: one track of each rendition.
#[derive(Debug)]
struct Renditions {
    id: String,
    /// The group that names the rendition, and its track.
    tracks: Vec<(usize, TrackRef)>,
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
    video_group: Option<&'a str>,
    muxed: Option<TrackRef>,
}

pub(super) struct Writer<'a> {
    flavor: Flavor,
    presentation: &'a Presentation,
    pub(super) context: &'a Context<'a>,
    /// Variants differ from what players assume of `VIDEO-RANGE`, so that each states it.
    ranged: bool,
    pub(super) out: String,
    /// Subtitles that go with every variant.
    text: Vec<TrackRef>,
    /// What every variant says of captions inside of pictures.
    closed_captions: String,
}

impl<'a> Writer<'a> {
    pub(super) fn group(&self, at: TrackRef) -> &'a TrackGroup {
        &self.presentation.groups[at.group]
    }

    fn codec(&self, at: TrackRef) -> String {
        self.flavor.codecs(&*described(self.presentation.track(at)))
    }

    /// In which order variants are listed: the lowest bitrate first, or the one nearest to what a filter wants to
    /// come first, because a player begins with the first one that is listed.
    fn order(&self, video: &[TrackRef]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..video.len()).collect();
        if let Some(bitrate) = self.presentation.view.first_quality {
            let distance = |index: &usize| self.presentation.track(video[*index]).bitrate.abs_diff(bitrate);
            if let Some(nearest) = (0..video.len()).min_by_key(distance) {
                order[..=nearest].rotate_right(1);
            }
        }
        order
    }

    fn scheme(&self) -> Option<Scheme> {
        self.context.protection.map(|protection| protection.scheme)
    }

    /// What a track of its own playlist costs.
    fn rate(&self, at: TrackRef) -> Rate {
        match self.context.dialect {
            Dialect::Ams => rate::ams(self.presentation.track(at).bitrate),
            Dialect::Modern => self.measured(Measured::Segments, at, None, || {
                rate::alone(self.flavor, self.presentation, at, self.scheme())
            }),
        }
    }

    /// A rate, measured or as it was kept.
    fn measured(&self, of: Measured, track: TrackRef, with: Option<TrackRef>, measure: impl FnOnce() -> Rate) -> Rate {
        let figure = Figure { format: self.flavor.tag(), of, track, with, scheme: self.scheme() };
        self.context.measured(figure, || measure().into()).into()
    }

    /// Variants with video, audio as renditions, an audio-only variant at the end.
    fn with_renditions(&mut self, carried: &Listing) {
        let classes = self.rendition_groups(&carried.audio);
        for group in classes.iter().flatten() {
            self.media(group);
        }
        let count = carried.video.len();
        // Without sound there is one class, of no groups.
        let none = [Vec::new()];
        let each = if classes.is_empty() { &none[..] } else { &classes };
        let angles: Vec<Option<Renditions>> = (0..count).map(|index| self.angles(carried, index)).collect();
        for (class, groups) in each.iter().enumerate() {
            for index in self.order(&carried.video) {
                let at = carried.video[index];
                // The best video plays with the best audio, the least with the least.
                let audio = groups.get((count - 1 - index) * groups.len() / count);
                let angles = angles[index].as_ref();
                let own = self.rate(at);
                let pictures = angles.map_or(own, |a| own.max(a.rate));
                let rate = audio.map_or(pictures, |a| pictures.plus(a.rate));
                let mut codecs = vec![self.codec(at)];
                codecs.extend(audio.iter().flat_map(|a| a.codecs.iter().cloned()));
                for codec in angles.iter().flat_map(|a| &a.codecs) {
                    if !codecs.contains(codec) {
                        codecs.push(codec.clone());
                    }
                }
                let audio_group = audio.map(|a| a.id.as_str());
                let video_group = angles.map(|a| a.id.as_str());
                self.variant(&Variant { main: at, rate, codecs, audio_group, video_group, muxed: None });
                if class == 0 {
                    self.key_frames(at, rate);
                }
            }
        }
        // Azure Media Services pointed at the last audio track, whose renditions are the same.
        let last = classes
            .first()
            .and_then(|groups| groups.last())
            .filter(|_| self.context.selection.audio_only != Some(false));
        if let Some(group) = last {
            let main = match self.context.dialect {
                Dialect::Ams => group.tracks.last(),
                Dialect::Modern => {
                    let is_default =
                        |(named_by, _): &&(usize, TrackRef)| self.presentation.groups[*named_by].is_default;
                    group.tracks.iter().find(is_default).or(group.tracks.first())
                }
            };
            if let Some(&(_, main)) = main {
                let (audio_group, codecs) = (Some(group.id.as_str()), group.codecs.clone());
                let rate = match self.context.dialect {
                    Dialect::Ams => self.rate(main),
                    Dialect::Modern => group.rate,
                };
                self.variant(&Variant { main, rate, codecs, audio_group, video_group: None, muxed: None });
            }
        }
    }

    /// Writes the renditions of the variant with quality `index`, one for each camera angle, and gives their
    /// group: the variant's own picture, which has no `URI` (RFC 8216 4.3.4.2.1), and of each other angle the
    /// quality of the same rank. Azure Media Services knew one video stream.
    fn angles(&mut self, carried: &Listing, index: usize) -> Option<Renditions> {
        if carried.angles.is_empty() || self.context.dialect == Dialect::Ams {
            return None;
        }
        let own = carried.video[index];
        let count = carried.video.len();
        let of_rank = |angle: &Vec<TrackRef>| angle.get(index * angle.len() / count).copied();
        let others: Vec<TrackRef> = carried.angles.iter().filter_map(of_rank).collect();
        let rate = others.iter().map(|t| self.rate(*t)).fold(Rate::default(), Rate::max);
        let tracks: Vec<(usize, TrackRef)> = std::iter::once(own).chain(others).map(|at| (at.group, at)).collect();
        let codecs = tracks.iter().map(|(_, at)| self.codec(*at)).collect();
        let group = Renditions { id: format!("video-{}", count - 1 - index), tracks, rate, codecs };
        let groups: Vec<&TrackGroup> = group.tracks.iter().map(|(_, at)| self.group(*at)).collect();
        let languages: Vec<Option<String>> = groups.iter().map(|g| self.language(g)).collect();
        let told = told_apart::renditions(&groups, &languages, Dialect::Modern);
        for (&(_, at), told) in group.tracks.iter().zip(&told) {
            self.out.push_str("#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID=");
            push_quoted(&mut self.out, &group.id);
            self.out.push_str(",NAME=");
            push_quoted(&mut self.out, &told.name);
            // The default is what the variant itself shows.
            self.out.push_str(if at == own { ",DEFAULT=YES,AUTOSELECT=YES" } else { ",DEFAULT=NO,AUTOSELECT=NO" });
            self.characteristics(self.group(at));
            if at != own {
                self.out.push_str(",URI=\"");
                self.playlist_uri(at, None, false);
                self.out.push('"');
            }
            self.out.push('\n');
        }
        Some(group)
    }

    /// `CHARACTERISTICS`; Azure Media Services knew one.
    fn characteristics(&mut self, group: &TrackGroup) {
        let mut all = group.purpose.characteristics();
        if self.context.dialect == Dialect::Ams {
            all.retain(|one| *one == DESCRIBES_VIDEO);
        }
        if !all.is_empty() {
            self.out.push_str(",CHARACTERISTICS=");
            push_quoted(&mut self.out, &all.join(","));
        }
    }

    /// Variants of one audio group and, where renditions exist in this format, the others beside it.
    fn audio_alone(&mut self, audio: &[Vec<TrackRef>]) {
        if audio.len() > 1 {
            let classes = self.rendition_groups(audio);
            for group in classes.iter().flatten() {
                self.media(group);
            }
            for group in classes.iter().flat_map(|groups| groups.iter().rev()) {
                let default = group.tracks.iter().find(|(named_by, _)| self.presentation.groups[*named_by].is_default);
                if let Some(&(_, main)) = default.or(group.tracks.first()) {
                    let (audio_group, codecs, rate) = (Some(group.id.as_str()), group.codecs.clone(), group.rate);
                    self.variant(&Variant { main, rate, codecs, audio_group, video_group: None, muxed: None });
                }
            }
            return;
        }
        for &main in audio.iter().flatten().rev() {
            let (rate, codecs) = (self.rate(main), vec![self.codec(main)]);
            self.variant(&Variant { main, rate, codecs, audio_group: None, video_group: None, muxed: None });
        }
    }

    /// Variants with the chosen audio muxed in.
    fn muxed(&mut self, video: &[TrackRef], audio: Option<TrackRef>) {
        let mut sound: Option<Sound<'_>> = None;
        for main in self.order(video).into_iter().map(|index| video[index]) {
            let mut codecs = vec![self.codec(main)];
            codecs.extend(audio.map(|a| self.codec(a)));
            let rate = match self.context.dialect {
                Dialect::Ams => audio.map_or(self.rate(main), |a| self.rate(main).plus(self.rate(a))),
                Dialect::Modern => {
                    let track = self.presentation.track(main);
                    let measure = || {
                        if let Some(audio) = audio.filter(|_| !sound.as_ref().is_some_and(|s| s.fits(track))) {
                            sound = Sound::of(self.flavor, self.presentation, main, audio);
                        }
                        let muxed = |sound| rate::muxed(self.flavor, self.presentation, main, sound, self.scheme());
                        sound.as_ref().map(muxed).unwrap_or_default()
                    };
                    let together = audio.map(|_| self.measured(Measured::Segments, main, audio, measure));
                    // Nothing can be muxed with it.
                    together.filter(|rate| *rate != Rate::default()).unwrap_or_else(|| self.rate(main))
                }
            };
            self.variant(&Variant { main, rate, codecs, audio_group: None, video_group: None, muxed: audio });
        }
    }

    /// The rendition groups, by class. Of each class there is one group per bitrate rank: `audio` has the best
    /// track of each rendition, `audio-1` the second best (or the last there is), and so on, so that all groups
    /// have the same members as RFC 8216 4.3.4.1.1 demands. Azure Media Services had no ranks.
    fn rendition_groups(&self, audio: &[Vec<TrackRef>]) -> Vec<Vec<Renditions>> {
        let most = match self.context.dialect {
            Dialect::Ams => 1,
            Dialect::Modern => usize::MAX,
        };
        let groups = |class: Class| {
            let id = |rank| if rank == 0 { class.id.clone() } else { format!("{}-{rank}", class.id) };
            let ranks = class.ranks.into_iter().take(most).enumerate();
            ranks.map(|(rank, tracks)| self.renditions(id(rank), tracks)).collect()
        };
        renditions::classes(self.presentation, audio).into_iter().map(groups).collect()
    }

    fn renditions(&self, id: String, tracks: Vec<(usize, TrackRef)>) -> Renditions {
        let mut codecs: Vec<String> = Vec::new();
        for codec in tracks.iter().map(|(_, at)| self.codec(*at)) {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        let rates = tracks.iter().map(|(_, at)| self.rate(*at));
        let rate = match self.context.dialect {
            Dialect::Ams => rates.take(1).fold(Rate::default(), Rate::max),
            Dialect::Modern => rates.fold(Rate::default(), Rate::max),
        };
        Renditions { id, tracks, rate, codecs }
    }

    /// `EXT-X-MEDIA` of each rendition of a group.
    fn media(&mut self, renditions: &Renditions) {
        let groups: Vec<&TrackGroup> = renditions.tracks.iter().map(|(by, _)| &self.presentation.groups[*by]).collect();
        let languages: Vec<Option<String>> = groups.iter().map(|g| self.language(g)).collect();
        let told = told_apart::renditions(&groups, &languages, self.context.dialect);
        for ((&(named_by, at), language), told) in renditions.tracks.iter().zip(&languages).zip(&told) {
            self.out.push_str("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=");
            push_quoted(&mut self.out, &renditions.id);
            self.out.push_str(",NAME=");
            push_quoted(&mut self.out, &told.name);
            if let Some(language) = language {
                self.out.push_str(",LANGUAGE=");
                push_quoted(&mut self.out, language);
            }
            self.out.push_str(match (told.is_default, self.context.dialect, told.auto_select) {
                (true, _, _) => ",DEFAULT=YES,AUTOSELECT=YES",
                (_, Dialect::Ams, _) => ",AUTOSELECT=YES",
                (_, Dialect::Modern, true) => ",DEFAULT=NO,AUTOSELECT=YES",
                (_, Dialect::Modern, false) => ",DEFAULT=NO,AUTOSELECT=NO",
            });
            self.characteristics(&self.presentation.groups[named_by]);
            let audio = self.presentation.track(at).codec.audio();
            if let (Some(audio), Dialect::Modern) = (audio, self.context.dialect) {
                // Objects count as channels (RFC 8216bis 4.4.6.1, "Audio Coding Identifier" JOC).
                let objects = audio.object_coding_complexity.map(u16::from);
                self.out.push_str(",CHANNELS=\"");
                push_number(&mut self.out, u64::from(objects.unwrap_or(audio.channels)));
                self.out.push_str(if objects.is_some() { "/JOC\"" } else { "\"" });
            }
            self.out.push_str(",URI=\"");
            self.playlist_uri(at, None, false);
            self.out.push_str("\"\n");
        }
    }

    /// Three letters as stored, or the shortest tag as RFC 5646 wants; `None` when not known.
    pub(super) fn language(&self, group: &TrackGroup) -> Option<String> {
        match self.context.dialect {
            Dialect::Ams => (!group.language.is_undetermined()).then(|| group.language.0.clone()),
            Dialect::Modern => language::tag(&group.language),
        }
    }

    /// `EXT-X-STREAM-INF` and its URL.
    fn variant(&mut self, variant: &Variant<'_>) {
        self.out.push_str("#EXT-X-STREAM-INF:");
        self.rate_attributes(variant.rate);
        let mut codecs = variant.codecs.clone();
        codecs.extend(subtitles::codecs(self.flavor, self.presentation, &self.text));
        self.picture_attributes(variant.main, &codecs, true);
        if let Some(group) = variant.audio_group {
            self.out.push_str(",AUDIO=");
            push_quoted(&mut self.out, group);
        }
        if let Some(group) = variant.video_group {
            self.out.push_str(",VIDEO=");
            push_quoted(&mut self.out, group);
        }
        if !self.text.is_empty() {
            self.out.push_str(",SUBTITLES=");
            push_quoted(&mut self.out, subtitles::GROUP_ID);
        }
        self.out.push_str(&self.closed_captions);
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
            Dialect::Modern => self.measured(Measured::KeyFrames, at, None, || {
                rate::key_frames(self.flavor, self.presentation, at, self.scheme())
            }),
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

    /// `RESOLUTION`, `FRAME-RATE`, `CODECS` and what goes with them, those that the track has.
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
        if let (Dialect::Modern, Some(more)) = (self.context.dialect, described(track).supplemental()) {
            self.out.push_str(",SUPPLEMENTAL-CODECS=");
            push_quoted(&mut self.out, &format!("{}/{}", more.codecs, more.brand));
        }
        if self.ranged && track.codec.video().is_some() {
            self.out.push_str(",VIDEO-RANGE=");
            self.out.push_str(track.codec.dynamic_range().as_str());
        }
        let frame_rate = track.frame_rate.filter(|_| with_frame_rate && self.context.dialect == Dialect::Modern);
        if let Some((frames, seconds @ 1..)) = frame_rate {
            let thousandths = (u64::from(frames) * 2000 + u64::from(seconds)) / (u64::from(seconds) * 2);
            self.out.push_str(&format!(",FRAME-RATE={}.{:03}", thousandths / 1000, thousandths % 1000));
        }
    }

    pub(super) fn playlist_uri(&mut self, at: TrackRef, muxed: Option<TrackRef>, keyframes: bool) {
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
