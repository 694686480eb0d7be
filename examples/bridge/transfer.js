// Hands a caller over to another number, blindly: REFER, by the SDK's transfer(), and then the BYE of an edge that has done it. The
// SDK waits for that BYE and for nothing else; here a refusal is heard too, as the answer to the REFER or in a NOTIFY (RFC 3515).
// Invariant: begin() fails once, within LIMIT_MS and a moment, or the session ends; whoever sees it end asks `begun`.

const LIMIT_MS = 10_000;

class Transfer {
  /** The edge has been asked. */
  begun = false;

  /** success: why the call ends where another takes the caller; failure: where nobody does, or undefined: it goes on. */
  constructor(to, { success, failure }) {
    Object.assign(this, { to, success, failure });
  }

  /** Rejects with why nobody has taken the caller over. Never resolves: the session ends. */
  begin(session) {
    this.begun = true;
    return new Promise((_, reject) => {
      const fail = (reason) => {
        clearTimeout(timer);
        session.off('inboundMessage', heard);
        reject(new Error(reason));
      };
      const heard = (message) => {
        const refusal = refusalIn(message);
        if (refusal) fail(refusal);
      };
      // The SDK's own limit begins with the answer to the REFER, which never comes where the edge is away.
      const timer = setTimeout(() => fail(`no answer within ${LIMIT_MS / 1000} s`), LIMIT_MS);
      session.on('inboundMessage', heard);
      session.once('disposed', () => clearTimeout(timer));
      session.transfer(this.to, LIMIT_MS).catch((error) => fail(error.message));
    });
  }
}

/** `486 Busy Here` and the like, or undefined. */
function refusalIn(message) {
  const answer = message.getHeader('CSeq')?.endsWith(' REFER') ? message.subject : undefined;
  const outcome = message.subject.startsWith('NOTIFY ') ? message.body : undefined;
  return /^SIP\/2\.0 ([3-6]\d\d[^\r\n]*)/.exec(answer ?? outcome ?? '')?.[1];
}

module.exports = { Transfer };
