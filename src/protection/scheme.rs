//! Protection schemes.

use crate::isobmff::FourCc;

/// How media is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Scheme {
    /// Each object as a whole, AES-128-CBC (`encryption=cbc`; HLS `METHOD=AES-128`, DASH `sea:`).
    Envelope,
    /// Samples in counter mode (`encryption=cenc`, ISO/IEC 23001-7 10.1).
    Cenc,
    /// As [`Scheme::Cenc`], told in the boxes of PIFF 1.1 (`encryption=piff`; Smooth alone).
    Piff,
    /// Samples in chains of a pattern (`encryption=cbcs-aapl`, ISO/IEC 23001-7 10.4; SAMPLE-AES in transport streams).
    Cbcs,
}

impl Scheme {
    /// Value of `encryption=` in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Envelope => "cbc",
            Scheme::Cenc => "cenc",
            Scheme::Piff => "piff",
            Scheme::Cbcs => "cbcs-aapl",
        }
    }

    /// The scheme of a value of `encryption=`.
    pub fn from_url(value: &str) -> Option<Scheme> {
        match value {
            "cbc" => Some(Scheme::Envelope),
            "cenc" => Some(Scheme::Cenc),
            "piff" => Some(Scheme::Piff),
            "cbcs-aapl" | "cbcs" => Some(Scheme::Cbcs),
            _ => None,
        }
    }

    /// `scheme_type` of `schm`, and DASH's `value` of `urn:mpeg:dash:mp4protection:2011`; `None` where samples
    /// stay as they are.
    pub fn scheme_type(self) -> Option<FourCc> {
        match self {
            Scheme::Envelope => None,
            Scheme::Cenc => Some(FourCc(*b"cenc")),
            Scheme::Piff => Some(FourCc(*b"piff")),
            Scheme::Cbcs => Some(FourCc(*b"cbcs")),
        }
    }

    /// Samples are encrypted one by one.
    pub fn encrypts_samples(self) -> bool {
        self != Scheme::Envelope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_values_come_back() {
        for scheme in [Scheme::Envelope, Scheme::Cenc, Scheme::Piff, Scheme::Cbcs] {
            assert_eq!(Scheme::from_url(scheme.as_str()), Some(scheme));
            assert_eq!(scheme.scheme_type().is_some(), scheme.encrypts_samples());
        }
        assert_eq!(Scheme::from_url("CENC"), None);
    }
}
