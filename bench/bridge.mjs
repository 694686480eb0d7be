// What a call costs the example bridge, with the SDK, the WebSocket to the AI and all: CPU by its own /metrics.
//   node bench/bridge.mjs [calls] [seconds]
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { startSwitch, signal } = require('../examples/switch');
const { BridgeProcess } = require('../__test__/bridge/support/processes.js');
const { ScriptedAi } = require('../__test__/bridge/support/scripted-ai.js');

const [calls, seconds] = [Number(process.argv[2] ?? 10), Number(process.argv[3] ?? 8)];
const sw = await startSwitch();
const ai = await ScriptedAi.start();
const bridge = new BridgeProcess(sw, { ...ai.env, MAX_CALLS: String(calls), LOG_LEVEL: '' });
await bridge.ready();
for (let n = 0; n < calls; n++) {
  const call = await sw.call({ autoAnswer: true, source: signal.babble(n + 1) });
  await call.waitFor('dtls');
}
/** Seconds of CPU, and bytes. */
async function figures() {
  const text = await (await fetch(`${bridge.url}/metrics`)).text();
  const of = (name) => Number(new RegExp(`^webphone_bridge_${name} (.*)$`, 'm').exec(text)[1]);
  return { cpu: of('cpu_seconds_total'), rss: of('resident_bytes') };
}
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
await pause(2000);
const [before, began] = [await figures(), performance.now()];
await pause(seconds * 1000);
const after = await figures();
const share = (100_000 * (after.cpu - before.cpu)) / (performance.now() - began);
console.log(
  `${calls} calls: ${share.toFixed(1)} % of a core, ${(share / calls).toFixed(2)} % each, ${Math.round(after.rss / 1e6)} MB`,
);
await bridge.stop();
await sw.stop();
await ai.stop();
