//! WebVTT cue settings and regions (WebVTT 4.4, 4.3) as numbers. Percentages are in hundredths of a percent.

/// Hundredths of a percent.
pub(super) type Percent = u32;

/// 100 %.
pub(super) const FULL: Percent = 10_000;
/// The height of a line of text in the initial style: 5.33 % of the picture (WebVTT 7.4), with some leading.
pub(super) const LINE: Percent = 533;

/// Where a cue's lines stand across the direction of its text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Line {
    /// At the bottom, above what is there.
    #[default]
    Auto,
    /// A line number, negative from the bottom.
    Number(i32),
    /// A distance from the top.
    Percent(Percent),
}

/// `start`, `center`, `end` and the like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Align {
    /// `start`.
    Start,
    /// `center`.
    #[default]
    Center,
    /// `end`.
    End,
    /// `left`.
    Left,
    /// `right`.
    Right,
}

/// What a cue's settings ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Settings {
    pub line: Line,
    pub line_align: Align,
    /// `None` is automatic.
    pub position: Option<Percent>,
    pub position_align: Option<Align>,
    pub size: Percent,
    pub align: Align,
    /// `vertical:rl` is true, `vertical:lr` false.
    pub vertical: Option<bool>,
    pub region: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            line: Line::Auto,
            line_align: Align::Start,
            position: None,
            position_align: None,
            size: FULL,
            align: Align::Center,
            vertical: None,
            region: None,
        }
    }
}

impl Settings {
    /// Reads settings; what is not understood is passed over (WebVTT 6.3).
    pub(super) fn parse(text: &str) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in text.split_whitespace().filter_map(|word| word.split_once(':')) {
            let (first, second) = value.split_once(',').map_or((value, None), |(a, b)| (a, Some(b)));
            match name {
                "vertical" => settings.vertical = Some(value == "rl").filter(|_| matches!(value, "rl" | "lr")),
                "line" => {
                    settings.line = match percent(first) {
                        Some(percent) => Line::Percent(percent),
                        None => first.parse().map_or(settings.line, |n: i32| Line::Number(n.clamp(-100, 100))),
                    };
                    settings.line_align = second.and_then(align).unwrap_or(settings.line_align);
                }
                "position" => {
                    settings.position = percent(first).or(settings.position);
                    settings.position_align = second.and_then(align).or(settings.position_align);
                }
                "size" => settings.size = percent(value).unwrap_or(settings.size),
                "align" => settings.align = align(value).unwrap_or(settings.align),
                "region" => settings.region = Some(value.to_owned()),
                _ => {}
            }
        }
        settings
    }

    /// Where the box of text begins and how long it is along the text (WebVTT 7.2, steps 6 to 9).
    pub(super) fn extent(&self) -> (Percent, Percent) {
        let align = self.position_align.unwrap_or(match self.align {
            Align::Start | Align::Left => Align::Start,
            Align::End | Align::Right => Align::End,
            Align::Center => Align::Center,
        });
        let position = self.position.unwrap_or(match align {
            Align::Start | Align::Left => 0,
            Align::End | Align::Right => FULL,
            Align::Center => FULL / 2,
        });
        let room = match align {
            Align::Start | Align::Left => FULL - position,
            Align::End | Align::Right => position,
            Align::Center => position.min(FULL - position) * 2,
        };
        let size = self.size.min(room);
        let start = match align {
            Align::Start | Align::Left => position,
            Align::End | Align::Right => position - size,
            Align::Center => position - size / 2,
        };
        (start, size)
    }
}

fn align(word: &str) -> Option<Align> {
    Some(match word {
        "start" => Align::Start,
        "center" | "middle" => Align::Center,
        "end" => Align::End,
        "left" | "line-left" => Align::Left,
        "right" | "line-right" => Align::Right,
        _ => return None,
    })
}

/// `12.5%` as hundredths, up to 100 %.
pub(super) fn percent(text: &str) -> Option<Percent> {
    hundredths(text.strip_suffix('%')?).filter(|percent| *percent <= FULL)
}

/// A decimal number as hundredths, further digits cut; below ten million.
pub(super) fn hundredths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || whole.len() > 7 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let digit = |index: usize| fraction.as_bytes().get(index).map_or(0, |b| u32::from(b - b'0'));
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    Some(whole * 100 + digit(0) * 10 + digit(1))
}

/// Appends hundredths as a decimal number.
pub(super) fn push_hundredths(out: &mut String, value: u32) {
    out.push_str(itoa::Buffer::new().format(value / 100));
    let rest = value % 100;
    if rest != 0 {
        out.push('.');
        out.push(char::from(b'0' + (rest / 10) as u8));
        if !rest.is_multiple_of(10) {
            out.push(char::from(b'0' + (rest % 10) as u8));
        }
    }
}

/// A region's box: left, top, width, height.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Area {
    pub left: Percent,
    pub top: Percent,
    pub width: Percent,
    pub height: Percent,
}

/// A `REGION` block (WebVTT 4.3): its identifier and where it lies.
pub(super) fn region(block: &str) -> Option<(String, Area)> {
    let mut words = block.split_whitespace();
    if words.next() != Some("REGION") {
        return None;
    }
    let (mut id, mut width, mut lines) = (None, FULL, 3u32);
    let (mut anchor, mut viewport) = ((0, FULL), (0, FULL));
    let pair = |value: &str| {
        let (x, y) = value.split_once(',')?;
        Some((percent(x)?, percent(y)?))
    };
    for (name, value) in words.filter_map(|word| word.split_once(':')) {
        match name {
            "id" => id = Some(value.to_owned()),
            "width" => width = percent(value).unwrap_or(width),
            "lines" => lines = value.parse().map_or(lines, |n: u32| n.min(100)),
            "regionanchor" => anchor = pair(value).unwrap_or(anchor),
            "viewportanchor" => viewport = pair(value).unwrap_or(viewport),
            _ => {}
        }
    }
    let height = (lines * LINE).min(FULL);
    let place = |at: Percent, anchor: Percent, length: Percent| {
        (at.saturating_sub((u64::from(anchor) * u64::from(length) / u64::from(FULL)) as u32)).min(FULL - length)
    };
    let area =
        Area { left: place(viewport.0, anchor.0, width), top: place(viewport.1, anchor.1, height), width, height };
    Some((id?, area))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let settings =
            Settings::parse("line:-2,end position:12.5%,line-right size:35% align:end vertical:rl nonsense x:y");
        assert_eq!((settings.line, settings.line_align), (Line::Number(-2), Align::End));
        assert_eq!((settings.position, settings.position_align), (Some(1250), Some(Align::Right)));
        assert_eq!((settings.size, settings.align, settings.vertical), (3500, Align::End, Some(true)));
        assert_eq!(settings.extent(), (0, 1250));
        assert_eq!(Settings::parse("size:40%").extent(), (3000, 4000));
        assert_eq!(Settings::parse("position:120% size:x").extent(), (0, FULL));
    }

    #[test]
    fn regions_are_placed() {
        let (id, area) =
            region("REGION\nid:fred\nwidth:40%\nlines:3\nregionanchor:0%,100%\nviewportanchor:10%,90%").unwrap();
        assert_eq!(id, "fred");
        assert_eq!(area, Area { left: 1000, top: 9000 - 1599, width: 4000, height: 1599 });
    }

    #[test]
    fn numbers_are_exact_to_the_hundredth() {
        for (text, value) in [("12.345", Some(1234)), (".5", Some(50)), ("7", Some(700)), ("1e3", None), ("", None)] {
            assert_eq!(hundredths(text), value, "{text}");
        }
        let mut out = String::new();
        [1250, 700, 1, 10].iter().for_each(|n| {
            push_hundredths(&mut out, *n);
            out.push(' ');
        });
        assert_eq!(out, "12.5 7 0.01 0.1 ");
    }
}
