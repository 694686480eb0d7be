// What the history of connections keeps: never more than so much, whatever they do.

const { History } = require('../../dist/internals/history');

const line = (connection, changes = {}) => ({
  unixMs: 1000,
  level: 'debug',
  namespace: 'ice',
  connection,
  message: 'something',
  fields: {},
  ...changes,
});
const described = (connection, sdp) => line(connection, { namespace: 'sdp', message: 'local offer', fields: { sdp } });
const sizeOf = (history) => JSON.stringify(history.records).length;

test('the oldest events of a connection go first, and are counted', () => {
  const history = new History();
  for (let n = 0; n < 1000; n++) history.line(line(1, { message: `event ${n}` }));
  const { events, forgotten } = history.get(1);
  expect(events.length + forgotten.events).toBe(1000);
  expect(events.length).toBe(300);
  expect(events.at(-1).message).toBe('event 999');
});

test('connections that are over go before those that live', () => {
  const history = new History();
  history.line(line(1));
  for (let id = 2; id <= 500; id++) {
    history.line(line(id));
    history.line(line(id, { namespace: 'connection', message: 'closed' }));
  }
  expect(history.records.length).toBe(200);
  expect(history.get(1)).toBeDefined();
  expect(history.get(500)).toBeDefined();
  expect(history.get(2)).toBeUndefined();
});

test('ten thousand living connections do not outgrow it either', () => {
  const history = new History();
  for (let id = 1; id <= 10_000; id++) history.line(line(id));
  expect(history.records.length).toBe(200);
});

test('descriptions of any size and number stay below ten megabytes', () => {
  const history = new History();
  for (let n = 0; n < 2000; n++) history.line(described(n % 150, `${n}`.padEnd(200_000, 'x')));
  expect(sizeOf(history)).toBeLessThan(10e6);
  expect(history.get(149).descriptions.at(-1).sdp).toMatch(/^1949/);
  const kept = history.records.flatMap(({ descriptions }) => descriptions).length;
  const gone = history.records.map(({ forgotten }) => forgotten.descriptions).reduce((sum, n) => sum + n);
  expect(kept + gone).toBe(2000);
});

test('a long value in a line is cut', () => {
  const history = new History();
  history.line(line(1, { fields: { candidate: 'x'.repeat(1e6) } }));
  expect(history.get(1).events[0].fields.candidate.length).toBeLessThan(600);
});

test('samples are those of the last five minutes', () => {
  const history = new History();
  history.of(1, 0);
  for (let n = 0; n < 1000; n++) history.sample(1, { unixMs: n * 1000 });
  expect(history.get(1).samples).toHaveLength(300);
  expect(history.get(1).samples.at(-1).unixMs).toBe(999_000);
});
