//! RTCP as an audio call needs it: sender and receiver reports, CNAME, BYE (RFC 3550 section 6).
//!
//! Invariant: [`parse`] never fails. What it does not know or cannot read it passes over, because a compound packet
//! of which one part is strange must not lose the others.

const VERSION: u8 = 0x80;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Formats of feedback (RFC 4585 section 6, RFC 5104 section 4.3.1).
const NACK: u8 = 1;
const PLI: u8 = 1;
const FIR: u8 = 4;
const CNAME: u8 = 1;
/// A report count has five bits.
const MAX_BLOCKS: usize = 31;
/// With what SRTCP adds, up to 20 bytes, a datagram of 1200 at most. A report with 31 blocks and the longest CNAME has 1040.
const MAX_COMPOUND: usize = 1180;

/// What a sender says of its own stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock in NTP format, 32.32 seconds since 1900.
    pub ntp: u64,
    /// The RTP timestamp of the same moment, in the stream's clock.
    pub rtp_timestamp: u32,
    /// Packets sent, modulo 2^32.
    pub packets: u32,
    /// Payload bytes sent, modulo 2^32.
    pub octets: u32,
}

/// What a receiver says of a stream that it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream that this block is about.
    pub ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start; negative when there were duplicates. 24 bits on the wire.
    pub cumulative_lost: i32,
    /// Highest sequence number with the count of its cycles above it.
    pub highest_sequence: u32,
    /// Interarrival jitter in clock units of the stream.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's NTP time; 0 when there was none.
    pub last_sender_report: u32,
    /// Time since then, in 1/65536 s.
    pub delay_since_last: u32,
}

/// One thing that a compound packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The stream `ssrc` describes itself.
    Sender {
        /// Who speaks.
        ssrc: u32,
        /// What it sent so far.
        info: SenderInfo,
    },
    /// A receiver describes one of the streams it hears.
    Block(ReportBlock),
    /// These streams have ended.
    Goodbye(Vec<u32>),
    /// The far end wants something of this stream of ours.
    Feedback {
        /// The stream.
        ssrc: u32,
        /// What.
        feedback: Feedback,
    },
}

/// What a receiver asks for (RFC 4585, RFC 5104).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// Packets are missing.
    Nack,
    /// A picture is missing.
    Pli,
    /// A frame that stands for itself.
    Fir,
}

/// What several participants have to say, in as many compound packets as that needs. Each begins with a report and has a
/// CNAME, as RFC 3550 section 6.1 wants it.
#[derive(Debug, Default)]
pub struct Compounds {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

impl Compounds {
    /// Adds what `ssrc` says of itself and of any number of streams that it hears.
    pub fn add(&mut self, ssrc: u32, info: Option<SenderInfo>, blocks: &[ReportBlock], cname: &str) {
        let (first, further) = blocks.split_at(blocks.len().min(MAX_BLOCKS));
        self.append(ssrc, info, first, cname);
        for blocks in further.chunks(MAX_BLOCKS) {
            self.append(ssrc, None, blocks, cname);
        }
    }

    /// Is there nothing to say?
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// The compound packets.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        self.full.iter().chain([&self.last]).map(Vec::as_slice)
    }

    fn append(&mut self, ssrc: u32, info: Option<SenderInfo>, blocks: &[ReportBlock], cname: &str) {
        let start = self.last.len();
        write(ssrc, info, blocks, cname, &mut self.last);
        if self.last.len() > MAX_COMPOUND && start > 0 {
            let last = self.last.split_off(start);
            self.full.push(std::mem::replace(&mut self.last, last));
        }
    }
}

/// The compound packet `SR|RR + SDES` of one participant, RFC 3550 section 6.1, with 31 blocks at most.
pub fn write(ssrc: u32, info: Option<SenderInfo>, blocks: &[ReportBlock], cname: &str, out: &mut Vec<u8>) {
    let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
    let words = if info.is_some() { 6 } else { 1 } + 6 * blocks.len();
    let kind = if info.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    header(out, blocks.len() as u8, kind, words);
    out.extend(ssrc.to_be_bytes());
    if let Some(info) = info {
        out.extend(info.ntp.to_be_bytes());
        out.extend(info.rtp_timestamp.to_be_bytes());
        out.extend(info.packets.to_be_bytes());
        out.extend(info.octets.to_be_bytes());
    }
    for block in blocks {
        write_block(block, out);
    }
    write_cname(ssrc, cname, out);
}

/// `BYE` for `ssrc`, to be appended to a compound packet (RFC 3550 section 6.6).
pub fn write_goodbye(ssrc: u32, out: &mut Vec<u8>) {
    header(out, 1, GOODBYE, 1);
    out.extend(ssrc.to_be_bytes());
}

/// Picture loss indication of `ssrc` about the stream `of`, to be appended to a compound packet (RFC 4585 section 6.3.1).
pub fn write_picture_loss(ssrc: u32, of: u32, out: &mut Vec<u8>) {
    header(out, PLI, PAYLOAD_FEEDBACK, 2);
    out.extend(ssrc.to_be_bytes());
    out.extend(of.to_be_bytes());
}

fn header(out: &mut Vec<u8>, count: u8, kind: u8, words: usize) {
    out.extend([VERSION | count, kind]);
    out.extend((words as u16).to_be_bytes());
}

fn write_block(block: &ReportBlock, out: &mut Vec<u8>) {
    let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
    out.extend(block.ssrc.to_be_bytes());
    out.extend((u32::from(block.fraction_lost) << 24 | lost).to_be_bytes());
    out.extend(block.highest_sequence.to_be_bytes());
    out.extend(block.jitter.to_be_bytes());
    out.extend(block.last_sender_report.to_be_bytes());
    out.extend(block.delay_since_last.to_be_bytes());
}

fn write_cname(ssrc: u32, cname: &str, out: &mut Vec<u8>) {
    let name = &cname.as_bytes()[..cname.len().min(255)];
    // The chunk ends with at least one zero byte and is padded to a word.
    let item = 2 + name.len();
    let words = 1 + item / 4 + 1;
    header(out, 1, SOURCE_DESCRIPTION, words);
    out.extend(ssrc.to_be_bytes());
    out.extend([CNAME, name.len() as u8]);
    out.extend(name);
    out.extend(std::iter::repeat_n(0, 4 - item % 4));
}

/// Everything that a compound packet says, in its order.
pub fn parse(mut packet: &[u8]) -> Vec<Report> {
    let mut reports = Vec::new();
    while let Some((first, kind, body, rest)) = split(packet) {
        let count = usize::from(first & 0x1f);
        match kind {
            SENDER_REPORT => parse_sender(body, count, &mut reports),
            RECEIVER_REPORT => parse_blocks(body.get(4..).unwrap_or_default(), count, &mut reports),
            TRANSPORT_FEEDBACK if first & 0x1f == NACK => parse_feedback(body, Feedback::Nack, &mut reports),
            PAYLOAD_FEEDBACK if first & 0x1f == PLI => parse_feedback(body, Feedback::Pli, &mut reports),
            PAYLOAD_FEEDBACK if first & 0x1f == FIR => parse_fir(body, &mut reports),
            GOODBYE => reports.push(Report::Goodbye(body.chunks_exact(4).take(count).map(u32_at_start).collect())),
            _ => {}
        }
        packet = rest;
    }
    reports
}

fn split(packet: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let [first, kind, high, low, ..] = *packet else { return None };
    let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    if first & 0xc0 != VERSION || packet.len() < length {
        return None;
    }
    Some((first, kind, &packet[4..length], &packet[length..]))
}

fn parse_sender(body: &[u8], count: usize, reports: &mut Vec<Report>) {
    if body.len() < 24 {
        return;
    }
    let word = |index: usize| u32_at_start(&body[4 * index..]);
    let ntp = u64::from(word(1)) << 32 | u64::from(word(2));
    let info = SenderInfo { ntp, rtp_timestamp: word(3), packets: word(4), octets: word(5) };
    reports.push(Report::Sender { ssrc: word(0), info });
    parse_blocks(&body[24..], count, reports);
}

/// The stream is named in the second word.
fn parse_feedback(body: &[u8], feedback: Feedback, reports: &mut Vec<Report>) {
    if body.len() >= 8 {
        reports.push(Report::Feedback { ssrc: u32_at_start(&body[4..]), feedback });
    }
}

/// FIR names its streams in entries of two words.
fn parse_fir(body: &[u8], reports: &mut Vec<Report>) {
    for entry in body.get(8..).unwrap_or_default().chunks_exact(8) {
        reports.push(Report::Feedback { ssrc: u32_at_start(entry), feedback: Feedback::Fir });
    }
}

fn parse_blocks(body: &[u8], count: usize, reports: &mut Vec<Report>) {
    for block in body.chunks_exact(24).take(count) {
        let word = |index: usize| u32_at_start(&block[4 * index..]);
        reports.push(Report::Block(ReportBlock {
            ssrc: word(0),
            fraction_lost: block[4],
            cumulative_lost: ((word(1) << 8) as i32) >> 8,
            highest_sequence: word(2),
            jitter: word(3),
            last_sender_report: word(4),
            delay_since_last: word(5),
        }));
    }
}

/// The first four bytes of `bytes`; 0 where there are fewer.
fn u32_at_start(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
}

/// The middle 32 bits of an NTP time, as report blocks carry it.
pub fn compact_ntp(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// Round-trip time in seconds from a block that came back at `now_ntp` (RFC 3550 section 6.4.1); `None` before the
/// far end has heard a sender report, or when its arithmetic is off.
pub fn round_trip_s(block: &ReportBlock, now_ntp: u64) -> Option<f64> {
    if block.last_sender_report == 0 {
        return None;
    }
    let elapsed = compact_ntp(now_ntp).wrapping_sub(block.last_sender_report).wrapping_sub(block.delay_since_last);
    // A negative difference means that one of the clocks stepped.
    (elapsed < 1 << 31).then(|| f64::from(elapsed) / 65536.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: SenderInfo = SenderInfo { ntp: 0x0102_0304_0506_0708, rtp_timestamp: 9, packets: 10, octets: 11 };

    fn block(ssrc: u32, lost: i32) -> ReportBlock {
        ReportBlock {
            ssrc,
            fraction_lost: 12,
            cumulative_lost: lost,
            highest_sequence: 0x1_0002,
            jitter: 33,
            last_sender_report: 44,
            delay_since_last: 55,
        }
    }

    #[test]
    fn a_compound_packet_reads_back_as_written() {
        for cname in ["", "a", "ab", "abc", "abcd", "a much longer name"] {
            let mut bytes = Vec::new();
            write(7, Some(INFO), &[block(1, 5), block(2, -5)], cname, &mut bytes);
            write_goodbye(7, &mut bytes);
            assert_eq!(bytes.len() % 4, 0);
            let expected = vec![
                Report::Sender { ssrc: 7, info: INFO },
                Report::Block(block(1, 5)),
                Report::Block(block(2, -5)),
                Report::Goodbye(vec![7]),
            ];
            assert_eq!(parse(&bytes), expected, "cname {cname:?}");
        }
    }

    #[test]
    fn any_number_of_blocks_and_streams_is_told_in_compounds_that_fit_and_stand_for_themselves() {
        for (heard, sent) in [(31, 1), (32, 1), (100, 0), (0, 60), (200, 60)] {
            let blocks: Vec<_> = (0..heard).map(|n| block(1000 + n, 0)).collect();
            let (mut compounds, name) = (Compounds::default(), "n".repeat(255));
            for n in 0..sent {
                compounds.add(n, Some(INFO), if n == 0 { &blocks } else { &[] }, &name);
            }
            if sent == 0 {
                compounds.add(7, None, &blocks, "");
            }
            let mut told = Vec::new();
            for packet in compounds.packets() {
                assert!(packet.len() <= MAX_COMPOUND, "{}", packet.len());
                assert!([SENDER_REPORT, RECEIVER_REPORT].contains(&packet[1]));
                let mut rest = packet;
                let kinds: Vec<u8> = std::iter::from_fn(|| {
                    let (_, kind, _, after) = split(rest)?;
                    rest = after;
                    Some(kind)
                })
                .collect();
                assert!(kinds.contains(&SOURCE_DESCRIPTION), "{kinds:?}");
                told.extend(parse(packet));
            }
            let of_blocks: Vec<_> = told.iter().filter(|report| matches!(report, Report::Block(_))).cloned().collect();
            assert_eq!(of_blocks, blocks.iter().map(|block| Report::Block(*block)).collect::<Vec<_>>());
            let senders = told.iter().filter(|report| matches!(report, Report::Sender { .. })).count();
            assert_eq!(senders, sent as usize);
        }
    }

    #[test]
    fn feedback_names_the_stream_that_it_is_about() {
        let mut bytes = Vec::new();
        for (format, kind, words) in [(NACK, TRANSPORT_FEEDBACK, 3), (PLI, PAYLOAD_FEEDBACK, 2), (3, 206, 2)] {
            header(&mut bytes, format, kind, words);
            bytes.extend([0, 0, 0, 1, 0, 0, 0, 9]);
            bytes.resize(bytes.len() + 4 * (words - 2), 0);
        }
        header(&mut bytes, FIR, PAYLOAD_FEEDBACK, 4);
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 5, 0, 0, 0]);
        let of = |feedback| Report::Feedback { ssrc: 9, feedback };
        assert_eq!(parse(&bytes), vec![of(Feedback::Nack), of(Feedback::Pli), of(Feedback::Fir)]);
    }

    #[test]
    fn a_truncated_packet_keeps_what_came_before() {
        let mut bytes = Vec::new();
        write(7, None, &[block(1, 0)], "x", &mut bytes);
        let whole = bytes.len();
        write_goodbye(7, &mut bytes);
        for length in whole..bytes.len() {
            assert_eq!(parse(&bytes[..length]), vec![Report::Block(block(1, 0))]);
        }
    }

    #[test]
    fn a_report_count_above_the_length_reads_only_what_is_there() {
        let mut bytes = Vec::new();
        write(7, None, &[block(1, 0)], "x", &mut bytes);
        bytes[0] = VERSION | 31;
        assert_eq!(parse(&bytes), vec![Report::Block(block(1, 0))]);
    }

    #[test]
    fn round_trip_is_what_is_left_after_the_far_ends_delay() {
        let sent: u64 = 1000 << 32;
        let back = ReportBlock { last_sender_report: compact_ntp(sent), delay_since_last: 65536 / 2, ..block(1, 0) };
        let now = sent + (3 << 31); // 1.5 s later, of which the far end kept 0.5 s
        assert_eq!(round_trip_s(&back, now), Some(1.0));
        assert_eq!(round_trip_s(&back, sent), None);
        assert_eq!(round_trip_s(&ReportBlock { last_sender_report: 0, ..back }, now), None);
    }
}
