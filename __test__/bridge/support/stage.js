// The bridge between a switch and a scripted AI, and what the tests do to calls.
// Invariant: what was set up in a test is stopped after it, the last first.

const { startSwitch, signal } = require('../../../examples/switch');
const { BridgeProcess } = require('./processes.js');
const { ScriptedAi } = require('./scripted-ai.js');

const running = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

async function setUp({ env, ai: aiOptions, ...switchOptions } = {}) {
  const sw = await startSwitch(switchOptions);
  running.push(() => sw.stop().catch(() => {})); // some tests stop it themselves
  const ai = await ScriptedAi.start(aiOptions);
  running.push(() => ai.stop());
  const bridge = new BridgeProcess(sw, { ...ai.env, ...env });
  running.push(() => bridge.stop());
  await bridge.ready();
  return { sw, ai, bridge };
}

async function answered(sw, options) {
  const call = await sw.call({ autoAnswer: true, source: signal.tone(1000), ...options });
  await call.waitFor('dtls');
  return call;
}

const ended = (call) => (call.verdict ? Promise.resolve() : call.waitFor('ended').catch(() => {}));

/** `ms` of a tone as the jambonz profile's binary. */
function tone(hz, ms, sampleRate = 16000) {
  const pcm = signal.tone(hz)((sampleRate * ms) / 1000, sampleRate);
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

module.exports = { running, setUp, answered, ended, tone };
