//! What a track is for, in the words of DASH and HLS.

/// Scheme of `Role` and of roles in `kind` boxes (ISO/IEC 23009-1 5.8.5.5).
pub const ROLE_SCHEME: &str = "urn:mpeg:dash:role:2011";
/// Scheme of HTML's track kinds in `kind` boxes (HTML, 4.8.11.10.1).
pub const HTML_KIND_SCHEME: &str = "about:html-kind";
/// TV-Anytime's scheme of sound for people who see or hear badly (ETSI TS 103 285 6.1.2).
pub const AUDIO_PURPOSE_SCHEME: &str = "urn:tva:metadata:cs:AudioPurposeCS:2007";

/// HLS's characteristic of sound that tells what is to be seen (RFC 8216 4.3.4.1).
pub const DESCRIBES_VIDEO: &str = "public.accessibility.describes-video";

/// What a group of tracks is for. All words are kept in the order in which the source has them, each once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Purpose {
    /// Values of the DASH role scheme, e.g. `main`, `alternate`, `commentary`, `dub`, `forced-subtitle`.
    pub roles: Vec<String>,
    /// Accessibility purposes, values of the same scheme, e.g. `description`, `caption`, `sign`.
    pub accessibility: Vec<String>,
    /// HLS characteristics that the source itself states, e.g. `public.easy-to-read`. What roles and
    /// accessibility imply stands not here but comes from [`Purpose::characteristics`].
    pub stated_characteristics: Vec<String>,
}

/// The most words of one kind that are kept.
const MAX_WORDS: usize = 16;
/// Longer words are none, bytes.
const MAX_WORD: usize = 128;

/// An accessibility purpose or role of the DASH scheme, and the HLS characteristic that says the same.
/// HLS's names are Apple's registry of media characteristics (RFC 8216 4.3.4.1 names some of them).
const SAME: [(&str, &str); 5] = [
    ("description", DESCRIBES_VIDEO),
    ("enhanced-audio-intelligibility", "public.accessibility.enhances-speech-intelligibility"),
    ("easyreader", "public.easy-to-read"),
    ("caption", "public.accessibility.transcribes-spoken-dialog"),
    ("caption", "public.accessibility.describes-music-and-sound"),
];

impl Purpose {
    /// Nothing is known.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.accessibility.is_empty() && self.stated_characteristics.is_empty()
    }

    /// The role is stated.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }

    /// The purpose is stated as an accessibility or as a role: writers disagree about where it belongs.
    pub fn serves(&self, purpose: &str) -> bool {
        self.has_role(purpose) || self.accessibility.iter().any(|a| a == purpose)
    }

    /// Sound that tells what is to be seen.
    pub fn describes_video(&self) -> bool {
        self.serves("description") || self.stated_characteristics.iter().any(|c| c == DESCRIBES_VIDEO)
    }

    /// Subtitles to be shown whether or not the viewer wants subtitles.
    pub fn is_forced(&self) -> bool {
        self.has_role("forced-subtitle")
            || self.stated_characteristics.iter().any(|c| c == "public.subtitles.forced-only")
    }

    /// The track goes beside the programme, not instead of its main track: commentary, a description, a
    /// translation into signs. Such a track is never the choice of a viewer who has not asked.
    pub fn is_auxiliary(&self) -> bool {
        const BESIDE: [&str; 8] = [
            "commentary",
            "description",
            "supplementary",
            "enhanced-audio-intelligibility",
            "emergency",
            "karaoke",
            "sign",
            "easyreader",
        ];
        BESIDE.iter().any(|purpose| self.serves(purpose)) || self.describes_video()
    }

    /// HLS characteristics, stated or implied, in the order of the table and then of the source.
    pub fn characteristics(&self) -> Vec<&str> {
        let implied = SAME.iter().filter(|(purpose, _)| self.serves(purpose)).map(|(_, name)| *name);
        let mut all: Vec<&str> = Vec::new();
        for one in implied.chain(self.stated_characteristics.iter().map(String::as_str)) {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    }

    /// Takes in a descriptor or `kind` box: a scheme and a value of it. Unknown schemes are passed over.
    pub fn add_kind(&mut self, scheme: &str, value: &str) {
        match scheme.trim() {
            ROLE_SCHEME => self.add_role(value),
            HTML_KIND_SCHEME => self.add_html_kind(value),
            AUDIO_PURPOSE_SCHEME => match value.trim() {
                "1" => self.add_accessibility("description"),
                "2" => self.add_accessibility("enhanced-audio-intelligibility"),
                _ => {}
            },
            _ => {}
        }
    }

    /// Takes in roles: words between commas, semicolons or spaces.
    pub fn add_role(&mut self, roles: &str) {
        words(roles).for_each(|role| add(&mut self.roles, &role));
    }

    /// Takes in accessibility purposes. `scheme@value` and `scheme=value` are read as descriptors.
    pub fn add_accessibility(&mut self, purposes: &str) {
        for purpose in words(purposes) {
            match purpose.rsplit_once(['@', '=']) {
                Some((AUDIO_PURPOSE_LOWER, value)) => self.add_kind(AUDIO_PURPOSE_SCHEME, value),
                Some((_, value)) => add(&mut self.accessibility, value),
                None => add(&mut self.accessibility, &purpose),
            }
        }
    }

    /// Takes in HLS characteristics: words between commas. Those that a DASH purpose says as well become one.
    pub fn add_characteristics(&mut self, characteristics: &str) {
        for word in words(characteristics) {
            match word.as_str() {
                DESCRIBES_VIDEO => add(&mut self.accessibility, "description"),
                "public.auxiliary-content" => add(&mut self.roles, "alternate"),
                "public.main-program-content" => add(&mut self.roles, "main"),
                "public.dubbed-translation" => add(&mut self.roles, "dub"),
                _ => {}
            }
            if word.contains('.') && word != DESCRIBES_VIDEO {
                add(&mut self.stated_characteristics, &word);
            }
        }
    }

    /// HTML's kinds (HTML 4.8.11.10.1) as the DASH roles of the same sense.
    fn add_html_kind(&mut self, kinds: &str) {
        for kind in words(kinds) {
            match kind.as_str() {
                "main" | "commentary" | "sign" => add(&mut self.roles, &kind),
                "alternative" => add(&mut self.roles, "alternate"),
                "translation" => add(&mut self.roles, "dub"),
                "subtitles" => add(&mut self.roles, "subtitle"),
                "captions" => add(&mut self.roles, "caption"),
                "main-desc" => {
                    add(&mut self.roles, "alternate");
                    add(&mut self.accessibility, "description");
                }
                "descriptions" => add(&mut self.accessibility, "description"),
                _ => {}
            }
        }
    }

    /// What is stated here, and where nothing is, what `other` says.
    #[must_use]
    pub fn or(mut self, other: &Purpose) -> Purpose {
        let fill = |mine: &mut Vec<String>, theirs: &Vec<String>| {
            if mine.is_empty() {
                mine.clone_from(theirs);
            }
        };
        fill(&mut self.roles, &other.roles);
        fill(&mut self.accessibility, &other.accessibility);
        fill(&mut self.stated_characteristics, &other.stated_characteristics);
        self
    }
}

/// [`AUDIO_PURPOSE_SCHEME`] as [`words`] leaves it.
const AUDIO_PURPOSE_LOWER: &str = "urn:tva:metadata:cs:audiopurposecs:2007";

/// The words of a list in lower case: what the schemes define is lower case throughout.
fn words(list: &str) -> impl Iterator<Item = String> {
    list.split([',', ';', ' ', '\t', '\n', '\r']).map(str::trim).filter(|word| !word.is_empty()).map(|word| {
        match word.to_ascii_lowercase().as_str() {
            // Spelt both ways by tools and drafts of ISO/IEC 23009-1.
            "forced_subtitle" => "forced-subtitle".to_owned(),
            other => other.to_owned(),
        }
    })
}

fn add(list: &mut Vec<String>, word: &str) {
    let sensible = !word.is_empty() && word.len() <= MAX_WORD && word.chars().all(|c| c.is_ascii_graphic() && c != '"');
    if sensible && list.len() < MAX_WORDS && !list.iter().any(|w| w == word) {
        list.push(word.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_all_schemes_are_understood() {
        for (scheme, value, roles, accessibility) in [
            (ROLE_SCHEME, "Commentary", &["commentary"][..], &[][..]),
            (ROLE_SCHEME, "forced_subtitle", &["forced-subtitle"], &[]),
            (HTML_KIND_SCHEME, "main-desc", &["alternate"], &["description"]),
            (HTML_KIND_SCHEME, "translation", &["dub"], &[]),
            (AUDIO_PURPOSE_SCHEME, "1", &[], &["description"]),
            (AUDIO_PURPOSE_SCHEME, "9", &[], &[]),
            ("urn:example", "main", &[], &[]),
        ] {
            let mut purpose = Purpose::default();
            purpose.add_kind(scheme, value);
            assert_eq!(purpose.roles, roles, "{scheme} {value}");
            assert_eq!(purpose.accessibility, accessibility, "{scheme} {value}");
        }
    }

    #[test]
    fn characteristics_are_stated_or_implied() {
        let mut purpose = Purpose::default();
        purpose.add_role("alternate; easyreader");
        purpose.add_accessibility("urn:tva:metadata:cs:AudioPurposeCS:2007@1");
        purpose.add_characteristics("public.accessibility.describes-video,com.example.own");
        assert_eq!(purpose.characteristics(), [DESCRIBES_VIDEO, "public.easy-to-read", "com.example.own"]);
        assert!(purpose.is_auxiliary() && purpose.describes_video());
    }

    #[test]
    fn words_are_bounded() {
        let mut purpose = Purpose::default();
        (0..100).for_each(|n| purpose.add_role(&format!("role{n}")));
        purpose.add_role(&"x".repeat(500));
        purpose.add_characteristics("com.\u{e9},com.a\"b");
        assert_eq!(purpose.roles.len(), MAX_WORDS);
        assert!(purpose.stated_characteristics.is_empty());
    }
}
