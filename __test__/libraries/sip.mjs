// A JsSIP and a SIP.js user agent call each other over a SIP proxy on 127.0.0.1, with sound both ways.
import { createRequire } from 'node:module';
import { hears, speak } from './page.mjs';
import { startProxy } from './sip-proxy.mjs';
import { check, finish, next } from './tap.mjs';

const JsSIP = createRequire(import.meta.url)('jssip');
const { Inviter, Registerer, RegistererState, SessionState, UserAgent } = await import('sip.js');

const JSSIP_HZ = 500;
const SIPJS_HZ = 700;
const proxy = await startProxy();

/** SIP.js tells by emitters with listeners. */
function reaches(object, state) {
  if (object.state === state) return Promise.resolve();
  return new Promise((resolve) => object.stateChange.addListener((now) => now === state && resolve()));
}

const jssip = new JsSIP.UA({
  uri: 'sip:alice@phones.invalid',
  sockets: [new JsSIP.WebSocketInterface(proxy.url)],
  session_timers: false,
});
const invited = [];
const sipjs = new UserAgent({
  uri: UserAgent.makeURI('sip:bob@phones.invalid'),
  transportOptions: { server: proxy.url },
  logBuiltinEnabled: false,
  delegate: { onInvite: (invitation) => invited.push(invitation) },
});
const audioOnly = { audio: true, video: false };
/** The call of JsSIP, and what SIP.js calls it. */
let session;
let invitation;

await check('both user agents register', async () => {
  const registered = next(jssip, 'registered');
  jssip.start();
  await registered;
  await sipjs.start();
  const registerer = new Registerer(sipjs);
  await registerer.register();
  await reaches(registerer, RegistererState.Registered);
});

/** Speaks at both ends and waits until each hears the other. */
async function talk(alice, bob) {
  const [mine] = alice.getSenders();
  const [theirs] = bob.getSenders();
  speak(mine.track, JSSIP_HZ);
  speak(theirs.track, SIPJS_HZ);
  await Promise.all([hears(alice.getReceivers()[0].track, SIPJS_HZ), hears(bob.getReceivers()[0].track, JSSIP_HZ)]);
}

await check('JsSIP calls SIP.js, and each hears the other', async () => {
  session = jssip.call('sip:bob@phones.invalid', { mediaConstraints: audioOnly });
  const confirmed = next(session, 'confirmed');
  await next(session, 'progress');
  invitation = invited.shift();
  await invitation.accept({ sessionDescriptionHandlerOptions: { constraints: audioOnly } });
  await confirmed;
  await talk(session.connection, invitation.sessionDescriptionHandler.peerConnection);
});

await check('digits that JsSIP sends as RTP events arrive', async () => {
  const bob = invitation.sessionDescriptionHandler.peerConnection;
  let heard = '';
  const all = new Promise((resolve) => {
    bob.addEventListener('dtmf', ({ tone }) => {
      heard += tone;
      if (heard.length === 3) resolve();
    });
  });
  session.sendDTMF('12#', { transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833 });
  await all;
  if (heard !== '12#') throw new Error(heard);
});

await check('JsSIP holds and resumes the call', async () => {
  const renegotiate = (name) => new Promise((resolve) => session[name]({}, resolve));
  const bob = invitation.sessionDescriptionHandler.peerConnection;
  await renegotiate('hold');
  const [held] = bob.getTransceivers();
  if (held.currentDirection !== 'recvonly') throw new Error(`held as ${held.currentDirection}`);
  await renegotiate('unhold');
  if (held.currentDirection !== 'sendrecv') throw new Error(`resumed as ${held.currentDirection}`);
  await talk(session.connection, bob);
});

await check('SIP.js hangs up', async () => {
  const ended = next(session, 'ended');
  await invitation.bye();
  const [{ originator }] = await ended;
  if (originator !== 'remote') throw new Error(originator);
});

await check('SIP.js calls JsSIP, and each hears the other', async () => {
  const incoming = next(jssip, 'newRTCSession');
  const inviter = new Inviter(sipjs, UserAgent.makeURI('sip:alice@phones.invalid'), {
    sessionDescriptionHandlerOptions: { constraints: audioOnly },
  });
  await inviter.invite();
  const [{ session: answered }] = await incoming;
  answered.answer({ mediaConstraints: audioOnly });
  await reaches(inviter, SessionState.Established);
  await talk(answered.connection, inviter.sessionDescriptionHandler.peerConnection);
  const ended = reaches(inviter, SessionState.Terminated);
  answered.terminate();
  await ended;
});

jssip.stop();
await sipjs.stop();
proxy.close();
finish();
