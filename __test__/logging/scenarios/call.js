// A whole call with a digit, under the logger that the argument describes; prints what logger and channels were told.

const { subscribe } = require('node:diagnostics_channel');
const { connectionId, setLogger } = require('webphone-rtc');
const { configuration } = require('../../support/implementation');
const { Pair } = require('../../support/pair');

const { level, style, listen } = JSON.parse(process.argv[2]) ?? {};
const logged = [];
const told = { connection: [], dtmf: [], track: [] };

if (level) {
  const take = (name) => (first, second) => {
    const [fields, message] = style === 'fields-first' ? [first, second] : [second, first];
    logged.push({ level: name, message, ...fields });
  };
  const [error, warn, info, debug] = ['error', 'warn', 'info', 'debug'].map(take);
  setLogger({ error, warn, info, debug }, { level, style });
}
if (listen) for (const name in told) subscribe(`webphone-rtc:${name}`, (message) => told[name].push(message));

/** What opens a call to whoever reads it. */
const TURN = { urls: 'turn:127.0.0.1:9', username: 'somebody', credential: 'the credential of TURN' };
const passwordsOf = ({ sdp }) => Array.from(sdp.matchAll(/^a=ice-pwd:(\S+)/gm), ([, password]) => password);

async function call() {
  const pair = new Pair();
  pair.left.pc.setConfiguration({ ...configuration, iceServers: [TURN] });
  await pair.connect();
  const secrets = [pair.left, pair.right].flatMap(({ pc }) => passwordsOf(pc.localDescription)).concat(TURN.credential);
  await pair.talks();
  pair.left.sender.dtmf.insertDTMF('5');
  await pair.right.hearsKeys('5');
  const ids = [pair.left, pair.right].map(({ pc }) => connectionId(pc));
  pair.end();
  // The engine says goodbye after the connections are closed here.
  await new Promise((resolve) => setTimeout(resolve, 200));
  console.log(JSON.stringify({ ids, logged, told, secrets }));
}

call();
