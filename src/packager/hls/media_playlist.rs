//! Media playlists (RFC 8216 4.3.3).

use crate::cipher::KeyId;
use crate::media::{Presentation, Track, TrackGroup, TrackRef};
use crate::packager::protection::{Protection, TrackKey};
use crate::packager::{Context, Dialect, Error, Rendered, key_frames, text};
use crate::time::{MediaTime, Timescale};

use super::uri::{SegmentUri, push_number, push_quoted};
use super::{Flavor, PLAYLIST_TYPE, carried, key, subtitles};

const MICROSECONDS: Timescale = Timescale::new(1_000_000).unwrap();

/// The media playlist of a track, or of its key frames alone.
pub(super) fn render(
    flavor: Flavor,
    presentation: &Presentation,
    at: TrackRef,
    keyframes: bool,
    context: &Context<'_>,
) -> Result<Rendered, Error> {
    let group = &presentation.groups[at.group];
    let track = presentation.track(at);
    if keyframes && !flavor.has_key_frame_playlists(group.kind) {
        return Err(Error::NoSuchResource);
    }
    let audio = carried::muxed_audio(flavor, presentation, at.group, context.selection.audio_track.as_deref())?;
    let audio_name = audio.map(|a| presentation.groups[a.group].name.as_str());
    let scale = flavor.url_timescale(presentation, at.group, context);
    let entries = match keyframes {
        true => key_frame_entries(group, track, scale, context.dialect == Dialect::Modern),
        false => entries(group, track, flavor.fragments_per_segment(presentation), scale),
    };
    let noun = if keyframes { "KeyFrames" } else { "Fragments" };
    let web_vtt = subtitles::is_web_vtt(flavor, presentation, track);
    let extension = if web_vtt { ".vtt" } else { flavor.segment_extension() };
    let segments = SegmentUri::new(noun, &group.name, flavor, audio_name, context, extension);

    let mut out = String::with_capacity(512 + entries.len() * (segments.len(14) + 32));
    out.push_str("#EXTM3U\n#EXT-X-VERSION:");
    push_number(&mut out, flavor.version_under(context));
    out.push_str("\n#EXT-X-PLAYLIST-TYPE:VOD\n");
    match context.dialect {
        Dialect::Ams => out.push_str("#EXT-X-ALLOW-CACHE:NO\n"),
        Dialect::Modern => out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n"),
    }
    out.push_str("#EXT-X-MEDIA-SEQUENCE:");
    let per_segment = if keyframes { 1 } else { flavor.fragments_per_segment(presentation).max(1) };
    push_number(&mut out, (presentation.view.skipped / per_segment) as u64);
    out.push_str("\n#EXT-X-TARGETDURATION:");
    push_number(&mut out, target_duration(flavor, presentation, &entries, keyframes, context));
    out.push('\n');
    if keyframes {
        out.push_str("#EXT-X-I-FRAMES-ONLY\n");
    }
    let mut keys = Keys::new(flavor, presentation, at, context);
    keys.begin(&mut out, entries.first());
    if flavor.has_initialization_segments() && !web_vtt {
        let init = SegmentUri::new("Fragments", &group.name, flavor, audio_name, context, ".mp4");
        let mut uri = String::with_capacity(init.len(1));
        init.push_init(&mut uri);
        out.push_str("#EXT-X-MAP:URI=");
        push_quoted(&mut out, &uri);
        out.push('\n');
    }
    if context.dialect == Dialect::Ams {
        push_program_date_time(&mut out, group.boundary_time(0));
    }
    let title = match context.dialect {
        Dialect::Ams => ",no-desc\n",
        Dialect::Modern => ",\n",
    };
    // Most durations repeat: the text of a line up to the time is made once for a run of them.
    let (mut head, mut of) = (String::with_capacity(64), None);
    let tail = segments.after() + "\n";
    for entry in &entries {
        keys.change(&mut out, entry);
        if of != Some(entry.micros) {
            of = Some(entry.micros);
            head.clear();
            head.push_str("#EXTINF:");
            push_seconds(&mut head, entry.micros);
            head.push_str(title);
            head.push_str(segments.before());
        }
        out.push_str(&head);
        push_number(&mut out, entry.time);
        out.push_str(&tail);
    }
    out.push_str("#EXT-X-ENDLIST\n");
    Ok(text(out, PLAYLIST_TYPE))
}

/// The `EXT-X-KEY`s of a playlist: one before all segments, others where the key changes.
struct Keys<'a> {
    flavor: Flavor,
    presentation: &'a Presentation,
    at: TrackRef,
    scale: Timescale,
    context: &'a Context<'a>,
    /// None for tracks that are clear from beginning to end.
    protection: Option<&'a Protection>,
    /// What was said last; `None` before anything was.
    last: Option<Option<KeyId>>,
}

impl<'a> Keys<'a> {
    fn new(flavor: Flavor, presentation: &'a Presentation, at: TrackRef, context: &'a Context<'a>) -> Keys<'a> {
        let protection = context.protection.filter(|protection| protection.key(presentation, at).is_some());
        let scale = flavor.url_timescale(presentation, at.group, context);
        Keys { flavor, presentation, at, scale, context, protection, last: None }
    }

    /// What holds for the initialization segment, too, which is in an envelope of the first key or in none.
    fn begin(&mut self, out: &mut String, first: Option<&Entry>) {
        let Some(protection) = self.protection else { return };
        if let Some(first) = first.filter(|_| protection.scheme.encrypts_samples()) {
            return self.change(out, first);
        }
        let is_clear = protection.periods.clear_lead > 0;
        let key = if is_clear { None } else { protection.first_key(self.presentation, self.at) };
        self.push(out, protection, key);
    }

    /// What holds from this entry on, if it is another.
    fn change(&mut self, out: &mut String, entry: &Entry) {
        let Some(protection) = self.protection else { return };
        if self.last.is_some() && protection.periods.is_constant() {
            return;
        }
        let group = &self.presentation.groups[self.at.group];
        let near = group.segment_at(entry.time, self.scale);
        let index = near.or_else(|| group.segment_of(entry.time, self.scale)).unwrap_or(0);
        let key = protection.key_at(self.presentation, self.at, index);
        if self.last != Some(key.as_ref().map(|key| key.id)) {
            self.push(out, protection, key);
        }
    }

    fn push(&mut self, out: &mut String, protection: &Protection, key: Option<TrackKey>) {
        match &key {
            Some(key) => key::push(out, "#EXT-X-KEY", self.flavor, protection, key, self.context),
            None => out.push_str("#EXT-X-KEY:METHOD=NONE\n"),
        }
        self.last = Some(key.map(|key| key.id));
    }
}

/// One segment of a playlist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry {
    /// The time in its URL.
    time: u64,
    /// Length: the difference of rounded absolute times, so that nothing drifts.
    micros: u64,
}

/// What a playlist lists: every `per_segment`th segment of the group that the track has samples in. Time
/// without samples belongs to the entry before.
fn entries(group: &TrackGroup, track: &Track, per_segment: usize, scale: Timescale) -> Vec<Entry> {
    let count = track.segment_count().min(group.segment_count());
    let at = |index: usize| group.boundary_time(index).round(MICROSECONDS);
    let has_samples = |index: &usize| {
        let last = (index + per_segment).min(count);
        track.segment_samples.get(last) > track.segment_samples.get(*index)
    };
    let listed = (0..count).step_by(per_segment.max(1)).filter(has_samples);
    lasting(listed.map(|index| (group.boundary(index, scale), at(index))), at(count), count)
}

/// The key frames of a track, each lasting from its presentation until the next one's (RFC 8216 4.3.3.6), the
/// last until the end.
fn key_frame_entries(group: &TrackGroup, track: &Track, scale: Timescale, dense: bool) -> Vec<Entry> {
    let at = |ticks: i64| MediaTime::new(ticks, track.timescale).round(MICROSECONDS);
    let listed = key_frames::listed(group, track, scale, dense);
    let end = track.duration().round(MICROSECONDS);
    // What the track has before its first key frame belongs to it, so that both playlists begin together.
    let lead = listed.first().map_or(0, |key| key.time.saturating_sub(group.boundary(0, scale)));
    let lead = MediaTime::new(i64::try_from(lead).unwrap_or(0), scale).round(MICROSECONDS);
    let begins = listed.iter().enumerate().map(|(index, key)| {
        let begin = at(key.presentation);
        (key.time, if index == 0 { begin - lead } else { begin })
    });
    lasting(begins, end, listed.len())
}

/// Entries of URL time and beginning in microseconds, each of which lasts until the next.
fn lasting(begins: impl Iterator<Item = (u64, i64)>, end: i64, about: usize) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(about);
    let mut begun = end;
    for (time, start) in begins {
        if let Some(last) = entries.last_mut() {
            last.micros = (start - begun).max(0).unsigned_abs();
        }
        begun = start;
        entries.push(Entry { time, micros: 0 });
    }
    if let Some(last) = entries.last_mut() {
        last.micros = (end - begun).max(0).unsigned_abs();
    }
    entries
}

/// `EXT-X-TARGETDURATION`: the longest segment, rounded up after rounding to milliseconds (so that a
/// 10 MHz tick too much does not make 2 s into 3).
///
/// All playlists of a presentation but those of key frames have one target duration (RFC 8216 6.2.4);
/// Azure Media Services stated each track's own.
fn target_duration(
    flavor: Flavor,
    presentation: &Presentation,
    entries: &[Entry],
    keyframes: bool,
    context: &Context<'_>,
) -> u64 {
    let own = entries.iter().map(|e| e.micros).max().unwrap_or(0);
    let longest = if keyframes || context.dialect == Dialect::Ams {
        own
    } else {
        let per_segment = flavor.fragments_per_segment(presentation);
        carried::groups(flavor, presentation)
            .map(|group| longest_segment(group, per_segment))
            .max()
            .unwrap_or(0)
            .max(own)
    };
    ((longest + 500) / 1000).div_ceil(1000).max(1)
}

/// The longest of a group's segments when `per_segment` are sent as one, microseconds.
fn longest_segment(group: &TrackGroup, per_segment: usize) -> u64 {
    let step = per_segment.max(1);
    let mut longest = 0;
    for index in (0..group.segment_count()).step_by(step) {
        let start = group.starts.get(index).copied().unwrap_or(0);
        let end = group.starts.get(index + step).copied().unwrap_or(group.end);
        longest = longest.max(end.saturating_sub(start));
    }
    MediaTime::new(i64::try_from(longest).unwrap_or(i64::MAX), group.timescale).round(MICROSECONDS).unsigned_abs()
}

/// Appends microseconds as seconds with six decimals.
fn push_seconds(out: &mut String, micros: u64) {
    push_number(out, micros / 1_000_000);
    push_fraction(out, micros % 1_000_000, 6);
}

/// Appends a point and exactly `digits` digits.
fn push_fraction(out: &mut String, value: u64, digits: usize) {
    let mut buffer = itoa::Buffer::new();
    let number = buffer.format(value);
    out.push('.');
    out.push_str("00000000".get(..digits.saturating_sub(number.len())).unwrap_or(""));
    out.push_str(number);
}

/// Appends `EXT-X-PROGRAM-DATE-TIME`: the Unix epoch plus `start`, milliseconds only where there are some.
fn push_program_date_time(out: &mut String, start: MediaTime) {
    let millis = start.round(Timescale::MILLISECONDS).unsigned_abs();
    let (days, second) = (millis / 86_400_000, millis / 1000 % 86_400);
    let (year, month, day) = civil_from_days(days);
    out.push_str("#EXT-X-PROGRAM-DATE-TIME:");
    push_number(out, year);
    for (mark, value) in [('-', month), ('-', day), ('T', second / 3600), (':', second / 60 % 60), (':', second % 60)] {
        out.push(mark);
        if value < 10 {
            out.push('0');
        }
        push_number(out, value);
    }
    if !millis.is_multiple_of(1000) {
        push_fraction(out, millis % 1000, 3);
    }
    out.push_str("Z\n");
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (83, "1970-01-01T00:00:00.083Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_709_251_199_000, "2024-02-29T23:59:59Z"),
        ];
        for (millis, expected) in table {
            let mut out = String::new();
            push_program_date_time(&mut out, MediaTime::new(millis, Timescale::MILLISECONDS));
            assert_eq!(out, format!("#EXT-X-PROGRAM-DATE-TIME:{expected}\n"));
        }
    }

    #[test]
    fn seconds_have_six_decimals() {
        let mut out = String::new();
        push_seconds(&mut out, 6_006_000);
        out.push(' ');
        push_seconds(&mut out, 42);
        assert_eq!(out, "6.006000 0.000042");
    }
}
