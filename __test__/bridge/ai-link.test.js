// A call's connection to the AI by itself: what a slow or absent AI costs.

const { AiLink } = require('../../examples/bridge/ai-link.js');
const { profileOf } = require('../../examples/bridge/profiles');
const { ScriptedAi } = require('./support/scripted-ai.js');

const FRAME = new Int16Array(320);
const A_MINUTE = 3000;

function linkTo(ai, { log = () => {}, profile = 'jambonz' } = {}) {
  return new AiLink({
    url: ai.env.PYTHON_WS_URL,
    profile: profileOf({ profile, sampleRate: 16000 }),
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

/** The first `count` lines about attempts at a server that refuses them. */
async function refused(answer, count) {
  const ai = await ScriptedAi.start();
  ai.sockets.options.verifyClient = (_, refuse) => refuse(false, ...answer);
  const said = [];
  let enough;
  const all = new Promise((resolve) => {
    enough = resolve;
  });
  const link = linkTo(ai, {
    log: (level, _text, { reason }) => {
      said.push(`${level}: ${reason}`);
      if (said.length === count) enough();
    },
  });
  link.start();
  await all;
  expect(link.failures).toBe(count);
  link.stop('over');
  await ai.stop();
  return said;
}

test('why an AI cannot be reached is a warning the first time', async () => {
  const reason = 'HTTP 401 (check PYTHON_TOKEN): Unauthorized';
  expect(await refused([401], 3)).toEqual([`warn: ${reason}`, `debug: ${reason}`, `debug: ${reason}`]);
});

test('and again each minute', async () => {
  let now = performance.now();
  jest.spyOn(performance, 'now').mockImplementation(() => {
    now += 31_000;
    return now;
  });
  const levels = (await refused([503], 5)).map((line) => line.split(':')[0]);
  jest.restoreAllMocks();
  expect(levels).toEqual(['warn', 'debug', 'warn', 'debug', 'warn']);
});

test.each([
  [[403], 'HTTP 403 (check PYTHON_TOKEN, and the path of PYTHON_WS_URL): Forbidden'],
  [[404, 'no such\nbot'], 'HTTP 404 (check the path of PYTHON_WS_URL): no such'],
  [[503, `\u001b[1m${'full '.repeat(50)}`], `HTTP 503:  [1m${'full '.repeat(50)}`.slice(0, 110)],
])('a refusal is told in its own words, as one line: %j', async (answer, reason) => {
  expect(await refused(answer, 1)).toEqual([`warn: ${reason}`]);
});

const CANNOT = 'the AI sent something that cannot be used';

test.each([
  ['jambonz', '{"event":"media","media":{"payload":"AAAA"}}', 'event=media', 'AUDIO_PROFILE=twilio would take it'],
  ['jambonz', '{"type":"playAudio","data":{"audioContent":"AAAA"}}', 'type=playAudio', undefined],
  ['jambonz', '{"type":"dtmf","data":{"dtmf":"twelve"}}', 'type=dtmf', undefined],
  ['jambonz', '{"type":"\\u001b[2J"}', 'type= [2J', undefined],
  ['jambonz', 'AAAA', 'no JSON object', undefined],
  ['jambonz', '{}', 'JSON without type and event', undefined],
  ['twilio', '{"type":"killAudio"}', 'type=killAudio', 'AUDIO_PROFILE=jambonz would take it'],
  ['twilio', Buffer.alloc(640), 'binary', 'AUDIO_PROFILE=jambonz would take it'],
])('what %s cannot use is warned of, the first time on a connection: %s', async (profile, message, kind, hint) => {
  const ai = await ScriptedAi.start();
  const warned = [];
  const link = linkTo(ai, {
    profile,
    log: (level, text, fields) => text === CANNOT && warned.push({ level, ...fields }),
  });
  const expected = { level: 'warn', kind, hint };
  const commands = [];
  link.on('command', (command) => commands.push(command));
  link.start();
  const converse = async (index) => {
    const { socket } = await ai.connection(index);
    const clear = JSON.stringify(profile === 'jambonz' ? { type: 'killAudio' } : { event: 'clear' });
    for (const each of [message, message, clear]) socket.send(each);
    await new Promise((resolve) => link.once('command', resolve));
    return socket;
  };
  const socket = await converse(0);
  expect(warned).toEqual([expected]);
  socket.close(1011);
  await ai.when(() => ai.connections.length === 2);
  await converse(1);
  expect(warned).toEqual([expected, expected]);
  expect(commands).toEqual([{ type: 'clear' }, { type: 'clear' }]);
  link.stop('over');
  await ai.stop();
});

test('half a sample is nothing to warn of, nor are ever other kinds without end', async () => {
  const ai = await ScriptedAi.start();
  const warned = [];
  const link = linkTo(ai, { log: (_, text, { kind } = {}) => text === CANNOT && warned.push(kind) });
  link.start();
  const { socket } = await ai.connection();
  socket.send(Buffer.alloc(1));
  for (let i = 0; i < 100; i++) socket.send(JSON.stringify({ type: `${i}${'x'.repeat(100)}` }));
  socket.send('{"type":"killAudio"}');
  await new Promise((resolve) => link.once('command', resolve));
  expect(warned).toHaveLength(16);
  expect(warned[0]).toBe(`type=0${'x'.repeat(39)}`);
  link.stop('over');
  await ai.stop();
});
