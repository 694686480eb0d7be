// A call's connection to the AI by itself: what a slow or absent AI costs.

const { AiLink } = require('../../examples/bridge/ai-link.js');
const { profileOf } = require('../../examples/bridge/profiles');
const { ScriptedAi } = require('./support/scripted-ai.js');

const FRAME = new Int16Array(320);
const A_MINUTE = 3000;

function linkTo(ai, { log = () => {} } = {}) {
  return new AiLink({
    url: ai.env.PYTHON_WS_URL,
    profile: profileOf({ profile: 'jambonz', sampleRate: 16000 }),
    call: { callId: 'one' },
    log,
  });
}

test('a slow AI is not buffered for without end: it misses frames instead, and hears again when it reads', async () => {
  const ai = await ScriptedAi.start();
  const link = linkTo(ai);
  link.hear(FRAME); // nobody there yet: not kept
  const up = new Promise((resolve) => link.once('up', resolve));
  link.start();
  await up;
  const connection = await ai.connection();
  connection.socket.pause();
  for (let i = 0; i < 10 * A_MINUTE; i++) link.hear(FRAME);
  expect(link.framesDropped).toBeGreaterThan(0);
  expect(link.framesSent + link.framesDropped).toBe(10 * A_MINUTE);

  connection.socket.resume();
  await ai.when(() => connection.audio.length === link.framesSent);
  const dropped = link.framesDropped;
  link.hear(FRAME);
  await ai.when(() => connection.audio.length === link.framesSent);
  expect(link.framesDropped).toBe(dropped);
  link.stop('over');
  await ai.when(() => connection.closed === 1000);
  await ai.stop();
});

test('an AI that accepts and then fails is asked ever more rarely', async () => {
  const ai = await ScriptedAi.start();
  ai.sockets.on('connection', (socket) => socket.close(1011));
  const waits = [];
  const link = linkTo(ai, { log: (_level, _text, { inMs } = {}) => inMs && waits.push(inMs) });
  link.start();
  await ai.when(() => ai.connections.length === 5);
  link.stop('over');
  await ai.stop();
  expect(waits[3]).toBeGreaterThan(200); // the longest first wait
});

test('why an AI cannot be reached is a warning the first time', async () => {
  const ai = await ScriptedAi.start();
  ai.sockets.options.verifyClient = (_, refuse) => refuse(false, 401);
  const said = [];
  let enough;
  const thrice = new Promise((resolve) => {
    enough = resolve;
  });
  const link = linkTo(ai, {
    log: (level, _text, { reason }) => {
      said.push(`${level}: ${reason}`);
      if (said.length === 3) enough();
    },
  });
  link.start();
  await thrice;
  link.stop('over');
  await ai.stop();
  const reason = 'Unexpected server response: 401';
  expect(said).toEqual([`warn: ${reason}`, `debug: ${reason}`, `debug: ${reason}`]);
});
