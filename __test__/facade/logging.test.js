const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { made } = require('./fake-binding.js');
const { call, connection, connectionId, setLogger, settled } = require('./calls');

const levels = ['error', 'warn', 'info', 'debug'];

/** A logger that keeps what it is called with. */
function recorder(extra = {}) {
  const calls = [];
  const methods = levels.map((level) => [level, (...args) => calls.push([level, ...args])]);
  return { calls, ...Object.fromEntries(methods), ...extra };
}

function line(native, fields) {
  native.report({
    type: 'log',
    unixMs: 1,
    level: 'info',
    namespace: 'ice',
    message: 'checking',
    fields: {},
    ...fields,
  });
}

afterEach(() => setLogger(null));

describe('setLogger', () => {
  test('asks the engine for its level, and for nothing once it is gone', () => {
    connection();
    const engine = made.engines.at(-1);
    expect(engine.logLevel).toBe('off');
    setLogger(recorder());
    expect(engine.logLevel).toBe('info');
    setLogger(recorder(), { level: 'debug' });
    expect(engine.logLevel).toBe('debug');
    setLogger(null);
    expect(engine.logLevel).toBe('off');
  });

  test('calls with the message first, or the fields first where the logger is like pino or it is asked for', async () => {
    const { pc, native } = connection();
    const loggers = [recorder(), recorder({ bindings: () => ({}) }), recorder()];
    const message = 'checking';
    const fields = { namespace: 'webphone-rtc:ice', connection: connectionId(pc), transport: 1 };
    for (const [index, logger] of loggers.entries()) {
      setLogger(logger, index === 2 ? { style: 'fields-first' } : {});
      line(native, { fields: { transport: 1 } });
      await settled();
    }
    expect(loggers.map(({ calls }) => calls)).toEqual([
      [['info', message, fields]],
      [['info', fields, message]],
      [['info', fields, message]],
    ]);
  });

  test('passes on nothing above its level', async () => {
    const { native } = connection();
    const logger = recorder();
    setLogger(logger, { level: 'warn' });
    for (const level of levels) line(native, { level });
    await settled();
    expect(logger.calls.map(([level]) => level)).toEqual(['error', 'warn']);
  });

  test('refuses what is no logger, and keeps the one it has', async () => {
    const { native } = connection();
    const logger = recorder();
    setLogger(logger);
    expect(() => setLogger({ info() {} })).toThrow(TypeError);
    expect(() => setLogger(recorder(), { level: 'loud' })).toThrow(TypeError);
    line(native);
    await settled();
    expect(logger.calls).toHaveLength(1);
  });

  test('a logger that throws is told of once and disturbs nothing', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { near } = await call();
    const fails = () => {
      throw new Error('disk full');
    };
    setLogger({ error: fails, warn: fails, info: fails, debug: fails });
    near.native.report({ type: 'ice', transport: 1, state: 'disconnected' });
    near.native.report({ type: 'ice', transport: 1, state: 'connected' });
    await settled();
    expect(near.pc.connectionState).toBe('connected');
    expect(warned.mock.calls.filter(([text]) => text.includes('disk full'))).toHaveLength(1);
    warned.mockRestore();
  });
});

describe('the reason of a state', () => {
  async function reasons(happens) {
    const { near } = await call();
    const logger = recorder();
    setLogger(logger);
    happens(near.native, near.pc);
    await settled();
    near.pc.close();
    return logger.calls.map(([level, message, { reason }]) => [level, message, reason]);
  }
  const ice = (state) => (native) => native.report({ type: 'ice', transport: 1, state });
  const closed = ['info', 'closed', 'closed by the application'];

  test('close()', async () => {
    expect(await reasons((_, pc) => pc.close())).toEqual([closed]);
  });

  test('silence of the far end', async () => {
    const silence = ['warn', 'disconnected', 'the far end has not answered for 5 s; it may come back'];
    expect(await reasons(ice('disconnected'))).toEqual([silence, closed]);
  });

  test('no pair', async () => {
    expect(await reasons(ice('failed'))).toEqual([
      ['error', 'failed', 'no candidate pair has worked within 30 s'],
      closed,
    ]);
  });

  test('a failed handshake: the reason that the engine gives', async () => {
    const failure = { reason: 'the two do not fit', errorDetail: 'dtls-failure' };
    const fail = (native) => native.report({ type: 'dtls', transport: 1, state: 'failed', failure });
    expect(await reasons(fail)).toEqual([['error', 'failed', 'the two do not fit'], closed]);
  });
});

test('a digit is told on its channel, and in the log only at debug', async () => {
  const { near } = await call();
  const told = [];
  const listen = (message) => told.push(message);
  subscribe('webphone-rtc:dtmf', listen);
  const logger = recorder();
  setLogger(logger);
  const [{ id }] = near.native.state.transceivers;
  near.native.report({ type: 'dtmf', transceiver: id, digit: '7', durationMs: 80 });
  await settled();
  unsubscribe('webphone-rtc:dtmf', listen);
  expect(told).toEqual([{ id: connectionId(near.pc), direction: 'received', tone: '7', duration: 80 }]);
  expect(logger.calls).toHaveLength(1);
  expect(JSON.stringify(logger.calls)).not.toContain('"7"');
  near.pc.close();
});

test('connectionId takes a connection only', () => {
  const { pc, native } = connection();
  expect(connectionId(pc)).toBe(native.id);
  expect(() => connectionId({})).toThrow(TypeError);
});
