// The bad network of the quality measure.

const { MEAN_BURST, PacketNumbers, Trace } = require('../../bench/quality/trace');

const PACKETS = 100_000;
const network = (change) => ({ lossPct: 5, jitterMs: 40, delayMs: 20, kind: 'random', seed: 'a', ...change });

function fates(change) {
  const trace = new Trace(network(change));
  return Array.from({ length: PACKETS }, (_, k) => trace.packet(k));
}

function bursts(packets) {
  const lengths = [];
  let run = 0;
  for (const { lost } of [...packets, { lost: false }]) {
    if (!lost && run > 0) lengths.push(run);
    run = lost ? run + 1 : 0;
  }
  return lengths;
}

const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;

describe.each(['random', 'bursty'])('%s loss', (kind) => {
  test.each([0, 1, 5, 20])('takes %d %% of the packets', (lossPct) => {
    const share = fates({ kind, lossPct }).filter(({ lost }) => lost).length / PACKETS;
    // Four standard deviations of a count of bursts of three in the mean.
    const spread = 4 * Math.sqrt((5 * lossPct) / 100 / PACKETS);
    expect(Math.abs(share - lossPct / 100)).toBeLessThanOrEqual(spread);
  });
});

test('bursts have their mean length, whatever the share', () => {
  for (const lossPct of [2, 20]) {
    const length = mean(bursts(fates({ kind: 'bursty', lossPct })));
    expect(length).toBeGreaterThan(0.9 * MEAN_BURST);
    expect(length).toBeLessThan(1.1 * MEAN_BURST);
  }
});

test('random losses do not cluster', () => {
  expect(mean(bursts(fates({ lossPct: 20 })))).toBeCloseTo(1 / (1 - 0.2), 1);
});

test('delays lie evenly between the base delay and the jitter above it', () => {
  const delays = fates({}).map(({ delayMs }) => delayMs);
  expect(Math.min(...delays.slice(0, 10_000))).toBeGreaterThanOrEqual(20);
  expect(Math.max(...delays.slice(0, 10_000))).toBeLessThan(60);
  const tenths = new Array(10).fill(0);
  for (const delayMs of delays) tenths[Math.floor((delayMs - 20) / 4)] += 1 / PACKETS;
  for (const share of tenths) expect(share).toBeCloseTo(0.1, 2);
});

test('a packet meets its fate in whatever order packets are asked for', () => {
  for (const kind of ['random', 'bursty']) {
    const forward = new Trace(network({ kind }));
    const backward = new Trace(network({ kind }));
    const there = Array.from({ length: 1000 }, (_, k) => forward.packet(k));
    const back = Array.from({ length: 1000 }, (_, k) => backward.packet(999 - k)).reverse();
    expect(back).toEqual(there);
  }
});

test('another seed is another network', () => {
  const lost = (seed) => fates({ seed }).map((packet) => packet.lost);
  expect(lost('a')).toEqual(lost('a'));
  expect(lost('a')).not.toEqual(lost('b'));
});

test('an unknown kind of loss is refused', () => {
  expect(() => new Trace(network({ kind: 'burst' }))).toThrow(RangeError);
});

describe('packets are numbered by RTP timestamp', () => {
  test('across the wrap, reordered, with gaps', () => {
    const numbers = new PacketNumbers(960);
    const first = 2 ** 32 - 2 * 960;
    const of = (k) => numbers.of((first + k * 960) % 2 ** 32);
    expect([0, 1, 3, 2, 4, 100, 99, 5].map(of)).toEqual([0, 1, 3, 2, 4, 100, 99, 5]);
  });

  test('for hours', () => {
    const numbers = new PacketNumbers(960);
    let last = 0;
    for (let k = 0; k < 6_000_000; k += 1000) last = numbers.of((k * 960) % 2 ** 32);
    expect(last).toBe(5_999_000);
  });

  test('padding has the number of the packet whose timestamp it repeats', () => {
    const numbers = new PacketNumbers(160);
    expect([1000, 1160, 1160, 1320].map((timestamp) => numbers.of(timestamp))).toEqual([0, 1, 1, 2]);
  });

  test('one from before the first has a negative number', () => {
    const numbers = new PacketNumbers(160);
    numbers.of(1000);
    expect(numbers.of(840)).toBe(-1);
  });
});
