//! Colours as CSS, TTML and the classes of WebVTT name them.

/// Red, green, blue and alpha, 255 opaque.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(super) struct Color(pub [u8; 4]);

impl Color {
    /// Opaque white, in which WebVTT shows text that asks for nothing (WebVTT 7.4).
    pub(super) const WHITE: Color = Color([255; 4]);
    /// The colour behind such text.
    pub(super) const CUE_BACKGROUND: Color = Color([0, 0, 0, 204]);

    /// `#rgb`, `#rrggbb`, `#rrggbbaa`, `rgb()`, `rgba()` or a name. In TTML alpha is a byte, in CSS often a fraction.
    pub(super) fn parse(text: &str) -> Option<Color> {
        let text = text.trim();
        if let Some(hex) = text.strip_prefix('#') {
            let number = u32::from_str_radix(hex, 16).ok().filter(|_| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
            return match hex.len() {
                3 => {
                    let digit = |shift: u32| ((number >> shift & 15) * 17) as u8;
                    Some(Color([digit(8), digit(4), digit(0), 255]))
                }
                6 => Some(Color((number << 8 | 255).to_be_bytes())),
                8 => Some(Color(number.to_be_bytes())),
                _ => None,
            };
        }
        let lower = text.to_ascii_lowercase();
        if let Some(arguments) = lower.strip_prefix("rgb") {
            let list = arguments.trim_start_matches('a').trim().strip_prefix('(')?.strip_suffix(')')?;
            let mut color = [0, 0, 0, 255];
            for (index, part) in list.split(',').map(str::trim).enumerate() {
                *color.get_mut(index)? = match part.split_once('.') {
                    None if index == 3 && part == "1" => 255,
                    None => u8::try_from(part.parse::<u32>().ok()?.min(255)).ok()?,
                    // A fraction of one, two digits of it.
                    Some((_, fraction)) if index == 3 => {
                        let digit =
                            |n: usize| fraction.as_bytes().get(n).map_or(0, |b| u32::from(b.wrapping_sub(b'0') % 10));
                        ((digit(0) * 10 + digit(1)) * 255 / 100) as u8
                    }
                    Some((whole, _)) => u8::try_from(whole.parse::<u32>().ok()?.min(255)).ok()?,
                };
            }
            return Some(Color(color));
        }
        let named = NAMES.iter().find(|(name, _)| *name == lower)?;
        Some(Color(named.1.to_be_bytes()))
    }

    /// The name of a colour that WebVTT has a class for (WebVTT 5.1).
    pub(super) fn class(self) -> Option<&'static str> {
        NAMES.iter().take(CLASSES).find(|(_, value)| value.to_be_bytes() == self.0).map(|(name, _)| *name)
    }

    /// The colour of a class of WebVTT; `bg_` before it says that it lies behind the text.
    pub(super) fn of_class(name: &str) -> Option<Color> {
        NAMES.iter().take(CLASSES).find(|(own, _)| *own == name).map(|(_, value)| Color(value.to_be_bytes()))
    }

    /// `rrggbb`, with `aa` behind it unless it is opaque.
    pub(super) fn hex(self) -> String {
        let bytes = if self.0[3] == 255 { &self.0[..3] } else { &self.0[..] };
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How many of [`NAMES`] are classes of WebVTT too.
const CLASSES: usize = 8;

/// Names and values: the eight of WebVTT 5.1, then the others of TTML1 8.3.10.
const NAMES: [(&str, u32); 19] = [
    ("white", 0xffff_ffff),
    ("lime", 0x00ff_00ff),
    ("cyan", 0x00ff_ffff),
    ("red", 0xff00_00ff),
    ("yellow", 0xffff_00ff),
    ("magenta", 0xff00_ffff),
    ("blue", 0x0000_ffff),
    ("black", 0x0000_00ff),
    ("transparent", 0x0000_0000),
    ("silver", 0xc0c0_c0ff),
    ("gray", 0x8080_80ff),
    ("maroon", 0x8000_00ff),
    ("purple", 0x8000_80ff),
    ("fuchsia", 0xff00_ffff),
    ("green", 0x0080_00ff),
    ("olive", 0x8080_00ff),
    ("navy", 0x0000_80ff),
    ("teal", 0x0080_80ff),
    ("aqua", 0x00ff_ffff),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read() {
        for (text, value) in [
            ("#f00", Some([255, 0, 0, 255])),
            ("#12345678", Some([0x12, 0x34, 0x56, 0x78])),
            ("rgba(1, 2,3, 128)", Some([1, 2, 3, 128])),
            ("rgba(0,0,0,0.8)", Some([0, 0, 0, 204])),
            ("rgb(300,0,0)", Some([255, 0, 0, 255])),
            ("Lime", Some([0, 255, 0, 255])),
            ("#ggg", None),
            ("#+ff", None),
            ("rgb(1,2,3,4,5)", None),
            ("mauve", None),
        ] {
            assert_eq!(Color::parse(text), value.map(Color), "{text}");
        }
        assert_eq!(Color::parse("aqua").unwrap().class(), Some("cyan"));
        assert_eq!(
            (Color([1, 2, 255, 255]).hex().as_str(), Color([1, 2, 3, 4]).hex().as_str()),
            ("0102ff", "01020304")
        );
    }
}
