//! H.264 in RTP (RFC 6184), packetization modes 0 and 1: single NAL units, STAP-A, FU-A. Frames are byte streams with start
//! codes (H.264 annex B), as applications of encoded frames have them.
//!
//! Invariant: nothing read here reaches past the bytes it was given, whatever they are.

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const START_CODE: &[u8] = &[0, 0, 0, 1];

/// Appends what a packet carries to its frame; `None` where it is malformed, or of a mode that is not here.
pub fn append(payload: &[u8], frame: &mut Vec<u8>) -> Option<()> {
    let (&header, rest) = payload.split_first()?;
    match header & 0x1f {
        1..=23 => {
            frame.extend_from_slice(START_CODE);
            frame.extend_from_slice(payload);
        }
        STAP_A => {
            let mut rest = rest;
            while !rest.is_empty() {
                let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                frame.extend_from_slice(START_CODE);
                frame.extend_from_slice(rest.get(2..2 + length)?);
                rest = &rest[2 + length..];
            }
        }
        FU_A => {
            let (&fragment, part) = rest.split_first()?;
            if fragment & 0x80 != 0 {
                frame.extend_from_slice(START_CODE);
                frame.push(header & 0xe0 | fragment & 0x1f);
            }
            frame.extend_from_slice(part);
        }
        _ => return None,
    }
    Some(())
}

/// Does this packet begin a frame, as far as one can tell from it alone? The middle of a fragmented unit does not.
pub fn may_be_first(payload: &[u8]) -> bool {
    match payload {
        [header, fragment, ..] if header & 0x1f == FU_A => fragment & 0x80 != 0,
        [] => false,
        _ => true,
    }
}

/// The packets of a frame, of at most `most` bytes each.
pub fn split(frame: &[u8], most: usize) -> Vec<Vec<u8>> {
    let most = most.max(3);
    let mut packets = Vec::new();
    for unit in units(frame) {
        if unit.len() <= most {
            packets.push(unit.to_vec());
            continue;
        }
        let Some((&header, body)) = unit.split_first() else { continue };
        let parts = body.chunks(most - 2);
        let last = parts.len() - 1;
        for (n, part) in parts.enumerate() {
            let ends = if n == 0 { 0x80 } else { 0 } | if n == last { 0x40 } else { 0 };
            packets.push([&[header & 0xe0 | FU_A, ends | header & 0x1f], part].concat());
        }
    }
    packets
}

/// A frame that needs no other: it has an IDR slice.
pub fn is_key(frame: &[u8]) -> bool {
    units(frame).any(|unit| matches!(unit.first().map(|header| header & 0x1f), Some(IDR | SPS)))
}

/// The NAL units between the start codes of a byte stream.
fn units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_code(stream);
    std::iter::from_fn(move || {
        while let Some(stream) = rest {
            rest = after_code(stream);
            let length = rest.map_or(stream.len(), |rest| stream.len() - rest.len() - 3);
            // Zeros before the next start code belong to it.
            let end = stream[..length].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if end > 0 {
                return Some(&stream[..end]);
            }
        }
        None
    })
}

fn after_code(stream: &[u8]) -> Option<&[u8]> {
    let at = stream.windows(3).position(|window| window == &START_CODE[1..])?;
    Some(&stream[at + 3..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<u8> {
        let mut frame = vec![0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 4, 0, 0, 0, 1, 0x65];
        frame.extend((0..3000).map(|n| (n % 250 + 1) as u8));
        frame
    }

    #[test]
    fn a_frame_in_packets_is_the_frame_again() {
        let packets = split(&frame(), 1200);
        assert_eq!(packets.iter().map(|it| it[0] & 0x1f).collect::<Vec<_>>(), [7, 8, FU_A, FU_A, FU_A]);
        assert!(packets.iter().all(|packet| packet.len() <= 1200));
        assert_eq!(packets.iter().map(|it| may_be_first(it)).collect::<Vec<_>>(), [true, true, true, false, false]);
        let mut again = Vec::new();
        packets.iter().for_each(|packet| append(packet, &mut again).unwrap());
        assert_eq!(again, frame());
        assert!(is_key(&again) && !is_key(&[0, 0, 1, 0x41, 9]));
    }

    #[test]
    fn aggregated_units_come_apart_and_torn_ones_are_refused() {
        let mut again = Vec::new();
        append(&[STAP_A, 0, 2, 0x67, 1, 0, 1, 0x68], &mut again).unwrap();
        assert_eq!(again, [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68]);
        for torn in [&[][..], &[STAP_A, 0], &[STAP_A, 0, 9, 1], &[FU_A], &[29, 1], &[0, 1]] {
            assert_eq!(append(torn, &mut Vec::new()), None, "{torn:?}");
        }
        assert_eq!(split(&[1, 2, 3], 100), Vec::<Vec<u8>>::new(), "no start code, no unit");
    }
}
