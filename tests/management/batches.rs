//! `$batch` over the wire.

use serde_json::json;

use crate::site::{Site, at};

/// A change set of these requests: method, target and body; the number is its `Content-ID`.
fn change_set(requests: &[(&str, &str, &str)]) -> String {
    let mut text = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n".to_owned();
    for (number, (method, target, body)) in requests.iter().enumerate() {
        text.push_str(&format!(
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {}\r\n\r\n\
             {method} {target} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}\r\n",
            number + 1,
            body.len()
        ));
    }
    text + "--c--\r\n--b--\r\n"
}

const BATCH: [(&str, &str); 1] = [("Content-Type", "multipart/mixed; boundary=b")];

#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_happens_as_a_whole() {
    let site = Site::start().await;
    let policy = r#"{"Name":"in a set","DurationInMinutes":5,"Permissions":1}"#;
    let good = change_set(&[
        ("POST", "AccessPolicies", policy),
        ("POST", "https://media.windows.net/API/ContentKeyAuthorizationPolicies", r#"{"Name":"keys"}"#),
        (
            "POST",
            "ContentKeyAuthorizationPolicyOptions",
            r#"{"Name":"open","KeyDeliveryType":2,"Restrictions":[{"Name":"open","KeyRestrictionType":0,"Requirements":null}]}"#,
        ),
        ("POST", "$2/$links/Options", r#"{"uri":"$3"}"#),
        ("MERGE", "$2", r#"{"Name":"renamed"}"#),
    ]);
    let answer = site.ask("POST", "/$batch", &BATCH, &good).await.is(202);
    assert!(answer.header("content-type").starts_with("multipart/mixed; boundary="));
    assert_eq!(answer.body.matches("HTTP/1.1 201 Created").count(), 3, "{}", answer.body);
    assert_eq!(answer.body.matches("HTTP/1.1 204 No Content").count(), 2, "{}", answer.body);
    assert!(answer.body.contains("Content-ID: 5"), "{}", answer.body);
    let keys = site.get("/ContentKeyAuthorizationPolicies?$expand=Options").await.json();
    assert_eq!(
        (keys["value"][0]["Name"].as_str(), keys["value"][0]["Options"][0]["Name"].as_str()),
        (Some("renamed"), Some("open"))
    );

    let bad =
        change_set(&[("POST", "AccessPolicies", policy), ("POST", "AccessPolicies", r#"{"Name":"no duration"}"#)]);
    let answer = site.ask("POST", "/$batch", &BATCH, &bad).await.is(202);
    assert!(
        answer.body.contains("HTTP/1.1 500") && answer.body.contains("request 2 of the change set"),
        "{}",
        answer.body
    );
    assert_eq!(site.get("/AccessPolicies").await.names(), ["in a set"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_and_their_files_in_one_set() {
    let site = Site::start().await;
    let answer = site
        .ask(
            "POST",
            "/$batch",
            &BATCH,
            &change_set(&[
                ("POST", "Assets", r#"{"Name":"film"}"#),
                ("POST", "$1/Files", r#"{"Name":"a.mp4","IsPrimary":true}"#),
            ]),
        )
        .await
        .is(202);
    assert_eq!(answer.body.matches("HTTP/1.1 201 Created").count(), 2, "{}", answer.body);
    let assets = site.get("/Assets?$expand=Files").await.json();
    assert_eq!(assets["value"][0]["Files"][0]["Name"], "a.mp4");
}

#[tokio::test(flavor = "multi_thread")]
async fn single_requests_stand_for_themselves() {
    let site = Site::start().await;
    let asset = site.create("Assets", json!({ "Name": "a" })).await;
    let part = |line: &str| {
        format!("--b\r\nContent-Type: application/http\r\n\r\n{line} HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n")
    };
    let text = part(&format!("GET {}/Name", &at("Assets", &asset)[1..]))
        + &part("GET Nothing")
        + &part("POST $batch")
        + "--b--\r\n";
    let answer = site.ask("POST", "/$batch", &BATCH, &text).await.is(202);
    for words in ["HTTP/1.1 200 OK", "\"value\":\"a\"", "HTTP/1.1 404 Not Found", "HTTP/1.1 405 Method Not Allowed"] {
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
    }
    site.ask("POST", "/$batch", &BATCH, "nonsense").await.is(400);
    site.ask("POST", "/$batch", &[("Content-Type", "application/json")], &text).await.is(400);
}
