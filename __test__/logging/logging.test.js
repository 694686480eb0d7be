// What the owner of a bridge reads of a real call: nothing unless asked, then states and reasons in plain words.

const { run } = require('./child');

const ADDRESS = /\b\d{1,3}(\.\d{1,3}){3}\b|\b[0-9a-f]{1,4}(:[0-9a-f]{0,4}){4,}/i;
const SDP = /\bv=0\b|\bm=audio\b|\ba=\w+|candidate:/;

/** `#1 info connecting` and so on, of one namespace and connection. */
function of(lines, namespace, id) {
  const pattern = new RegExp(`^\\S+Z webphone-rtc:${namespace} #${id} (.*)$`);
  return lines.map((line) => line.match(pattern)?.[1]).filter(Boolean);
}

/** `these` come in this order, among others. */
function expectInOrder(lines, these) {
  let from = 0;
  for (const text of these) {
    const index = lines.findIndex((line, at) => at >= from && line.includes(text));
    expect({ text, found: index >= from, lines: index >= from ? [] : lines }).toMatchObject({ text, found: true });
    from = index + 1;
  }
}

jest.setTimeout(90_000);

describe('a call without DEBUG and without a logger', () => {
  test('writes nothing', async () => {
    const { said, lines } = await run({ scenario: 'call.js' });
    expect(lines).toEqual([]);
    expect(said.logged).toEqual([]);
  });
});

describe('DEBUG=webphone-rtc:*', () => {
  let ids, lines;
  beforeAll(async () => {
    const result = await run({ scenario: 'call.js', debug: 'webphone-rtc:*' });
    lines = result.lines;
    ids = result.said.ids;
  });

  test('prints the states of each connection in order, with reasons, under its id', () => {
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) {
      const states = of(lines, 'connection', id);
      expectInOrder(states, [
        'debug opened',
        'info connecting',
        'info connected',
        'info closed',
        'debug the far end was told',
      ]);
      expect(states.find((line) => line.startsWith('info closed'))).toContain('reason="closed by the application"');
    }
  });

  test('prints what the engine does below them', () => {
    for (const id of ids) {
      expectInOrder(of(lines, 'ice', id), ['gathering candidates', 'gathering is complete']);
      expectInOrder(of(lines, 'ice', id), ['info checking', 'info connected']);
      expect(of(lines, 'ice', id)).toContainEqual(
        expect.stringMatching(/a candidate pair is chosen local=\w+ remote=\w+/),
      );
      expectInOrder(of(lines, 'dtls', id), ['the handshake begins', 'info connected']);
      expect(of(lines, 'dtls', id)).toContainEqual(expect.stringMatching(/profile=\S*(AES|GCM)/i));
      expectInOrder(of(lines, 'media', id), ['the first packet has come ssrc=', 'unmuted']);
      expect(of(lines, 'candidate', id)).toContainEqual(expect.stringMatching(/^debug local candidate .*typ host/));
      expect(of(lines, 'sdp', id)).toHaveLength(2);
    }
  });

  test('prints one line for each thing, all of the same shape', () => {
    for (const line of lines)
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z webphone-rtc:[a-z]+ #\d+ (error|warn|info|debug) /);
  });

  test('carries addresses, descriptions and digits at debug only', () => {
    const isDebug = (line) => / #\d+ debug /.test(line);
    const told = lines.filter((line) => !isDebug(line)).map((line) => line.replace(/^\S+ /, ''));
    expect(told.length).toBeGreaterThan(10);
    for (const line of told) {
      expect(line).not.toMatch(ADDRESS);
      expect(line).not.toMatch(SDP);
      expect(line).not.toContain('tone=');
    }
    const secret = lines.filter(isDebug).join('\n');
    expect(secret).toMatch(ADDRESS);
    expect(secret).toMatch(SDP);
    expect(secret).toContain('tone=5');
  });
});

test('nothing that is logged, at any level, has a password of ICE or a credential of TURN in it', async () => {
  const { said, lines } = await run({ scenario: 'call.js', debug: 'webphone-rtc:*', argument: { level: 'debug' } });
  expect(said.secrets).toHaveLength(3);
  const everything = [...lines, JSON.stringify(said.logged)].join('\n');
  for (const secret of said.secrets) expect(everything).not.toContain(secret);
  // The descriptions are there.
  expect(everything.match(/a=ice-pwd:…/g).length).toBeGreaterThanOrEqual(8);
});

test('DEBUG chooses namespaces, and - excludes', async () => {
  const { lines } = await run({ scenario: 'call.js', debug: 'other,webphone-rtc:*,-webphone-rtc:sdp,-*:candidate' });
  const seen = new Set(lines.map((line) => line.match(/webphone-rtc:(\w+)/)[1]));
  expect([...seen].sort()).toEqual(['connection', 'dtls', 'ice', 'media', 'signaling']);
  expect(lines.join('\n')).not.toMatch(SDP);
});

test('a handshake that fails: each end says why in its state line, in the log of DTLS, and to the monitor', async () => {
  const { said, lines } = await run({ scenario: 'wrong-fingerprint.js', debug: 'webphone-rtc:*' });
  const reasons = {
    [said.deceived]: "the far end's certificate does not fit the fingerprint in its description",
    [said.refused]: 'the far end has ended DTLS: it does not accept our certificate (alert 42)',
  };
  for (const [id, reason] of Object.entries(reasons)) {
    expect(of(lines, 'connection', id)).toContainEqual(
      `error failed previous=connecting reason=${JSON.stringify(reason)}`,
    );
    expect(of(lines, 'dtls', id)).toContainEqual(`error failed reason=${JSON.stringify(reason)}`);
    expect(said.told).toContainEqual({ id: Number(id), reason });
  }
});

describe('setLogger', () => {
  test.each(['fields-first', 'message-first'])('hands over what both layers say, %s', async (style) => {
    const { said, lines } = await run({ scenario: 'call.js', argument: { level: 'info', style } });
    expect(lines).toEqual([]);
    const { ids, logged } = said;
    for (const connection of ids) {
      const mine = logged.filter((line) => line.connection === connection);
      expect(mine).toContainEqual(
        expect.objectContaining({
          level: 'info',
          namespace: 'webphone-rtc:connection',
          message: 'connected',
          previous: 'connecting',
        }),
      );
      expect(mine).toContainEqual(
        expect.objectContaining({ level: 'info', namespace: 'webphone-rtc:dtls', profile: expect.any(String) }),
      );
      expect(mine).toContainEqual(
        expect.objectContaining({ message: 'the first packet has come', ssrc: expect.any(Number) }),
      );
    }
    expect(logged).toContainEqual(expect.objectContaining({ message: 'a digit was heard', connection: ids[1] }));
    expect(logged.every(({ level }) => level !== 'debug')).toBe(true);
    const everything = JSON.stringify(logged);
    expect(everything).not.toMatch(ADDRESS);
    expect(everything).not.toMatch(SDP);
  });

  test('debug has to be asked for', async () => {
    const { said } = await run({ scenario: 'call.js', argument: { level: 'debug' } });
    expect(said.logged.some(({ namespace }) => namespace === 'webphone-rtc:candidate')).toBe(true);
  });
});

test('diagnostics channels publish states, digits and tracks', async () => {
  const { said, lines } = await run({ scenario: 'call.js', argument: { listen: true } });
  const { ids, told } = said;
  expect(lines).toEqual([]);
  for (const id of ids) {
    const states = told.connection.filter((message) => message.id === id);
    expect(states.map(({ previous, state }) => [previous, state])).toEqual([
      ['new', 'connecting'],
      ['connecting', 'connected'],
      ['connected', 'closed'],
    ]);
    for (const { reason } of states) expect(reason).toMatch(/^[a-z]+ /);
    const track = { id, kind: 'audio', mid: '0', trackId: expect.any(String) };
    expect(told.track).toContainEqual({ ...track, event: 'added' });
    expect(told.track).toContainEqual({ ...track, event: 'unmuted' });
  }
  expect(told.dtmf).toContainEqual({ id: ids[0], direction: 'sent', tone: '5' });
  expect(told.dtmf).toContainEqual({ id: ids[1], direction: 'received', tone: '5', duration: expect.any(Number) });
});

test('a thread hears of its own connections and at its own level', async () => {
  const { said } = await run({ scenario: 'worker.js' });
  expect(new Set([...said.main.ids, ...said.worker.ids]).size).toBe(4);
  for (const { ids, engine, facade } of [said.main, said.worker]) {
    expect(engine.sort()).toEqual(ids);
    expect(facade.sort()).toEqual(ids);
  }
  expect(said.main.levels).toContain('debug');
  expect(said.worker.levels).not.toContain('debug');
});
