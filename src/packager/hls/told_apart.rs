//! How the renditions of one group are told apart: names, the default, which a player may choose by itself.

use crate::media::TrackGroup;
use crate::packager::Dialect;

/// What `EXT-X-MEDIA` says of one rendition beside what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    /// `NAME`, unique in its group (RFC 8216 4.3.4.1.1).
    pub name: String,
    /// `DEFAULT`; of one rendition.
    pub is_default: bool,
    /// `AUTOSELECT`.
    pub auto_select: bool,
}

/// Tells `groups` apart, whose languages are `languages`. In the modern dialect the default is what is meant
/// for everybody, and a player may choose by itself only what differs from the default and from those before it
/// in language or purpose (RFC 8216 4.3.4.1.1), and no commentary. Azure Media Services made the first the
/// default and offered all.
pub(super) fn renditions(groups: &[&TrackGroup], languages: &[Option<String>], dialect: Dialect) -> Vec<Told> {
    let default = match dialect {
        Dialect::Ams => 0,
        Dialect::Modern => groups.iter().position(|g| g.is_default).unwrap_or(0),
    };
    let key = |index: usize| (languages.get(index), groups[index].purpose.characteristics());
    let mut names: Vec<String> = Vec::with_capacity(groups.len());
    for group in groups {
        let name = unique(group, &names);
        names.push(name);
    }
    let told = names.into_iter().enumerate().map(|(index, name)| {
        let others = (0..index).chain([default]).filter(|other| *other != index);
        let is_aside = groups[index].purpose.is_auxiliary() && groups[index].purpose.characteristics().is_empty();
        let distinct = !is_aside && others.into_iter().all(|other| key(other) != key(index));
        let is_default = index == default;
        Told { name, is_default, auto_select: is_default || distinct || dialect == Dialect::Ams }
    });
    told.collect()
}

/// The label, or with the URL's name behind it, or that name alone; with a number if nothing else helps.
fn unique(group: &TrackGroup, taken: &[String]) -> String {
    let label = group.label.as_deref().filter(|l| !l.is_empty());
    let labelled = label.map(|label| format!("{label} ({})", group.name));
    let choices = [label.map(str::to_owned), labelled, Some(group.name.clone())];
    let free = choices.into_iter().flatten().find(|name| !taken.contains(name));
    free.unwrap_or_else(|| {
        let numbered = (2..).map(|number| format!("{} {number}", group.name));
        numbered.into_iter().find(|name| !taken.contains(name)).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Language, TrackKind};
    use crate::packager::testing;

    fn group(name: &str, label: &str, role: &str) -> TrackGroup {
        let mut group = testing::group(name, TrackKind::Audio, &[0, 10], &[testing::audio_spec(64_000)]);
        group.label = Some(label.to_owned()).filter(|l| !l.is_empty());
        group.purpose.add_role(role);
        group.language = Language("eng".to_owned());
        group
    }

    #[test]
    fn names_are_unique_and_the_default_is_meant_for_everybody() {
        let mut groups = [
            group("talk", "Stereo", "commentary"),
            group("main", "Stereo", "main"),
            group("ad", "", "description"),
            group("Stereo", "", ""),
            group("Stereo", "", ""),
        ];
        groups[1].is_default = true;
        let all: Vec<&TrackGroup> = groups.iter().collect();
        let languages = vec![Some("en".to_owned()); 5];
        let told = renditions(&all, &languages, Dialect::Modern);
        let names: Vec<&str> = told.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["Stereo", "Stereo (main)", "ad", "Stereo 2", "Stereo 3"]);
        assert_eq!(told.iter().map(|t| t.is_default).collect::<Vec<_>>(), [false, true, false, false, false]);
        assert_eq!(told.iter().map(|t| t.auto_select).collect::<Vec<_>>(), [false, true, true, false, false]);
        let told = renditions(&all, &languages, Dialect::Ams);
        assert!(told[0].is_default && told.iter().all(|t| t.auto_select));
    }
}
