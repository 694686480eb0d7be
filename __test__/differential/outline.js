// What of a session description does not depend on chance, nor on what an implementation has besides.

/** Both sides have them. */
const AUDIO = ['opus', 'G722', 'PCMU', 'PCMA', 'telephone-event'];

/** `names` gives each stream a name of its own. */
function outlineSdp(sdp, names) {
  const [session, ...sections] = sdp.split(/^(?=m=)/m).map((part) => part.split(/\r\n/).filter(Boolean));
  const values = (lines, name) =>
    lines.filter((line) => line.startsWith(`a=${name}:`)).map((line) => line.slice(name.length + 3));
  const has = (lines, name) => lines.includes(`a=${name}`);
  // Their names are the implementation's.
  const mids = sections.map((lines) => values(lines, 'mid')[0]);
  const lives = (lines) => !/^m=\w+ 0 /.test(lines[0]) || has(lines, 'bundle-only');
  return {
    bundle: values(session, 'group')
      .map((group) =>
        group
          .split(' ')
          .slice(1)
          .map((mid) => mids.indexOf(mid))
          .join(' '),
      )
      .join(),
    sections: sections.map((lines) => {
      const [, kind, port] = /^m=(\w+) (\d+)/.exec(lines[0]);
      // What is in a refused section means nothing.
      if (!lives(lines)) return { kind, port: 0 };
      const payloads = lines[0].split(' ').slice(3);
      const maps = new Map(values(lines, 'rtpmap').map((value) => value.split(/[ /]/)));
      const direction = ['sendrecv', 'sendonly', 'recvonly', 'inactive'].filter((each) => has(lines, each)).join();
      const codecs = payloads.map((payload) => maps.get(payload)).filter((name) => AUDIO.includes(name));
      return {
        kind,
        port: port === '0' ? 0 : 'some',
        direction,
        // Streams of nothing mean nothing.
        msids: direction.startsWith('send')
          ? values(lines, 'msid').map((value) => names.stream(value.split(' ')[0]))
          : [],
        // Who offered and who rolled back decides whether it is active or passive.
        setup: values(lines, 'setup')
          .join()
          .replace(/active|passive/, 'answered'),
        iceOptions: [...values(session, 'ice-options'), ...values(lines, 'ice-options')].join(),
        mux: has(lines, 'rtcp-mux'),
        bundleOnly: has(lines, 'bundle-only'),
        fingerprint: values(lines, 'fingerprint').length + values(session, 'fingerprint').length > 0,
        rids: values(lines, 'rid').join(),
        simulcast: values(lines, 'simulcast').join(),
        sctp: values(lines, 'sctp-port').join(),
        codecs: codecs.filter((name, index) => codecs.indexOf(name) === index).join(' '),
      };
    }),
  };
}

module.exports = { outlineSdp };
