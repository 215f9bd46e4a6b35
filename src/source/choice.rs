//! Which of several groups is the choice for viewers who have not asked for another.

use crate::media::{Purpose, TrackGroup, TrackKind};

/// What the sources say of a group besides its purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stated {
    /// The server manifest names it as default, or as none.
    pub default: Option<bool>,
    /// The file has the track enabled (`tkhd`): of several, writers enable the one that plays by itself.
    pub enabled: bool,
}

/// Marks one group with sound and one with pictures: what the server manifest names, else a main track, else
/// one of no special purpose, and of those the first that is enabled. `stated` goes with `groups`.
pub(super) fn mark_defaults(groups: &mut [TrackGroup], stated: &[Stated]) {
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let key = |(index, group): &(usize, &TrackGroup)| {
            let stated = stated.get(*index).copied().unwrap_or(Stated { default: None, enabled: true });
            let named = match stated.default {
                Some(true) => 0,
                None => 1,
                Some(false) => 2,
            };
            (named, rank(&group.purpose), !stated.enabled, *index)
        };
        let chosen = groups.iter().enumerate().filter(|(_, g)| g.kind == kind).min_by_key(key).map(|(index, _)| index);
        for (index, group) in groups.iter_mut().enumerate().filter(|(_, g)| g.kind == kind) {
            group.is_default = Some(index) == chosen;
        }
    }
}

/// Captions are shown when asked for: the first that the server manifest names as default, or none.
pub(super) fn mark_captions(groups: &mut [TrackGroup], stated: &[Stated]) {
    let texts = groups.iter_mut().zip(stated).filter(|(group, _)| group.kind == TrackKind::Text);
    if let Some((group, _)) = texts.into_iter().find(|(_, stated)| stated.default == Some(true)) {
        group.is_default = true;
    }
}

fn rank(purpose: &Purpose) -> u8 {
    if purpose.is_auxiliary() {
        return 3;
    }
    match (purpose.has_role("main"), purpose.roles.is_empty()) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packager::testing;

    #[test]
    fn the_default_is_what_is_meant_for_everybody() {
        let unsaid = Stated { default: None, enabled: true };
        let named = Stated { default: Some(true), ..unsaid };
        let hidden = Stated { default: Some(false), ..unsaid };
        let disabled = Stated { enabled: false, ..unsaid };
        for (roles, stated, want) in [
            (["", ""], [unsaid, unsaid], 0),
            (["commentary", ""], [unsaid, unsaid], 1),
            (["alternate", "main"], [unsaid, unsaid], 1),
            (["alternate", "dub"], [unsaid, unsaid], 0),
            (["", ""], [disabled, unsaid], 1),
            (["main", "commentary"], [unsaid, named], 1),
            (["", ""], [hidden, unsaid], 1),
            (["description", "commentary"], [unsaid, unsaid], 0),
        ] {
            let spec = testing::audio_spec(64_000);
            let mut groups: Vec<TrackGroup> = roles
                .iter()
                .map(|role| {
                    let mut group = testing::group("a", TrackKind::Audio, &[0, 10], std::slice::from_ref(&spec));
                    group.purpose.add_role(role);
                    group
                })
                .collect();
            mark_defaults(&mut groups, &stated);
            let marked: Vec<bool> = groups.iter().map(|g| g.is_default).collect();
            assert_eq!(marked.iter().position(|m| *m), Some(want), "{roles:?} {stated:?}");
            assert_eq!(marked.iter().filter(|m| **m).count(), 1);
        }
    }
}
