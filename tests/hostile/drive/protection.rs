//! What protection systems are told, and keys on their way between systems.

use bytes::Bytes;
use headwater::isobmff::{MAX_PROTECTION_HEADERS, ProtectionHeader, write_protection_header};
use headwater::protection::{playready, widevine};

/// PlayReady Objects, and headers alone.
pub fn playready_header(data: &[u8]) {
    if let Ok(object) = playready::object(data) {
        assert!(object.licence_store.unwrap_or(0) <= data.len());
        holds(&object.header, data.len());
    }
    if let Ok(header) = playready::header(data) {
        holds(&header, data.len());
    }
}

fn holds(header: &playready::ReadHeader, length: usize) {
    assert!(header.keys.len() * 24 <= length);
    assert_eq!(playready::Version::from_name(header.version.as_str()), Some(header.version));
    for key in &header.keys {
        let id: headwater::cipher::KeyId = key.id.to_string().parse().expect("a key id");
        assert_eq!(id, key.id);
    }
}

/// `pssh` boxes one after the other, and their data as each system's.
pub fn pssh(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(headers) = ProtectionHeader::parse_all(&bytes, 0) {
        assert!(headers.len() <= MAX_PROTECTION_HEADERS);
        for header in &headers {
            let mut out = Vec::new();
            write_protection_header(&mut out, header.system, &header.key_ids, &header.data);
            assert_eq!(ProtectionHeader::parse_all(&Bytes::from(out), 0).as_deref(), Ok(&[header.clone()][..]));
            widevine_data(&header.data);
            playready_header(&header.data);
        }
    }
    widevine_data(data);
}

fn widevine_data(data: &[u8]) {
    let Ok(read) = widevine::read(data) else { return };
    assert!(read.key_ids.len() * 18 <= data.len());
    let written = widevine::pssh_data(&read.key_ids, &read.content_id, read.scheme.map(|scheme| scheme.0));
    let again = widevine::read(&written).expect("our own");
    assert_eq!((again.key_ids, again.content_id, again.scheme), (read.key_ids, read.content_id, read.scheme));
}

/// Keys of a document in the clear say the same when they are written and read again.
#[cfg(feature = "server")]
pub fn cpix(data: &[u8]) {
    use headwater::keys::cpix;

    let Ok(mut document) = cpix::import(data, None) else { return };
    // What is not known is not written.
    document.usage_rules.iter_mut().for_each(|rule| rule.filters.retain(|f| !matches!(f, cpix::Filter::Other(_))));
    assert!(document.keys.len() <= cpix::MAX_KEYS);
    let written = cpix::export(&document, None).expect("nothing to encrypt");
    let again = cpix::import(written.as_bytes(), None).expect("our own");
    let told = |document: &cpix::Document| -> Vec<_> {
        let keys = document.keys.iter().map(|key| (key.id, key.scheme.clone(), key.vector, key.material.clone()));
        keys.map(|(id, scheme, vector, material)| (id, scheme, vector, material.expose().to_vec())).collect()
    };
    assert_eq!(told(&again), told(&document));
    let rest = (document.content_id, document.systems, document.usage_rules);
    assert_eq!((again.content_id, again.systems, again.usage_rules), rest);
}

/// Signed parameters, one pair a line; what counts is what was signed.
#[cfg(feature = "server")]
pub fn sas(data: &[u8]) {
    use headwater::secrets::SecretBytes;
    use headwater::store::sas::{Checked, Sas};

    let text = String::from_utf8_lossy(data);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let Ok(Some(read)) = Sas::from_query(pairs.clone()) else { return };
    let keys = [SecretBytes::new(vec![1; 32]), SecretBytes::new((0..64).collect())];
    let now = headwater::time::UtcTime { unix_millis: 1_600_000_000_000 };
    let client = std::net::IpAddr::from([127, 0, 0, 1]);
    let checked = |blob| Checked {
        account: "films",
        container: "asset",
        blob,
        keys: &keys,
        now,
        https: true,
        client: Some(client),
    };
    for blob in ["", "film.mp4"] {
        if read.check(&checked(blob)).is_ok() {
            // Nobody else's key fits.
            let other = [SecretBytes::new(vec![2; 32])];
            assert!(read.check(&Checked { keys: &other, ..checked(blob) }).is_err());
        }
    }
    read.header_overrides().for_each(drop);
    assert!(read.permissions().to_string().len() <= 6);
}

/// Answers of servers, as `verify` reads them.
#[cfg(feature = "server")]
pub fn verify(data: &[u8]) {
    headwater::verify::read_any(data);
}
