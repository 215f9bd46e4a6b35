//! What players say of themselves.

use headwater::cmcd::Cmcd;

/// Data in a query and in headers: whatever comes out is short, and is the same when it is written and read again.
pub fn cmcd(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let values: Vec<&str> = text.split('\n').collect();
    for cmcd in [Cmcd::from_headers(values), Cmcd::from_query(&format!("a=b&CMCD={text}"))] {
        let cmcd = cmcd.expect("there is a value");
        let written = cmcd.to_string();
        assert!(written.len() < 4096, "{written}");
        for text in [&cmcd.session_id, &cmcd.content_id].into_iter().flatten() {
            assert!(text.chars().count() <= 64 && !text.contains(char::is_control));
        }
        let again = Cmcd::from_headers([written.as_str()]).expect("there is a value");
        assert_eq!(
            (again.buffer_length, again.measured_throughput, again.buffer_starvation, again.object_type),
            (cmcd.buffer_length, cmcd.measured_throughput, cmcd.buffer_starvation, cmcd.object_type)
        );
    }
}
