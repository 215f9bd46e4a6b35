//! Transport streams as text: what each packet that begins something begins.

use std::fmt::Write;

use crate::sha256;

/// Packets by stream, and each table and PES packet with its clock and time stamps.
pub fn dump(bytes: &[u8]) -> String {
    let mut out = format!("{} bytes, sha256 {}\n", bytes.len(), sha256::hex(bytes));
    let mut open: Option<(u16, usize)> = None;
    for packet in bytes.chunks(188) {
        assert!(packet.len() == 188 && packet[0] == 0x47, "not a packet");
        let pid = u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff;
        let begins = packet[1] & 0x40 != 0;
        match &mut open {
            Some((last, count)) if *last == pid && !begins => *count += 1,
            _ => {
                if let Some((_, count)) = open {
                    let _ = writeln!(out, " x{count}");
                }
                open = Some((pid, 1));
                let _ = write!(out, "{pid:04x} cc{:x}", packet[3] & 15);
                let mut payload = 4;
                if packet[3] & 0x20 != 0 {
                    payload += 1 + usize::from(packet[4]);
                    if packet[4] > 0 && packet[5] & 0x40 != 0 {
                        out.push_str(" random-access");
                    }
                    if packet[4] > 0 && packet[5] & 0x10 != 0 {
                        let high = u32::from_be_bytes(packet[6..10].try_into().expect("four bytes"));
                        let _ = write!(out, " pcr={}", u64::from(high) << 1 | u64::from(packet[10] >> 7));
                    }
                }
                if begins {
                    begin(&mut out, &packet[payload.min(188)..]);
                } else {
                    out.push_str(" more");
                }
            }
        }
    }
    if let Some((_, count)) = open {
        let _ = writeln!(out, " x{count}");
    }
    out
}

fn begin(out: &mut String, payload: &[u8]) {
    if payload.len() < 19 || payload[..3] != [0, 0, 1] {
        let section: String = payload.iter().take_while(|b| **b != 0xff).map(|b| format!("{b:02x}")).collect();
        let _ = write!(out, " section {section}");
        return;
    }
    let stamp = |at: usize| {
        let b = |i: usize| u64::from(payload[at + i]);
        (b(0) >> 1 & 7) << 30 | b(1) << 22 | (b(2) >> 1) << 15 | b(3) << 7 | b(4) >> 1
    };
    let length = u16::from_be_bytes([payload[4], payload[5]]);
    let _ = write!(out, " pes {:02x} length {length} pts={}", payload[3], stamp(9));
    if payload[7] & 0xc0 == 0xc0 {
        let _ = write!(out, " dts={}", stamp(14));
    }
}
