//! Why a token or a template is refused. Clients never learn which; the audit log does. No text of a token
//! and no key is in any of these.

/// Why a token is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is none.
    #[error("there is no token")]
    Missing,
    /// Header and query, or two parameters, hold different tokens.
    #[error("the request holds tokens that differ")]
    Disagreeing,
    /// It is longer than [`MAX_TOKEN`](super::MAX_TOKEN).
    #[error("the token is too long")]
    TooLong,
    /// It is not of the wanted type, damaged, or says something twice.
    #[error("the token cannot be read: {0}")]
    Malformed(&'static str),
    /// Its algorithm is not one that these keys are for.
    #[error("no key of this policy is for the token's algorithm")]
    Algorithm,
    /// It names a signing key that is not among the ones known.
    #[error("the token names a signing key that is not known")]
    UnknownKey,
    /// No key has signed this.
    #[error("the signature does not fit")]
    Signature,
    /// It does not say when it ends.
    #[error("the token does not say when it expires")]
    NoExpiry,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// Another issuer.
    #[error("the token is another issuer's")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// A claim is missing or says something else.
    #[error("the token lacks the claim {claim:?} with the wanted value")]
    Claim {
        /// Which one, as the policy names it.
        claim: String,
    },
    /// A token that may be used a number of times is valid for longer than it can be remembered.
    #[error("a token with a replay limit expires more than an hour ahead")]
    TooFarAhead,
    /// It was used as often as it may be.
    #[error("the token was used as often as it may be")]
    Replayed,
    /// The keys of the issuer cannot be had.
    #[error("the issuer's signing keys cannot be fetched")]
    KeysUnavailable,
}

/// Why a `TokenRestrictionTemplate` is refused: what is wrong, where, and how to mend it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("TokenRestrictionTemplate: {place}: {problem}")]
pub struct TemplateError {
    /// The element.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

impl TemplateError {
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>) -> TemplateError {
        TemplateError { place: place.into(), problem: problem.into() }
    }
}
