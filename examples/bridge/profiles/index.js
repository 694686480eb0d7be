// How a call is put into WebSocket messages. A profile is { sampleRate, subprotocol, binary, bytesPerSecond, open(call, { resumed }) },
// binary: its sound comes in binary messages, of any length; bytesPerSecond: what sound takes in its messages. What open() returns
// belongs to one connection:
//   hello()                 messages that begin the conversation
//   audio(samples)          a frame the caller said
//   dtmf(tone, ms)          a key the caller pressed
//   mark(name, played)      the answer to a mark: played, or cleared before
//   transferred(to, failure) what became of a transfer; failure: a sentence, or undefined
//   stop(reason)            the last messages
//   read(data, isBinary)    one message of the AI as { type: 'audio', samples } | { type: 'clear' } | { type: 'clearMarks' } |
//                           { type: 'mark', name } | { type: 'dtmf', digits, durationMs } | { type: 'transfer', to } |
//                           { type: 'hangup' } | null
// Invariant: read() throws for nothing: what it cannot use is null.

const jambonz = require('./jambonz.js');
const twilio = require('./twilio.js');

/** An AI that writes faster than it speaks is taken so far ahead, in one message or many. */
const MOST_AHEAD_MS = 120_000;
const PROFILES = { jambonz, twilio };

const profileOf = ({ profile, sampleRate }) => PROFILES[profile].create({ sampleRate });

/** The name of the profile that a message seems to be of, if it is of any. */
function profileNameOf(data, isBinary) {
  const wire = (profile) => profile.create({ sampleRate: 8000 }).open({ callId: '' }, { resumed: false });
  return Object.keys(PROFILES).find((name) => wire(PROFILES[name]).read(data, isBinary) !== null);
}

module.exports = { MOST_AHEAD_MS, profileOf, profileNameOf };
