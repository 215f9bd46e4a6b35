//! What a request shows: tokens, wherever they stand in it, and where it comes from.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use crate::tokens::Refusal;

/// What a request shows. No `Debug`: it holds tokens.
pub(super) struct Credentials {
    pub client: IpAddr,
    tokens: Vec<String>,
}

impl Credentials {
    /// Of a request with these headers and these tokens in its query.
    pub(super) fn new(client: IpAddr, headers: &HeaderMap, mut tokens: Vec<String>) -> Credentials {
        let header = headers.get_all(AUTHORIZATION).iter().map(|value| value.to_str().unwrap_or_default().to_owned());
        tokens.extend(header.filter(|text| text.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))));
        Credentials { client, tokens: tokens.iter().map(|token| bare(token).to_owned()).collect() }
    }

    /// And a token in the body of the request.
    pub(super) fn with_token(mut self, token: String) -> Credentials {
        self.tokens.push(bare(&token).to_owned());
        self
    }

    /// The token. It may stand in several places if it is the same everywhere.
    pub(super) fn token(&self) -> Result<&str, Refusal> {
        let mut tokens = self.tokens.iter().filter(|token| !token.is_empty());
        let first = tokens.next().ok_or(Refusal::Missing)?;
        if tokens.any(|other| other != first) {
            return Err(Refusal::Disagreeing);
        }
        Ok(first)
    }
}

/// Without `Bearer` and a space or, as clients of the service wrote it, an equals sign.
fn bare(token: &str) -> &str {
    let token = token.trim();
    let Some((scheme, rest)) = token.split_at_checked(6) else { return token };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return token;
    }
    match rest.strip_prefix([' ', '=']) {
        Some(rest) => rest.trim(),
        None if rest.is_empty() => "",
        None => token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_and_have_to_agree() {
        let token = |header: Option<&str>, query: &[&str]| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.append(AUTHORIZATION, header.parse().unwrap());
            }
            let query = query.iter().map(|token| (*token).to_owned()).collect();
            Credentials::new(IpAddr::from([127, 0, 0, 1]), &headers, query).token().map(str::to_owned)
        };
        assert_eq!(token(None, &[]), Err(Refusal::Missing));
        assert_eq!(token(Some("Basic a"), &[]), Err(Refusal::Missing));
        for header in ["Bearer a.b", "bearer   a.b", "Bearer=a.b"] {
            assert_eq!(token(Some(header), &[]).as_deref(), Ok("a.b"), "{header}");
        }
        assert_eq!(token(None, &["Bearer=a.b"]).as_deref(), Ok("a.b"));
        assert_eq!(token(Some("Bearer a.b"), &["a.b"]).as_deref(), Ok("a.b"));
        assert_eq!(token(Some("Bearer a.b"), &["a.c"]), Err(Refusal::Disagreeing));
        assert_eq!(token(None, &["a", "b"]), Err(Refusal::Disagreeing));
    }
}
