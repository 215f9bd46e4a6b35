//! The boxes of a file as places, for rewriting it.

/// A box of a file.
#[derive(Clone, Debug)]
pub struct Place {
    /// Types from the outside to this box.
    pub path: Vec<[u8; 4]>,
    /// Where its header begins.
    pub start: usize,
    /// Where its body begins.
    pub body: usize,
    /// Where it ends.
    pub end: usize,
    /// Where the headers of the boxes around it begin, outermost first.
    pub parents: Vec<usize>,
}

impl Place {
    /// Its type.
    pub fn kind(&self) -> &[u8; 4] {
        self.path.last().expect("a type")
    }

    /// Its path as text.
    pub fn name(&self) -> String {
        let names: Vec<_> = self.path.iter().map(|kind| String::from_utf8_lossy(kind).into_owned()).collect();
        format!("{}@{}", names.join("/"), self.start)
    }
}

const CONTAINERS: [&[u8; 4]; 10] =
    [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf", b"mfra"];

/// All boxes of a file, those inside containers too, in file order.
pub fn places(data: &[u8]) -> Vec<Place> {
    let mut found = Vec::new();
    walk(data, 0..data.len(), &[], &[], &mut found);
    found
}

fn walk(data: &[u8], range: std::ops::Range<usize>, path: &[[u8; 4]], parents: &[usize], found: &mut Vec<Place>) {
    let mut at = range.start;
    while at + 8 <= range.end {
        let size = u32::from_be_bytes(data[at..at + 4].try_into().expect("4 bytes")) as usize;
        let kind: [u8; 4] = data[at + 4..at + 8].try_into().expect("4 bytes");
        let end = if size == 0 { range.end } else { at + size };
        if end < at + 8 || end > range.end {
            return;
        }
        let path = [path, &[kind]].concat();
        found.push(Place { path: path.clone(), start: at, body: at + 8, end, parents: parents.to_vec() });
        if CONTAINERS.contains(&&kind) {
            walk(data, at + 8..end, &path, &[parents, &[at]].concat(), found);
        }
        at = end;
    }
}

/// The first box of that path.
pub fn find(data: &[u8], path: &[&[u8; 4]]) -> Option<Place> {
    places(data).into_iter().find(|place| place.path.iter().eq(path.iter().copied()))
}

/// The file with bytes `range` replaced, the sizes of the boxes around corrected.
pub fn splice(data: &[u8], place: &Place, range: std::ops::Range<usize>, by: &[u8]) -> Vec<u8> {
    let mut out = [&data[..range.start], by, &data[range.end..]].concat();
    let grown = by.len().wrapping_sub(range.len()) as u32;
    for parent in &place.parents {
        let size = u32::from_be_bytes(out[*parent..parent + 4].try_into().expect("4 bytes"));
        out[*parent..parent + 4].copy_from_slice(&size.wrapping_add(grown).to_be_bytes());
    }
    out
}
