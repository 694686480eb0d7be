// A certificate that is not the one that was announced: the DTLS handshake must fail the connection, and no audio may pass (RFC 8827 §6.5).

const { forged } = require('../support/fingerprint');
const { Pair } = require('../support/pair');
const { describeWithBystander } = require('./bystander');

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
          const errors = [];
          await pair.negotiate((description) => {
            if (description.type === 'answer')
              // both have their transports, and neither has begun
              deceived.dtls().addEventListener('error', ({ error }) => errors.push(error.errorDetail));
            return description.type === forgedType ? forged(description) : description;
          });
          await deceived.failed();
          expect(errors).toEqual(['fingerprint-failure']);
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
