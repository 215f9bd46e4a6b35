//! `$batch`.

use proptest::prelude::*;

use crate::odata::Error;
use crate::odata::batch::{Answer, Answered, Operation, Part, parse, write};

const BATCH: &str = "--batch_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET https://host/API/Films HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n--batch_1\r\nContent-Type: multipart/mixed; boundary=\"set 1\"\r\n\r\n--set 1\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nPOST Films HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"Name\":\"a\"}\r\n--set 1\r\nContent-Type: application/http\r\n\r\nMERGE $1 HTTP/1.1\r\n\r\n{\"Name\":\"b\"}\r\n--set 1--\r\n--batch_1--\r\n";

#[test]
fn requests_and_a_change_set() {
    for text in [BATCH.to_owned(), BATCH.replace("\r\n", "\n")] {
        let parts = parse("multipart/mixed; boundary=batch_1", text.as_bytes()).unwrap();
        let [Part::Single(get), Part::ChangeSet(set)] = &parts[..] else { panic!("{parts:?}") };
        assert_eq!((get.method.as_str(), get.target.as_str()), ("GET", "https://host/API/Films"));
        assert_eq!(get.header("accept"), Some("application/json"));
        assert_eq!(set[0].content_id.as_deref(), Some("1"));
        assert_eq!(set[0].body, b"{\"Name\":\"a\"}");
        assert_eq!((set[1].method.as_str(), set[1].target.as_str()), ("MERGE", "$1"));
        assert_eq!(set[1].body, b"{\"Name\":\"b\"}");
    }
}

#[test]
fn what_is_no_batch_is_refused() {
    let kind = "multipart/mixed; boundary=batch_1";
    assert!(parse("application/json", BATCH.as_bytes()).is_err());
    assert!(parse("multipart/mixed", BATCH.as_bytes()).is_err());
    assert!(parse("multipart/mixed; boundary=", BATCH.as_bytes()).is_err());
    assert!(parse(kind, b"").is_err());
    assert!(parse(kind, BATCH.trim_end().trim_end_matches('-').as_bytes()).is_err());
    assert!(parse(kind, BATCH.replace("Content-Length: 12", "Content-Length: 99").as_bytes()).is_err());
    assert!(parse(kind, BATCH.replace("POST Films", "GET Films").as_bytes()).is_err());
    assert!(parse(kind, BATCH.replace("application/http", "text/plain").as_bytes()).is_err());
    let one = "--b\r\nContent-Type: application/http\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n";
    let many = format!("{}--b--", one.repeat(1001));
    assert!(matches!(parse("multipart/mixed;boundary=b", many.as_bytes()), Err(Error::TooLarge { .. })));
    let wide = format!("--b\r\n{}\r\n--b--", "A: b\r\n".repeat(100));
    assert!(matches!(parse("multipart/mixed;boundary=b", wide.as_bytes()), Err(Error::TooLarge { .. })));
}

#[test]
fn answers() {
    let answer = |status, reason: &str, body: &str, id: Option<&str>| Answer {
        status,
        reason: reason.to_owned(),
        headers: vec![("Location".to_owned(), "x".to_owned())],
        body: body.as_bytes().to_vec(),
        content_id: id.map(str::to_owned),
    };
    let answers = [
        Answered::Single(answer(200, "OK", "{}", None)),
        Answered::ChangeSet(vec![answer(201, "Created", "", Some("1"))]),
    ];
    assert_eq!(
        String::from_utf8(write(&answers, "b")).unwrap(),
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 200 OK\r\nLocation: x\r\nContent-Length: 2\r\n\r\n{}\r\n--b\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1_b\r\n\r\n--changesetresponse_1_b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: 1\r\n\r\nHTTP/1.1 201 Created\r\nLocation: x\r\nContent-Length: 0\r\n\r\n\r\n--changesetresponse_1_b--\r\n--b--\r\n"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_a_batch_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse("multipart/mixed; boundary=b", &bytes);
        let framed = [b"--b\r\nContent-Type: application/http\r\n\r\n", &bytes[..], b"\r\n--b--"].concat();
        let _ = parse("multipart/mixed; boundary=b", &framed);
    }

    #[test]
    fn bodies_come_through_whole(bodies in prop::collection::vec("[ -~\r\n]{0,40}", 0..5)) {
        let mut text = String::new();
        for body in &bodies {
            text.push_str(&format!("--b\r\nContent-Type: application/http\r\n\r\nPOST /x HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}\r\n", body.len()));
        }
        text.push_str("--b--");
        prop_assume!(bodies.iter().all(|body| !body.contains("--b")));
        let parts = parse("multipart/mixed; boundary=b", text.as_bytes()).unwrap();
        let read: Vec<Vec<u8>> = parts.into_iter().map(|part| match part {
            Part::Single(Operation { body, .. }) => body,
            Part::ChangeSet(_) => panic!("a change set"),
        }).collect();
        prop_assert_eq!(read, bodies.into_iter().map(String::into_bytes).collect::<Vec<_>>());
    }
}
