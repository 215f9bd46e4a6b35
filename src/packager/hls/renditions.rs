//! Which audio tracks are renditions of each other, and which rendition groups they are in.
//!
//! A rendition group is for one decoder: a player that cannot decode one of its members would pass over all
//! variants of the group (RFC 8216 4.3.4.2 `CODECS`). So groups of tracks for another decoder, or with other
//! channels, are rendition groups of their own, and each variant is listed with each of them.

use crate::isobmff::FourCc;
use crate::media::{Presentation, TrackGroup, TrackRef};

/// Rendition groups for one decoder and number of channels, the best bitrates first.
#[derive(Debug)]
pub(super) struct Class {
    /// `GROUP-ID` of the best; the others have their rank behind it.
    pub id: String,
    /// For each rank the members: the group that names the rendition, and the track that it is here.
    pub ranks: Vec<Vec<(usize, TrackRef)>>,
}

/// What tracks of one rendition group have in common.
type Kin = (FourCc, u16);

/// A rendition in all its forms.
struct Member {
    /// The group that names it.
    named_by: usize,
    /// Its tracks, best first, by class.
    forms: Vec<(Kin, Vec<TrackRef>)>,
}

/// The two groups have the same content for listeners, as far as one can know.
pub(super) fn same_content(a: &TrackGroup, b: &TrackGroup) -> bool {
    a.language == b.language && a.role == b.role && a.accessibility == b.accessibility
}

/// The rendition groups of `audio`, each audio group's tracks with the highest bitrate first. What every player
/// decodes comes first, then the film's order.
///
/// All groups of a class have the same members, and those of all classes as far as can be (4.3.4.1.1): a
/// rendition that a class lacks is filled in with what every player decodes, or left out where there is none.
pub(super) fn classes(presentation: &Presentation, audio: &[Vec<TrackRef>]) -> Vec<Class> {
    let mut kins: Vec<(bool, Kin)> = Vec::new();
    let mut members: Vec<Member> = Vec::new();
    for tracks in audio {
        let Some(first) = tracks.first() else { continue };
        let codec = &presentation.track(*first).codec;
        let kin = (codec.family(), codec.audio().map_or(0, |a| a.channels));
        if !kins.iter().any(|(_, known)| *known == kin) {
            kins.push((codec.plays_everywhere(), kin));
        }
        let group = &presentation.groups[first.group];
        let home = members.iter_mut().find(|member| {
            let named_by = &presentation.groups[member.named_by];
            // The same decoder for something that people are told is something else.
            let told_apart = group.label.is_some()
                && named_by.label.is_some()
                && group.label != named_by.label
                && member.forms.iter().any(|((family, _), _)| *family == kin.0);
            !told_apart && same_content(named_by, group) && member.forms.iter().all(|(other, _)| *other != kin)
        });
        match home {
            Some(member) => member.forms.push((kin, tracks.clone())),
            None => members.push(Member { named_by: first.group, forms: vec![(kin, tracks.clone())] }),
        }
    }
    kins.sort_by_key(|(everywhere, _)| !everywhere);
    let filling = kins.first().filter(|(everywhere, _)| *everywhere).map(|(_, kin)| *kin);
    let mut ids: Vec<(FourCc, String)> = Vec::new();
    kins.iter().map(|(_, kin)| class(*kin, filling, &members, &mut ids)).collect()
}

fn class(kin: Kin, filling: Option<Kin>, members: &[Member], ids: &mut Vec<(FourCc, String)>) -> Class {
    let form = |member: &Member, kin: Kin| member.forms.iter().position(|(other, _)| *other == kin);
    let listed: Vec<(usize, &Vec<TrackRef>)> = members
        .iter()
        .filter_map(|member| {
            let form = form(member, kin).or_else(|| form(member, filling?))?;
            Some((member.named_by, &member.forms[form].1))
        })
        .collect();
    let ranks = listed.iter().map(|(_, tracks)| tracks.len()).max().unwrap_or(0);
    let rank = |rank: usize| {
        let track =
            |(named_by, tracks): &(usize, &Vec<TrackRef>)| Some((*named_by, *tracks.get(rank).or(tracks.last())?));
        listed.iter().filter_map(track).collect()
    };
    let (family, channels) = kin;
    let family = family.to_string();
    let family = family.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    // The first class has the plain name; another of the same decoder is called by its channels.
    let by_both = format!("audio-{family}-{channels}ch");
    let known = ids.iter().any(|(other, _)| *other == kin.0);
    let id = match (ids.is_empty(), known) {
        (true, _) => "audio".to_owned(),
        (false, false) => format!("audio-{family}"),
        (false, true) => by_both.clone(),
    };
    let id = if ids.iter().any(|(_, taken)| *taken == id) { by_both } else { id };
    ids.push((kin.0, id.clone()));
    Class { id, ranks: (0..ranks).map(rank).collect() }
}
