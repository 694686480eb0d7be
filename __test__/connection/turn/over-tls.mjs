// Two ends that show only relayed addresses of the turns: server in COTURN_PORT. Prints as JSON what they heard of each other,
// which candidate they have, and which errors.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { Coturn } = require('../../support/coturn');
const { Pair } = require('../../support/pair');

const pair = new Pair({ network: new Coturn(Number(process.env.COTURN_PORT), []).relayOnly('tls') });
const errors = [];
const candidates = [];
pair.left.pc.addEventListener('icecandidateerror', ({ errorCode, errorText }) => errors.push({ errorCode, errorText }));
pair.left.pc.addEventListener('icecandidate', ({ candidate }) => candidate && candidates.push(candidate));
await pair.left.offer();
let talked = false;
if (candidates.length > 0) {
  await pair.left.pc.setLocalDescription({ type: 'rollback' });
  await pair.connect();
  await pair.talks();
  talked = true;
}
pair.end();
console.log(
  JSON.stringify({
    talked,
    errors,
    candidates: candidates.map(({ type, relayProtocol }) => ({ type, relayProtocol })),
  }),
);
