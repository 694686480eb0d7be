// The far side of the demo in a process of its own: the local switch and the person who calls through it.
// Driven over IPC: {seq, do, …} is answered with {seq, result | error}; what happens comes as {event}, levels as {level}.

const { startSwitch, signal } = require('../switch');

const LEVEL_EVERY_MS = 100;
let sw, call, levels;

const commands = {
  async start() {
    sw = await startSwitch();
    sw.on('registered', () => process.send({ event: { type: 'registered' } }));
    sw.on('event', (event) => process.send({ event: JSON.parse(JSON.stringify(event)) }));
    return { sipInfo: sw.sipInfo, port: sw.port };
  },
  async call() {
    call = await sw.call({ autoAnswer: true, source: signal.babble(1), callerName: 'Ada Caller' });
    levels = setInterval(() => process.send({ level: call.media?.level ?? 0 }), LEVEL_EVERY_MS);
  },
  dtmf({ digits }) {
    call.sendDtmf(digits);
  },
  async hold() {
    return (await call.hold()).direction;
  },
  async resume() {
    return (await call.resume()).direction;
  },
  hangup() {
    return call.hangup();
  },
  state() {
    return {
      state: call.state,
      verdict: call.verdict,
      reason: call.reason,
      packetsReceived: call.media.stats.packetsReceived,
    };
  },
  async stop() {
    clearInterval(levels);
    await sw.stop();
    process.disconnect();
  },
};

process.on('message', async ({ seq, do: command, ...args }) => {
  try {
    const result = await commands[command](args);
    if (process.connected) process.send({ seq, result });
  } catch (error) {
    process.send({ seq, error: error.message });
  }
});
