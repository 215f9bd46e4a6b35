//! What a token says, whatever it is written in, and whether that is enough.

use uuid::Uuid;

use super::error::Refusal;
use super::template::{CONTENT_KEY_IDENTIFIER, MAX_USES, RequiredClaim};
use super::verifier::Moment;

/// The furthest ahead that a token with a replay limit may expire, seconds: its uses are remembered until then.
pub const MAX_REPLAY_SECONDS: u64 = 3600;

/// The claims of a token whose signature was right.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Claims {
    /// Who says it.
    pub issuer: Option<String>,
    /// For whom.
    pub audiences: Vec<String>,
    /// From when on it does not count any more, seconds since 1970.
    pub expires: Option<u64>,
    /// From when on it counts, seconds since 1970.
    pub not_before: Option<u64>,
    /// Everything, these four too, by name; each with its value or values as text.
    pub all: Vec<(String, Vec<String>)>,
    /// SHA-256 of what was signed, by which a token is known again. Not of the signature: those of ECDSA can be
    /// written in two ways.
    pub digest: [u8; 32],
}

/// How often a token may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplayLimit {
    /// By which it is known again.
    pub digest: [u8; 32],
    /// How often.
    pub uses: u32,
    /// How long that has to be remembered: seconds since 1970.
    pub until: u64,
}

impl Claims {
    fn values(&self, name: &str) -> Option<&[String]> {
        self.all.iter().find(|(own, _)| own == name).map(|(_, values)| values.as_slice())
    }

    /// Judges the claims for a request for the key `key_id`.
    pub(super) fn check(
        &self,
        issuer: &str,
        audience: &str,
        required: &[RequiredClaim],
        key_id: Uuid,
        moment: Moment,
    ) -> Result<Option<ReplayLimit>, Refusal> {
        let Moment { now, skew } = moment;
        let expires = self.expires.ok_or(Refusal::NoExpiry)?;
        if now >= expires.saturating_add(skew) {
            return Err(Refusal::Expired);
        }
        if self.not_before.is_some_and(|from| now.saturating_add(skew) < from) {
            return Err(Refusal::NotYet);
        }
        if self.issuer.as_deref() != Some(issuer) {
            return Err(Refusal::Issuer);
        }
        if !self.audiences.iter().any(|own| own == audience) {
            return Err(Refusal::Audience);
        }
        for claim in required {
            let values = self.values(&claim.claim_type).unwrap_or_default();
            let fits = |value: &String| match &claim.value {
                Some(wanted) => value == wanted,
                None if claim.claim_type == CONTENT_KEY_IDENTIFIER => names_key(value, key_id),
                None => true,
            };
            if !values.iter().any(fits) {
                return Err(Refusal::Claim { claim: claim.claim_type.clone() });
            }
        }
        self.replay_limit(expires, moment)
    }

    fn replay_limit(&self, expires: u64, moment: Moment) -> Result<Option<ReplayLimit>, Refusal> {
        let Some(values) = self.values(MAX_USES) else { return Ok(None) };
        let wrong = || Refusal::Claim { claim: MAX_USES.to_owned() };
        let [uses] = values else { return Err(wrong()) };
        let uses = uses.parse().ok().filter(|uses| *uses > 0).ok_or_else(wrong)?;
        if expires > moment.now.saturating_add(MAX_REPLAY_SECONDS).saturating_add(moment.skew) {
            return Err(Refusal::TooFarAhead);
        }
        Ok(Some(ReplayLimit { digest: self.digest, uses, until: expires.saturating_add(moment.skew) }))
    }
}

/// The value is the id of that key: a GUID in any of its usual forms, or with the prefix of the object model.
fn names_key(value: &str, key_id: Uuid) -> bool {
    let guid = value.strip_prefix("nb:kid:UUID:").unwrap_or(value);
    guid.len() <= 64 && Uuid::try_parse(guid).is_ok_and(|guid| guid == key_id)
}
