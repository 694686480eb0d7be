// A call in this thread and one in a worker at the same time, each thread with a logger of its own; prints whose
// connections each of them heard of.

const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { connectionId, setLogger } = require('webphone-rtc');
const { Pair } = require('../../support/pair');

const heard = { engine: new Set(), facade: new Set() };
const take = (_, { namespace, connection }) => {
  heard[namespace === 'webphone-rtc:dtls' ? 'engine' : 'facade'].add(connection);
};
// The two ask for different levels: the greater is not forced upon the other.
const level = isMainThread ? 'debug' : 'info';
const levels = new Set();
const takeLevel = (name) => (message, fields) => {
  levels.add(name);
  take(message, fields);
};
setLogger(
  { error: takeLevel('error'), warn: takeLevel('warn'), info: takeLevel('info'), debug: takeLevel('debug') },
  { level },
);

async function call() {
  const pair = new Pair();
  await pair.connect();
  await pair.talks();
  const ids = [pair.left, pair.right].map(({ pc }) => connectionId(pc));
  pair.end();
  return { ids, engine: [...heard.engine], facade: [...heard.facade], levels: [...levels] };
}

async function both() {
  const worker = new Worker(__filename);
  const theirs = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const main = await call();
  console.log(JSON.stringify({ main, worker: await theirs }));
}

if (isMainThread) both();
else call().then((result) => parentPort.postMessage(result));
