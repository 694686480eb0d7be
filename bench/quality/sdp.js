// Changes to descriptions on their way: one codec is offered, alone or with redundancy, and the only candidate is the network's.

const EOL = '\r\n';
const HOST = '127.0.0.1';
// The first is preferred: libwebrtc sends redundancy where that comes before its codec.
const RTPMAPS = {
  opus: [/^opus\/48000/i],
  pcmu: [/^PCMU\/8000/i],
  red: [/^red\/48000/i, /^opus\/48000/i],
};

const linesOf = (sdp) => sdp.split(/\r?\n/).filter(Boolean);

/** The description with `codec` alone in its audio section; `red` is Opus in redundancy (RFC 2198). */
function offerOnly(codec, sdp) {
  const lines = linesOf(sdp);
  const maps = lines.map((line) => line.match(/^a=rtpmap:(\d+) (\S+)/)).filter(Boolean);
  const kept = RTPMAPS[codec].map((wanted) => maps.find(([, , name]) => wanted.test(name))?.[1]);
  if (kept.includes(undefined)) throw new Error(`${codec} is not offered`);
  return lines
    .filter((line) => {
      const about = line.match(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/);
      return !about || kept.includes(about[1]);
    })
    .map((line) => (line.startsWith('m=audio ') ? [...line.split(' ').slice(0, 3), ...kept].join(' ') : line))
    .map((line) => line + EOL)
    .join('');
}

/** The UDP port on 127.0.0.1 that the description names. */
function loopbackPort(sdp) {
  for (const line of linesOf(sdp)) {
    const candidate = line.match(/^a=candidate:\S+ 1 udp \S+ (\S+) (\d+) typ host/i);
    if (candidate?.[1] === HOST) return Number(candidate[2]);
  }
  throw new Error(`no candidate on ${HOST}`);
}

/** The description with that port on 127.0.0.1 as its only candidate. */
function reachedAt(port, sdp) {
  const lines = linesOf(sdp).filter((line) => !/^a=(candidate:|end-of-candidates)/.test(line));
  const section = lines.findIndex((line) => line.startsWith('m='));
  lines.splice(section + 1, 0, `c=IN IP4 ${HOST}`, `a=candidate:1 1 udp 2130706431 ${HOST} ${port} typ host`);
  return lines
    .filter((line, i) => !line.startsWith('c=') || i === section + 1)
    .map((line) => line + EOL)
    .join('');
}

module.exports = { loopbackPort, offerOnly, reachedAt };
