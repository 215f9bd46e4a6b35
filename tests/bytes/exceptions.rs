//! Where the judge and the source's standard disagree, and why the judge is not followed.

/// One disagreement.
pub struct Exception {
    /// The film.
    pub film: &'static str,
    /// What a failure's message begins with.
    pub about: &'static str,
    /// What it contains.
    pub says: &'static str,
    /// Why it is none.
    pub reason: &'static str,
}

/// All of them.
pub const EXCEPTIONS: &[Exception] = &[];

/// Why a failure is none.
pub fn reason(film: &str, failure: &str) -> Option<&'static str> {
    let found = EXCEPTIONS.iter().find(|e| e.film == film && failure.starts_with(e.about) && failure.contains(e.says));
    found.map(|e| e.reason)
}
