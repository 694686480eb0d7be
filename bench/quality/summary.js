// From what was measured in each call to the numbers of a cell.
// Invariant: implementations are compared segment by segment: the same words over the same network.

const { KEYS } = require('./implementation');
const { mean, quantile, standardError } = require('./numbers');

const delays = (values) => ({ p50: quantile(values, 0.5), p95: quantile(values, 0.95), count: values.length });

const average = (calls, name) => {
  const values = calls.map((call) => call[name]).filter((value) => value !== null);
  return values.length > 0 ? mean(values) : null;
};

/** One implementation over the networks of a cell. */
function summariseReceiver(calls) {
  const sum = (name) => calls.reduce((total, call) => total + call[name], 0);
  const scores = calls.flatMap((call) => call.scores);
  return {
    delayMs: delays(calls.flatMap((call) => call.toneDelaysMs)),
    speechDelayMs: delays(calls.flatMap((call) => call.speechDelaysMs)),
    windows: sum('windows'),
    badShare: sum('bad') / sum('windows'),
    pesq: { mean: mean(scores), standardError: standardError(scores), scores },
    concealedShare: average(calls, 'concealedShare'),
    removedShare: average(calls, 'removedShare'),
    insertedShare: average(calls, 'insertedShare'),
    bufferDelayMs: average(calls, 'bufferDelayMs'),
    deliveredShare: Math.min(...calls.map((call) => call.deliveredShare)),
    bitrate: average(calls, 'bitrate'),
    sinkRateHz: calls[0].sinkRateHz,
  };
}

/** @param {{ cell: object, receivers: object, starved: boolean }[]} results of one cell, over one or more networks */
function summarise(results) {
  const receivers = Object.fromEntries(
    KEYS.map((key) => [key, summariseReceiver(results.map((result) => result.receivers[key]))]),
  );
  const [own, other] = KEYS.map((key) => receivers[key].pesq.scores);
  const differences = own.map((score, i) => score - other[i]);
  const counts = results.map((result) => result.receivers[KEYS[0]].network);
  return {
    cell: results[0].cell,
    networks: results.length,
    starved: results.some(({ starved }) => starved),
    lostShare: mean(counts.map(({ lost, packets }) => lost / packets)),
    receivers,
    pesqDifference: { mean: mean(differences), standardError: standardError(differences) },
  };
}

module.exports = { summarise };
