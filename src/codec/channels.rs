//! Which loudspeakers a track is for, in the words of those who standardised its codec.

/// A loudspeaker layout, as DASH's `AudioChannelConfiguration` states it (ISO/IEC 23009-1 5.8.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelConfiguration {
    /// `ChannelConfiguration` of ISO/IEC 23091-3.
    Cicp(u8),
    /// Custom channel map of ETSI TS 102 366 table E.1.4: left is the most significant bit, LFE the least.
    Dolby(u16),
    /// Number of channels, as DTS counts them (ETSI TS 103 491 annex on DASH).
    Dts(u16),
}

impl ChannelConfiguration {
    /// `schemeIdUri`.
    pub fn scheme(self) -> &'static str {
        match self {
            ChannelConfiguration::Cicp(_) => "urn:mpeg:mpegB:cicp:ChannelConfiguration",
            ChannelConfiguration::Dolby(_) => "tag:dolby.com,2014:dash:audio_channel_configuration:2011",
            ChannelConfiguration::Dts(_) => "tag:dts.com,2014:dash:audio_channel_configuration:2012",
        }
    }

    /// `value`: decimal, but four hexadecimal digits in Dolby's scheme.
    pub fn value(self) -> String {
        match self {
            ChannelConfiguration::Cicp(n) => n.to_string(),
            ChannelConfiguration::Dolby(map) => format!("{map:04X}"),
            ChannelConfiguration::Dts(n) => n.to_string(),
        }
    }

    /// The layout of so many channels in the order that Vorbis, Opus (RFC 7845 5.1.1.2) and FLAC (RFC 9639
    /// 9.1.3) share; `None` beyond eight.
    pub(super) fn of_vorbis_order(channels: u16) -> Option<ChannelConfiguration> {
        let value = match channels {
            n @ 1..=3 => n as u8, // centre; left, right; left, right, centre
            4 => 10,              // two in front, two at the back
            5 => 5,
            6 => 6,
            7 => 11, // 5.1 and a centre at the back
            8 => 12, // 5.1 and two at the back
            _ => return None,
        };
        Some(ChannelConfiguration::Cicp(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_their_schemes_want() {
        assert_eq!(ChannelConfiguration::Cicp(12).value(), "12");
        assert_eq!(ChannelConfiguration::Dolby(0xf801).value(), "F801");
        assert_eq!(ChannelConfiguration::Dolby(0x4000).value(), "4000");
        assert_eq!(ChannelConfiguration::Dts(6).value(), "6");
        let vorbis: Vec<_> = (0..=9).filter_map(ChannelConfiguration::of_vorbis_order).map(|c| c.value()).collect();
        assert_eq!(vorbis, ["1", "2", "3", "10", "5", "6", "11", "12"]);
    }
}
