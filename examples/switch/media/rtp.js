// RTP and RTCP packets (RFC 3550), written and read by hand so that tests control every field.

const NTP_EPOCH_S = 2_208_988_800;

function writeHeader({ payloadType, marker = false, sequence, timestamp, ssrc }) {
  const out = Buffer.alloc(12);
  out[0] = 0x80;
  out[1] = (marker ? 0x80 : 0) | payloadType;
  out.writeUInt16BE(sequence & 0xffff, 2);
  out.writeUInt32BE(timestamp >>> 0, 4);
  out.writeUInt32BE(ssrc >>> 0, 8);
  return out;
}

/** {payloadType, marker, sequence, timestamp, ssrc, payload}; null if cut short. */
function parse(data) {
  if (data.length < 12 || data[0] >> 6 !== 2) return null;
  let start = 12 + 4 * (data[0] & 15);
  if (data[0] & 0x10) start += 4 + 4 * data.readUInt16BE(start + 2);
  const end = data.length - (data[0] & 0x20 ? data[data.length - 1] : 0);
  if (start > end) return null;
  return {
    payloadType: data[1] & 0x7f,
    marker: data[1] > 127,
    sequence: data.readUInt16BE(2),
    timestamp: data.readUInt32BE(4),
    ssrc: data.readUInt32BE(8),
    payload: data.subarray(start, end),
  };
}

/** RFC 5761 4: payload type byte 192…223 is RTCP. */
const isRtcp = (data) => data[1] >= 192 && data[1] <= 223;
const isMedia = (data) => data.length >= 12 && data[0] >= 128 && data[0] < 192;

/** Compound SR + SDES. report: {ssrc, cname, timestamp, packets, octets, block?: {ssrc, lost, highest, jitter, lastSr, delay}} */
function senderReport(report) {
  const { block } = report;
  const sr = Buffer.alloc(28 + (block ? 24 : 0));
  const now = Date.now();
  sr[0] = 0x80 | (block ? 1 : 0);
  sr[1] = 200;
  sr.writeUInt16BE(sr.length / 4 - 1, 2);
  sr.writeUInt32BE(report.ssrc >>> 0, 4);
  sr.writeUInt32BE(Math.floor(now / 1000) + NTP_EPOCH_S, 8);
  sr.writeUInt32BE(Math.floor(((now % 1000) / 1000) * 2 ** 32), 12);
  sr.writeUInt32BE(report.timestamp >>> 0, 16);
  sr.writeUInt32BE(report.packets, 20);
  sr.writeUInt32BE(report.octets >>> 0, 24);
  if (block) {
    sr.writeUInt32BE(block.ssrc >>> 0, 28);
    sr.writeUInt32BE(block.lost & 0xffffff, 32);
    sr.writeUInt32BE(block.highest >>> 0, 36);
    sr.writeUInt32BE(block.jitter >>> 0, 40);
    sr.writeUInt32BE(block.lastSr >>> 0, 44);
    sr.writeUInt32BE(block.delay >>> 0, 48);
  }
  const name = Buffer.from(report.cname);
  const sdes = Buffer.alloc(4 * Math.ceil((8 + 2 + name.length + 1) / 4));
  sdes[0] = 0x81;
  sdes[1] = 202;
  sdes.writeUInt16BE(sdes.length / 4 - 1, 2);
  sdes.writeUInt32BE(report.ssrc >>> 0, 4);
  sdes[8] = 1;
  sdes[9] = name.length;
  name.copy(sdes, 10);
  return Buffer.concat([sr, sdes]);
}

/** The packets of a compound: [{type, ssrc, ntpMiddle?, blocks: [{ssrc, lost, fraction, jitter}]}] */
function parseRtcp(data) {
  const packets = [];
  for (let at = 0; at + 8 <= data.length; ) {
    const count = data[at] & 31,
      type = data[at + 1],
      length = 4 * (data.readUInt16BE(at + 2) + 1);
    const packet = { type, ssrc: data.readUInt32BE(at + 4), blocks: [] };
    if (type === 200 && at + 28 <= data.length) packet.ntpMiddle = data.readUInt32BE(at + 10);
    const first = at + (type === 200 ? 28 : 8);
    if (type === 200 || type === 201) {
      for (let i = 0, b = first; i < count && b + 24 <= data.length; i++, b += 24) {
        packet.blocks.push({
          ssrc: data.readUInt32BE(b),
          fraction: data[b + 4],
          lost: data.readUIntBE(b + 5, 3),
          jitter: data.readUInt32BE(b + 12),
        });
      }
    }
    packets.push(packet);
    at += length;
  }
  return packets;
}

module.exports = { writeHeader, parse, isRtcp, isMedia, senderReport, parseRtcp };
