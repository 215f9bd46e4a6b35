//! Which audio tracks are renditions of each other, and which rendition groups they are in.
//!
//! A rendition group is for one decoder: a player that cannot decode one of its members would pass over all
//! variants of the group (RFC 8216 4.3.4.2 `CODECS`). So the same sound for another decoder, or with other
//! channels, is in a rendition group of its own, and each variant is listed with each of them.

use std::cmp::Reverse;

use crate::isobmff::FourCc;
use crate::media::{Presentation, TrackGroup, TrackRef};

/// Rendition groups for one decoder, the best bitrates first.
#[derive(Debug)]
pub(super) struct Class {
    /// `GROUP-ID` of the best; the others have their rank behind it.
    pub id: String,
    /// For each rank the members: the group that names the rendition, and the track that it is here.
    pub ranks: Vec<Vec<(usize, TrackRef)>>,
}

/// A rendition in all its forms.
struct Member<'a> {
    /// The group that names it.
    named_by: usize,
    /// By decoder, then with the fewest channels first.
    forms: Vec<Form<'a>>,
}

/// A rendition for one decoder with so many channels.
struct Form<'a> {
    family: FourCc,
    everywhere: bool,
    channels: u16,
    /// Highest bitrate first.
    tracks: &'a [TrackRef],
}

/// The two groups have the same content for listeners, as far as one can know.
pub(super) fn same_content(a: &TrackGroup, b: &TrackGroup) -> bool {
    a.language == b.language && a.purpose == b.purpose
}

/// The rendition groups of `audio`, each audio group's tracks with the highest bitrate first. What every player
/// decodes comes first, then the film's order; for one decoder, the fewest channels come first.
///
/// All groups have the same members as far as can be (4.3.4.1.1): a rendition that does not exist for a decoder
/// is filled in with what every player decodes, or left out where there is none.
pub(super) fn classes(presentation: &Presentation, audio: &[Vec<TrackRef>]) -> Vec<Class> {
    let members = members(presentation, audio);
    let mut families: Vec<(Reverse<bool>, FourCc)> = Vec::new();
    for form in members.iter().flat_map(|member| &member.forms) {
        if !families.iter().any(|(_, known)| *known == form.family) {
            families.push((Reverse(form.everywhere), form.family));
        }
    }
    families.sort_by_key(|(everywhere, _)| *everywhere);
    let mut classes: Vec<Class> = Vec::new();
    for (_, family) in families {
        let forms_of = |member: &Member<'_>| member.forms.iter().filter(|form| form.family == family).count();
        for level in 0..members.iter().map(forms_of).max().unwrap_or(0) {
            let listed: Vec<(usize, &Form<'_>)> =
                members.iter().filter_map(|member| Some((member.named_by, member.form(family, level)?))).collect();
            let channels = listed.iter().filter(|(_, form)| form.family == family).map(|(_, form)| form.channels).max();
            let name = family.to_string();
            let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            let id = match (classes.is_empty(), level) {
                (true, _) => "audio".to_owned(),
                (false, 0) => format!("audio-{name}"),
                (false, _) => format!("audio-{name}-{}ch", channels.unwrap_or(0)),
            };
            let taken = classes.iter().any(|class| class.id == id);
            let id = if taken { format!("{id}-{level}") } else { id };
            classes.push(Class { id, ranks: ranks(&listed) });
        }
    }
    classes
}

/// Groups of the same content, but for another decoder or with other channels, are one member. What people are
/// told is something else by its label is something else, but where it is for another decoder: labels say
/// that too.
fn members<'a>(presentation: &Presentation, audio: &'a [Vec<TrackRef>]) -> Vec<Member<'a>> {
    let mut members: Vec<Member<'a>> = Vec::new();
    for tracks in audio {
        let Some(first) = tracks.first() else { continue };
        let codec = &presentation.track(*first).codec;
        let form = Form {
            family: codec.family(),
            everywhere: codec.plays_everywhere(),
            channels: codec.audio().map_or(0, |audio| audio.channels),
            tracks,
        };
        let group = &presentation.groups[first.group];
        let is_of = |member: &&mut Member<'_>| {
            let named_by = &presentation.groups[member.named_by];
            let labels_differ = group.label.is_some() && named_by.label.is_some() && group.label != named_by.label;
            let mut alike = member.forms.iter().filter(|other| other.family == form.family);
            same_content(named_by, group) && alike.all(|other| !labels_differ && other.channels != form.channels)
        };
        match members.iter_mut().find(is_of) {
            Some(member) => {
                // People know it by the name of the form that all of them can hear.
                if form.everywhere && !member.forms.iter().any(|other| other.everywhere) {
                    member.named_by = first.group;
                }
                member.forms.push(form);
                member.forms.sort_by_key(|form| form.channels);
            }
            None => members.push(Member { named_by: first.group, forms: vec![form] }),
        }
    }
    members
}

impl<'a> Member<'a> {
    /// The form for that decoder with the `level`th fewest channels, or the last there is; else one that every
    /// player decodes.
    fn form(&self, family: FourCc, level: usize) -> Option<&Form<'a>> {
        let of_family = || self.forms.iter().filter(|form| form.family == family);
        of_family()
            .nth(level)
            .or_else(|| of_family().next_back())
            .or_else(|| self.forms.iter().find(|form| form.everywhere))
    }
}

/// One rendition group per rank of bitrate: a member that has no more bitrates has its last.
fn ranks(listed: &[(usize, &Form<'_>)]) -> Vec<Vec<(usize, TrackRef)>> {
    let count = listed.iter().map(|(_, form)| form.tracks.len()).max().unwrap_or(0);
    let track = |rank: usize, (named_by, form): &(usize, &Form<'_>)| {
        Some((*named_by, *form.tracks.get(rank).or(form.tracks.last())?))
    };
    (0..count).map(|rank| listed.iter().filter_map(|one| track(rank, one)).collect()).collect()
}
