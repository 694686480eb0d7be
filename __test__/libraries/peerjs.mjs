// Two PeerJS peers find each other over the PeerServer on 127.0.0.1, exchange data and call each other.
import { createRequire } from 'node:module';
import { hears, speak } from './page.mjs';
import { check, finish, next } from './tap.mjs';

const require = createRequire(import.meta.url);
const { Peer } = require('peerjs');
const { PeerServer } = require('peer');

const CALLER_HZ = 500;
const CALLEE_HZ = 700;

const server = await new Promise((resolve) => {
  PeerServer({ port: 0, host: '127.0.0.1', path: '/' }, resolve);
});
const options = { host: '127.0.0.1', port: server.address().port, path: '/', config: { iceServers: [] } };
const caller = new Peer('caller', options);
const callee = new Peer('callee', options);

await check('both peers are known to the server', () => Promise.all([next(caller, 'open'), next(callee, 'open')]));

for (const serialization of ['binary', 'json', 'raw']) {
  await check(`a ${serialization} data connection carries data both ways`, async () => {
    const incoming = next(callee, 'connection');
    const ours = caller.connect('callee', { serialization, reliable: true });
    const [theirs] = await incoming;
    if (!ours.open) await next(ours, 'open');
    const sent = serialization === 'raw' ? 'twenty thousand'.repeat(1500) : { list: [1, 'two', { three: 3 }] };
    const arrived = next(theirs, 'data');
    ours.send(sent);
    const [data] = await arrived;
    if (JSON.stringify(data) !== JSON.stringify(sent)) throw new Error(JSON.stringify(data).slice(0, 200));
    const answered = next(ours, 'data');
    theirs.send('thanks');
    const [answer] = await answered;
    if (answer !== 'thanks') throw new Error(String(answer));
    const closed = next(theirs, 'close');
    ours.close();
    await closed;
  });
}

await check('a binary data connection carries 300 kB in chunks', async () => {
  const incoming = next(callee, 'connection');
  const ours = caller.connect('callee', { reliable: true });
  const [theirs] = await incoming;
  if (!ours.open) await next(ours, 'open');
  const sent = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251);
  const arrived = next(theirs, 'data');
  ours.send(sent);
  const [data] = await arrived;
  const got = new Uint8Array(data);
  if (got.length !== sent.length || got.some((byte, i) => byte !== sent[i])) throw new Error(`${got.length} bytes`);
  ours.close();
});

await check('a media call is heard at both ends, and its end is told', async () => {
  const microphones = await Promise.all([0, 1].map(() => navigator.mediaDevices.getUserMedia({ audio: true })));
  const incoming = next(callee, 'call');
  const ours = caller.call('callee', microphones[0]);
  const streams = [next(ours, 'stream')];
  const [theirs] = await incoming;
  streams.push(next(theirs, 'stream'));
  theirs.answer(microphones[1]);
  const [[heardByCaller], [heardByCallee]] = await Promise.all(streams);
  speak(microphones[0].getAudioTracks()[0], CALLER_HZ);
  speak(microphones[1].getAudioTracks()[0], CALLEE_HZ);
  await Promise.all([
    hears(heardByCaller.getAudioTracks()[0], CALLEE_HZ),
    hears(heardByCallee.getAudioTracks()[0], CALLER_HZ),
  ]);
  const closed = next(theirs, 'close');
  ours.close();
  await closed;
});

caller.destroy();
callee.destroy();
finish();
