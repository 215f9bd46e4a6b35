//! The token endpoint: OAuth 2.0 client credentials (RFC 6749 4.4), with the form fields of the access control
//! service that Azure Media Services had first, and of its successor.

use hyper::StatusCode;

use super::{Auth, TOKEN_LIFETIME, token};
use crate::management::answer::Answer;
use crate::odata::json::Writer;
use crate::odata::pairs;
use crate::time::UtcTime;

/// `POST` here asks for a token: `/oauth2/token`, with a tenant before it or not, and ACS's `/v2/OAuth2-13`.
pub fn is_token_endpoint(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["v2", acs] => acs.eq_ignore_ascii_case("OAuth2-13"),
        ["oauth2", "token"] | [_, "oauth2", "token"] | [_, "oauth2", "v2.0", "token"] => true,
        _ => false,
    }
}

/// Answers a form with `grant_type`, `client_id` and `client_secret`. `basic` is what an `Authorization: Basic`
/// header holds, the other way to send the two.
pub fn grant(auth: &Auth, path: &str, form: &[u8], basic: Option<(String, String)>, now: UtcTime) -> Answer {
    let fields = std::str::from_utf8(form).ok().and_then(|text| pairs(text.trim()).ok()).unwrap_or_default();
    let field = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    match field("grant_type").as_deref() {
        Some("client_credentials") => {}
        Some(_) => return refused("unsupported_grant_type", "only grant_type=client_credentials is known here"),
        None => return refused("invalid_request", "a form with grant_type, client_id and client_secret is expected"),
    }
    let named = field("client_id").zip(field("client_secret"));
    let (id, secret) = basic.or(named).unwrap_or_default();
    let entries = auth.access.entries();
    let Some(token) = entries.by_name_and_key(&id, &secret).and_then(|entry| token::issue(entry, now)) else {
        let message = "client_id or client_secret is wrong; they are name and key of a line of the access file";
        return refused("invalid_client", message).with_status(StatusCode::UNAUTHORIZED);
    };
    tracing::info!(target: "headwater::audit", actor = %id, "a token was issued");
    let seconds = TOKEN_LIFETIME.as_secs();
    // The old services wrote the number as a text, and their clients read it as one.
    let as_text = !path.starts_with("/oauth2");
    let mut json = Writer::new();
    json.object(|json| {
        json.member("token_type").text("Bearer");
        json.member("access_token").text(&token);
        if as_text {
            json.member("expires_in").text(&seconds.to_string());
            json.member("expires_on").text(&(now.unix_millis / 1000 + seconds).to_string());
        } else {
            json.member("expires_in").bare(&seconds.to_string());
        }
        if let Some(scope) = field("scope").or_else(|| field("resource")) {
            json.member("scope").text(&scope);
        }
    });
    Answer::text(StatusCode::OK, "application/json;charset=utf-8", json.finish()).with("Cache-Control", "no-store")
}

/// RFC 6749 5.2
fn refused(code: &str, message: &str) -> Answer {
    let mut json = Writer::new();
    json.object(|json| {
        json.member("error").text(code);
        json.member("error_description").text(message);
    });
    let answer = Answer::text(StatusCode::BAD_REQUEST, "application/json;charset=utf-8", json.finish());
    answer.with("Cache-Control", "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_where_clients_ask_for_tokens() {
        for path in
            ["/oauth2/token", "/v2/OAuth2-13", "/contoso.onmicrosoft.com/oauth2/token", "/tenant/oauth2/v2.0/token"]
        {
            assert!(is_token_endpoint(path), "{path}");
        }
        for path in ["/", "/oauth2", "/API/oauth2/token/x", "/token", "/v2/x"] {
            assert!(!is_token_endpoint(path), "{path}");
        }
    }
}
