// A certificate that is not the one that was announced: the DTLS handshake must fail the connection, and no audio may pass (RFC 8827 §6.5).

const { Pair } = require('../support/pair');
const { describeWithBystander } = require('./bystander');

/** The fingerprint with every hex digit changed. */
const forged = ({ type, sdp }) => ({
  type,
  sdp: sdp.replace(
    /^(a=fingerprint:\S+ )(\S+)/gm,
    (_, head, digits) => head + digits.replace(/[0-9A-F]/gi, (d) => (15 - parseInt(d, 16)).toString(16).toUpperCase()),
  ),
});

describeWithBystander('a wrong fingerprint', (bystander) => {
  for (const forgedType of ['offer', 'answer']) {
    test(`in the ${forgedType} fails the connection that was told it, before any audio`, async () => {
      await bystander().undisturbed(async () => {
        const pair = new Pair();
        try {
          const deceived = forgedType === 'offer' ? pair.right : pair.left;
          const tracks = [];
          deceived.pc.addEventListener('track', ({ track }) =>
            track.addEventListener('unmute', () => tracks.push(track)),
          );
          await pair.negotiate((description) => (description.type === forgedType ? forged(description) : description));
          await deceived.failed();
          expect(deceived.dtls().state).toBe('failed');
          expect(deceived.state().connectionState).toBe('failed');
          expect(tracks).toEqual([]);
        } finally {
          pair.end();
        }
      });
    });
  }
});
