//! Program specific information: PAT and PMT (ISO/IEC 13818-1 2.4.4).

use super::Error;
use super::packet::{HEADER_SIZE, PACKET_SIZE, SYNC_BYTE};

/// PID of the program map table.
pub const PMT_PID: u16 = 0x1000;
/// PID for a video stream.
pub const VIDEO_PID: u16 = 0x100;
/// PID for an audio stream.
pub const AUDIO_PID: u16 = 0x101;

/// `program_number` of the one program.
const PROGRAM_NUMBER: u16 = 1;

/// One elementary stream of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Packet identifier: 0x10 to 0x1ffe, and not [`PMT_PID`].
    pub pid: u16,
    /// `stream_type` (ISO/IEC 13818-1 table 2-34).
    pub stream_type: u8,
    /// `stream_id` of PES headers: 0xE0 to 0xEF is video.
    pub stream_id: u8,
    /// ISO 639-2 code, written as an ISO_639_language_descriptor; `None` where it is unknown.
    pub language: Option<[u8; 3]>,
    /// Further descriptors of the stream in the program map table, complete with tags and lengths.
    pub descriptors: Vec<u8>,
}

impl Stream {
    pub(super) fn is_video(&self) -> bool {
        self.stream_id & 0xf0 == 0xe0
    }
}

/// A program: its streams and the packets that announce them, the same for all its segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    streams: Vec<Stream>,
    pcr_stream: usize,
    tables: [u8; 2 * PACKET_SIZE],
}

impl Program {
    /// A program of these streams. The first video stream carries the clock, or the first stream of all.
    ///
    /// # Errors
    /// [`Error::NoStreams`], [`Error::Pid`], [`Error::ProgramMapTooLong`].
    pub fn new(streams: Vec<Stream>) -> Result<Program, Error> {
        for (index, stream) in streams.iter().enumerate() {
            let pid = stream.pid;
            let known = streams.iter().take(index).any(|other| other.pid == pid);
            // Table 2-3: lower PIDs are reserved, 0x1fff is for null packets.
            if known || pid == PMT_PID || !(0x10..=0x1ffe).contains(&pid) {
                return Err(Error::Pid { pid });
            }
        }
        let pcr_stream = streams.iter().position(Stream::is_video).unwrap_or(0);
        let pcr_pid = streams.get(pcr_stream).ok_or(Error::NoStreams)?.pid;
        let mut tables = [0xff; 2 * PACKET_SIZE];
        let (pat, pmt) = tables.split_at_mut(PACKET_SIZE);
        fill_packet(pat, 0, &program_association())?;
        fill_packet(pmt, PMT_PID, &program_map(&streams, pcr_pid))?;
        Ok(Program { streams, pcr_stream, tables })
    }

    /// The streams, in the order in which units are given to the mux.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Index of the stream that carries the clock.
    pub(super) fn pcr_stream(&self) -> usize {
        self.pcr_stream
    }

    /// PAT and PMT as they begin each segment.
    pub(super) fn tables(&self) -> &[u8] {
        &self.tables
    }
}

/// PAT section (2.4.4.3).
fn program_association() -> Vec<u8> {
    let [program_high, program_low] = PROGRAM_NUMBER.to_be_bytes();
    let [pid_high, pid_low] = PMT_PID.to_be_bytes();
    section(0x00, 1, &[program_high, program_low, 0xe0 | pid_high, pid_low])
}

/// PMT section (2.4.4.8).
fn program_map(streams: &[Stream], pcr_pid: u16) -> Vec<u8> {
    let [pcr_high, pcr_low] = pcr_pid.to_be_bytes();
    let mut body = vec![0xe0 | pcr_high, pcr_low, 0xf0, 0]; // no descriptors of the program
    for stream in streams {
        let [pid_high, pid_low] = stream.pid.to_be_bytes();
        let language = stream.language.map(|[a, b, c]| [0x0a, 4, a, b, c, 0]); // 2.6.18, audio_type undefined
        let language = language.as_ref().map_or(&[][..], |d| d);
        let length = language.len() + stream.descriptors.len();
        // Lengths beyond the field's ten bits do not fit a packet either and are refused there.
        body.extend([stream.stream_type, 0xe0 | pid_high, pid_low, 0xf0 | (length >> 8 & 3) as u8, length as u8]);
        body.extend(language);
        body.extend(&stream.descriptors);
    }
    section(0x02, PROGRAM_NUMBER, &body)
}

/// A long-form section, version 0, number 0 of 0 (2.4.4.11), with its CRC.
fn section(table_id: u8, table_id_extension: u16, body: &[u8]) -> Vec<u8> {
    let length = 5 + body.len() + 4;
    let [extension_high, extension_low] = table_id_extension.to_be_bytes();
    let mut out =
        vec![table_id, 0xb0 | (length >> 8 & 3) as u8, length as u8, extension_high, extension_low, 0xc1, 0, 0];
    out.extend(body);
    out.extend(crc32(&out).to_be_bytes());
    out
}

/// Writes a section as the only content of a packet that is filled with 0xff.
fn fill_packet(packet: &mut [u8], pid: u16, section: &[u8]) -> Result<(), Error> {
    let too_long = Error::ProgramMapTooLong { size: section.len() };
    let [pid_high, pid_low] = pid.to_be_bytes();
    let header: [u8; HEADER_SIZE + 1] = [SYNC_BYTE, 0x40 | pid_high, pid_low, 0x10, 0]; // pointer_field 0
    let (head, rest) = packet.split_first_chunk_mut().ok_or(too_long.clone())?;
    *head = header;
    rest.get_mut(..section.len()).ok_or(too_long)?.copy_from_slice(section);
    Ok(())
}

/// CRC_32 of ISO/IEC 13818-1 annex A: zero over a section together with its CRC.
pub(super) fn crc32(data: &[u8]) -> u32 {
    data.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| {
            if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(pid: u16, descriptors: Vec<u8>) -> Stream {
        Stream { pid, stream_type: 0x0f, stream_id: 0xc0, language: Some(*b"eng"), descriptors }
    }

    #[test]
    fn the_crc_is_the_one_of_mpeg() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7);
        let pat = program_association();
        assert_eq!(crc32(&pat), 0);
        // What every muxer writes for program 1 at PID 0x1000.
        assert_eq!(pat, [0, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 0x2a, 0xb1, 0x04, 0xb2]);
    }

    #[test]
    fn the_program_map_names_clock_and_language() {
        let video = Stream { pid: VIDEO_PID, stream_type: 0x1b, stream_id: 0xe0, language: None, descriptors: vec![] };
        let program = Program::new(vec![stream(AUDIO_PID, vec![]), video]).unwrap();
        assert_eq!(program.pcr_stream(), 1);
        let section = &program.tables()[PACKET_SIZE + 5..];
        assert_eq!(section[..12], [2, 0xb0, 0x1d, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0]);
        assert_eq!(section[12..28], *b"\x0f\xe1\x01\xf0\x06\x0a\x04eng\x00\x1b\xe1\x00\xf0\x00");
        assert_eq!(crc32(&section[..3 + 0x1d]), 0);
    }

    #[test]
    fn programs_that_cannot_be() {
        assert_eq!(Program::new(vec![]).err(), Some(Error::NoStreams));
        for pid in [0, 0x0f, PMT_PID, 0x1fff] {
            assert_eq!(Program::new(vec![stream(pid, vec![])]).err(), Some(Error::Pid { pid }));
        }
        assert_eq!(Program::new(vec![stream(77, vec![]), stream(77, vec![])]).err(), Some(Error::Pid { pid: 77 }));
        let long = Program::new(vec![stream(77, vec![0; 3000])]);
        assert_eq!(long.err(), Some(Error::ProgramMapTooLong { size: 12 + 5 + 6 + 3000 + 4 }));
        assert!(Program::new(vec![stream(77, vec![0; 183 - 27])]).is_ok());
        assert!(Program::new(vec![stream(77, vec![0; 184 - 27])]).is_err());
    }
}
