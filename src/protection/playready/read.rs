//! PlayReady Objects of others, read ("PlayReady Header Object" and "PlayReady Header Specification", Microsoft,
//! versions 4.0 to 4.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{RIGHTS_HEADER, Version};
use crate::cipher::KeyId;
use crate::xml::{self, Element, Limits};

/// The longest object that is read, bytes. Headers have 15 KiB at most, an embedded licence store 10 KiB.
const MAX_OBJECT: usize = 256 << 10;
/// The most records of an object.
const MAX_RECORDS: usize = 16;
/// The most keys of a header.
const MAX_KEYS: usize = 256;
/// Record type of an embedded licence store.
const LICENCE_STORE: u16 = 3;
/// A header's XML: a record's length has 16 bits.
const LIMITS: Limits = Limits { bytes: 64 << 10, depth: 24, nodes: 4096, attributes: 32 };

/// What is wrong with an object or header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The object does not have the length that it says.
    #[error("the PlayReady Object says {said} bytes and there are {there}")]
    Length {
        /// Its length field; 0 where it has none.
        said: u32,
        /// Bytes that there are.
        there: usize,
    },
    /// It is longer, or has more records, than any real one.
    #[error("the PlayReady Object has {value} {what}; the most that is read are {limit}")]
    TooMuch {
        /// Of what there is too much.
        what: &'static str,
        /// How much.
        value: usize,
        /// The most there can be.
        limit: usize,
    },
    /// A record reaches past the end of the object.
    #[error("record {index} of the PlayReady Object says {said} bytes and {left} are left")]
    Record {
        /// Which one, from 0.
        index: usize,
        /// Its length field; 0 where it has none.
        said: u16,
        /// Bytes that are left.
        left: usize,
    },
    /// There is no rights management header, or more than one.
    #[error("the PlayReady Object has {count} rights management headers; it has to have one")]
    Headers {
        /// How many.
        count: usize,
    },
    /// The header is no XML in UTF-16.
    #[error("the PlayReady header: {0}")]
    Xml(#[from] xml::Error),
    /// The header is another document.
    #[error("the PlayReady header is an element '{found}' and not WRMHEADER")]
    Root {
        /// The name of its element.
        found: String,
    },
    /// A version that is not known.
    #[error("the PlayReady header has version '{found}'; known are 4.0.0.0 to 4.3.0.0")]
    Version {
        /// What it says.
        found: String,
    },
    /// An element that has to be there, or may be there once.
    #[error("the PlayReady header has {count} elements {name}; it has to have one")]
    Element {
        /// Which one.
        name: &'static str,
        /// How many there are.
        count: usize,
    },
    /// A value that cannot be read.
    #[error("{what} of the PlayReady header is not {bytes} bytes in base64")]
    Value {
        /// Which one.
        what: &'static str,
        /// Bytes that it has to have.
        bytes: usize,
    },
}

/// A PlayReady Object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadObject {
    /// The rights management header.
    pub header: ReadHeader,
    /// Bytes of the embedded licence store; `None` where there is none.
    pub licence_store: Option<usize>,
}

/// A rights management header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadHeader {
    /// Its form.
    pub version: Version,
    /// The keys; from 4.2 on there may be none or several.
    pub keys: Vec<ReadKey>,
    /// `LA_URL`.
    pub licence_url: Option<String>,
    /// `LUI_URL`: where people are told how to get a licence.
    pub licence_page: Option<String>,
    /// `DS_ID`: the domain service, as it stands.
    pub domain_service: Option<String>,
    /// `DECRYPTORSETUP`: when keys are wanted.
    pub decryptor_setup: Option<String>,
    /// `CUSTOMATTRIBUTES`, without the prefixes of its names.
    pub custom_attributes: Option<Element>,
}

/// A key that a header names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadKey {
    /// Its identifier.
    pub id: KeyId,
    /// `ALGID`: `AESCTR`, `AESCBC`, `COCKTAIL`, ….
    pub algorithm: Option<String>,
    /// Its checksum.
    pub checksum: Option<[u8; 8]>,
}

/// Reads a PlayReady Object: the data of its `pssh` box and of Smooth manifests, and `mspr:pro` after base64.
///
/// # Errors
/// [`ReadError`], which says what is wrong with it.
pub fn object(data: &[u8]) -> Result<ReadObject, ReadError> {
    if data.len() > MAX_OBJECT {
        return Err(ReadError::TooMuch { what: "bytes", value: data.len(), limit: MAX_OBJECT });
    }
    let said = data.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let count = data.get(4..).and_then(<[u8]>::first_chunk).map(|bytes| u16::from_le_bytes(*bytes));
    let (Some(said), Some(count)) = (said, count) else {
        return Err(ReadError::Length { said: 0, there: data.len() });
    };
    if said as usize != data.len() {
        return Err(ReadError::Length { said, there: data.len() });
    }
    if usize::from(count) > MAX_RECORDS {
        return Err(ReadError::TooMuch { what: "records", value: usize::from(count), limit: MAX_RECORDS });
    }
    let mut rest = data.get(6..).unwrap_or_default();
    let (mut headers, mut licence_store) = (Vec::new(), None);
    for index in 0..usize::from(count) {
        let left = rest.len();
        let Some(&[a, b, c, d]) = rest.first_chunk() else { return Err(ReadError::Record { index, said: 0, left }) };
        let (kind, said) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        let split = rest.get(4..).and_then(|body| body.split_at_checked(usize::from(said)));
        let (body, behind) = split.ok_or(ReadError::Record { index, said, left })?;
        rest = behind;
        match kind {
            RIGHTS_HEADER => headers.push(body),
            LICENCE_STORE => licence_store = Some(body.len()),
            _ => {}
        }
    }
    match headers[..] {
        [only] => Ok(ReadObject { header: header(only)?, licence_store }),
        _ => Err(ReadError::Headers { count: headers.len() }),
    }
}

/// Reads a `WRMHEADER` element, in UTF-16 as it stands in objects, or in UTF-8 as it stands in challenges.
///
/// # Errors
/// As [`object`].
pub fn header(document: &[u8]) -> Result<ReadHeader, ReadError> {
    // Writers close the text with a zero, or fill it up with some.
    let mut document = document;
    while let [text @ .., 0, 0] = document {
        document = text;
    }
    let root = xml::parse(document, LIMITS)?;
    if root.name != "WRMHEADER" {
        return Err(ReadError::Root { found: root.name.chars().take(32).collect() });
    }
    let found = root.attribute("version").unwrap_or_default();
    let version = Version::from_name(found).filter(|version| version.as_str() == found);
    let version = version.ok_or_else(|| ReadError::Version { found: found.chars().take(32).collect() })?;
    let data = once(&root, "DATA")?.ok_or(ReadError::Element { name: "DATA", count: 0 })?;
    let text = |name| once(data, name).map(|found| found.map(|element| element.text.trim().to_owned()));
    Ok(ReadHeader {
        version,
        keys: keys(data, version)?,
        licence_url: text("LA_URL")?,
        licence_page: text("LUI_URL")?,
        domain_service: text("DS_ID")?,
        decryptor_setup: text("DECRYPTORSETUP")?,
        custom_attributes: once(data, "CUSTOMATTRIBUTES")?.cloned(),
    })
}

/// The keys where the version has them.
fn keys(data: &Element, version: Version) -> Result<Vec<ReadKey>, ReadError> {
    let info = once(data, "PROTECTINFO")?;
    if version == Version::V4_0 {
        let Some(id) = once(data, "KID")? else { return Ok(Vec::new()) };
        let algorithm = match info {
            Some(info) => once(info, "ALGID")?.map(|element| element.text.trim().to_owned()),
            None => None,
        };
        let checksum = match once(data, "CHECKSUM")? {
            Some(sum) => Some(bytes("CHECKSUM", &sum.text)?),
            None => None,
        };
        let id = KeyId::from_little_endian_fields(bytes("KID", &id.text)?);
        return Ok(vec![ReadKey { id, algorithm, checksum }]);
    }
    let Some(info) = info else { return Ok(Vec::new()) };
    if version == Version::V4_1 {
        return once(info, "KID")?.map(key).transpose().map(|key| key.into_iter().collect());
    }
    let Some(list) = once(info, "KIDS")? else { return Ok(Vec::new()) };
    let count = list.children_named("KID").count();
    if count > MAX_KEYS {
        return Err(ReadError::TooMuch { what: "keys", value: count, limit: MAX_KEYS });
    }
    list.children_named("KID").map(key).collect()
}

/// A key whose properties are attributes (4.1 and later).
fn key(element: &Element) -> Result<ReadKey, ReadError> {
    let id = bytes("KID", element.attribute("VALUE").unwrap_or_default())?;
    let checksum = element.attribute("CHECKSUM").map(|sum| bytes("CHECKSUM", sum)).transpose()?;
    let algorithm = element.attribute("ALGID").map(str::to_owned);
    Ok(ReadKey { id: KeyId::from_little_endian_fields(id), algorithm, checksum })
}

/// The child of that name, of which there may be one.
fn once<'a>(parent: &'a Element, name: &'static str) -> Result<Option<&'a Element>, ReadError> {
    match parent.children_named(name).count() {
        0 | 1 => Ok(parent.child(name)),
        count => Err(ReadError::Element { name, count }),
    }
}

fn bytes<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], ReadError> {
    let decoded = STANDARD.decode(text.trim()).ok();
    decoded.and_then(|bytes| bytes.try_into().ok()).ok_or(ReadError::Value { what, bytes: N })
}

#[cfg(test)]
mod tests {
    use super::super::{Header, key_from_seed};
    use super::*;
    use crate::cipher::ContentKey;

    /// The public seed and key of the PlayReady test server, and another key.
    fn two_keys() -> [(KeyId, ContentKey); 2] {
        let id: KeyId = "339C45B5-FB6D-4BD9-994C-EABD9D41C95B".parse().unwrap();
        let seed = STANDARD.decode("XVBovsmzhP9gRIZxWfFta3VVRPzVEWmJsazEJ46I").unwrap();
        [(id, key_from_seed(&seed, id).unwrap()), (KeyId([7; 16]), ContentKey::new([8; 16]))]
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// An object with these records.
    fn with_records(records: &[(u16, &[u8])]) -> Vec<u8> {
        let length = 6 + records.iter().map(|(_, body)| body.len() + 4).sum::<usize>();
        let mut out = (length as u32).to_le_bytes().to_vec();
        out.extend((records.len() as u16).to_le_bytes());
        for (kind, body) in records {
            out.extend(kind.to_le_bytes());
            out.extend((body.len() as u16).to_le_bytes());
            out.extend(*body);
        }
        out
    }

    #[test]
    fn what_is_written_is_read_in_every_version() {
        let keys = two_keys();
        let pairs = [(keys[0].0, Some(&keys[0].1)), (keys[1].0, Some(&keys[1].1))];
        for (version, count, chains) in [
            (Version::V4_0, 1, false),
            (Version::V4_1, 1, false),
            (Version::V4_2, 2, false),
            (Version::V4_3, 2, false),
            (Version::V4_3, 1, true),
        ] {
            let written = Header {
                version,
                keys: &pairs[..count],
                chains,
                licence_url: Some("https://keys.example/?a=1&b=ü"),
                custom_attributes: Some("<Tenant id=\"5\">films</Tenant>"),
            };
            let read = object(&written.object()).unwrap();
            assert_eq!((read.header.version, read.licence_store), (version, None));
            assert_eq!(read.header.licence_url.as_deref(), written.licence_url);
            let tenant = read.header.custom_attributes.as_ref().and_then(|all| all.child("Tenant")).unwrap();
            assert_eq!((tenant.attribute("id"), tenant.text.as_str()), (Some("5"), "films"));
            let ids: Vec<KeyId> = read.header.keys.iter().map(|key| key.id).collect();
            assert_eq!(ids, pairs[..count].iter().map(|pair| pair.0).collect::<Vec<_>>());
            // The checksum of the test server's key (streaming contract 9.8).
            let expected = (!chains).then(|| STANDARD.decode("Dnd2+tOluB4=").unwrap());
            assert_eq!(read.header.keys[0].checksum.map(|sum| sum.to_vec()), expected);
            assert_eq!(read.header.keys[0].algorithm.as_deref(), Some(if chains { "AESCBC" } else { "AESCTR" }));
        }
    }

    #[test]
    fn objects_of_others() {
        // As the header specification shows them: other orders, other elements, an embedded licence store, zeros.
        let text = "<WRMHEADER xmlns=\"http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader\" version=\"4.2.0.0\"><DATA>\
             <PROTECTINFO><KIDS><KID ALGID=\"AESCTR\" VALUE=\"tUWcM2372UuZTOq9nUHJWw==\"></KID></KIDS></PROTECTINFO>\
             <LA_URL>http://playready.example/rightsmanager.asmx</LA_URL><LUI_URL>http://contoso.example/</LUI_URL>\
             <DS_ID>AH+03juKbUGbHl1V/QIwRA==</DS_ID><DECRYPTORSETUP>ONDEMAND</DECRYPTORSETUP></DATA></WRMHEADER>";
        let mut padded = utf16(text);
        padded.extend([0; 6]);
        let read = object(&with_records(&[(3, &[0; 20]), (1, &padded), (9, b"?")])).unwrap();
        assert_eq!(read.licence_store, Some(20));
        assert_eq!(read.header.keys[0].id, two_keys()[0].0);
        assert_eq!(read.header.licence_page.as_deref(), Some("http://contoso.example/"));
        assert_eq!(read.header.decryptor_setup.as_deref(), Some("ONDEMAND"));
        assert!(read.header.domain_service.is_some());
        // In a challenge it stands as UTF-8, and headers of live films have no keys.
        let none = text.replace("<KIDS>", "<KIDZ>").replace("</KIDS>", "</KIDZ>");
        assert_eq!(header(none.as_bytes()).unwrap().keys, []);
    }

    #[test]
    fn damage_is_told() {
        let text = |version: &str, inside: &str| {
            utf16(&format!("<WRMHEADER version=\"{version}\"><DATA>{inside}</DATA></WRMHEADER>"))
        };
        let kid = "<KID>tUWcM2372UuZTOq9nUHJWw==</KID>";
        let good = text("4.0.0.0", kid);
        let wrong = |bytes: &[u8]| object(bytes).unwrap_err().to_string();
        let object = with_records(&[(1, &good)]);
        for (case, bytes, expected) in [
            ("nothing", vec![], "says 0 bytes and there are 0"),
            ("cut", object[..object.len() - 2].to_vec(), "bytes and there are"),
            ("longer", [object.clone(), vec![0]].concat(), "bytes and there are"),
            ("no header", with_records(&[(3, &good)]), "has 0 rights management headers"),
            ("two headers", with_records(&[(1, &good), (1, &good)]), "has 2 rights management headers"),
            ("records", with_records(&[(9, &b""[..]); 17]), "has 17 records"),
            ("long", vec![0; MAX_OBJECT + 1], "bytes; the most that is read"),
            ("half a letter", with_records(&[(1, &good[..good.len() - 1])]), "UTF-16"),
            ("other XML", with_records(&[(1, &utf16("<a/>"))]), "an element 'a'"),
            ("version", with_records(&[(1, &text("5.0.0.0", kid))]), "version '5.0.0.0'"),
            ("no DATA", with_records(&[(1, &utf16("<WRMHEADER version=\"4.0.0.0\"/>"))]), "0 elements DATA"),
            ("two keys", with_records(&[(1, &text("4.0.0.0", &kid.repeat(2)))]), "2 elements KID"),
            ("short key", with_records(&[(1, &text("4.0.0.0", "<KID>AAAA</KID>"))]), "KID of the PlayReady header"),
            (
                "short sum",
                with_records(&[(1, &text("4.0.0.0", &format!("{kid}<CHECKSUM>AA==</CHECKSUM>")))]),
                "CHECKSUM of the PlayReady header",
            ),
            (
                "no value",
                with_records(&[(1, &text("4.1.0.0", "<PROTECTINFO><KID/></PROTECTINFO>"))]),
                "KID of the PlayReady header",
            ),
            (
                "many keys",
                with_records(&[(
                    1,
                    &text("4.3.0.0", &format!("<PROTECTINFO><KIDS>{}</KIDS></PROTECTINFO>", "<KID/>".repeat(257))),
                )]),
                "has 257 keys",
            ),
        ] {
            let told = wrong(&bytes);
            assert!(told.contains(expected), "{case}: {told}");
        }
        let mut short = object;
        short[8] = 0xff;
        short[9] = 0xff;
        assert!(wrong(&short).contains("record 0 of the PlayReady Object says 65535 bytes"));
    }
}
