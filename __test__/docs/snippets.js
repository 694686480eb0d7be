// Blocks of JavaScript in documents, and the calls that they are run on.

const { PcmSource } = require('webphone-rtc');
const { read } = require('./documents');
const { Talker } = require('../support/talker');

const AsyncFunction = (async () => {}).constructor;

/** Blocks by the heading of level 2 that they are under; what stands before the first one is under ''. */
function blocksOf(document) {
  const found = new Map();
  for (const section of read(document).split(/^## /m)) {
    const heading = section.startsWith('# ') ? '' : section.split('\n')[0];
    const texts = [...section.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, text]) => text);
    if (texts.length > 0) found.set(heading, texts);
  }
  return found;
}

/** The text as a function of what is in `scope`, which may have another `require`; it gives the functions declared. */
function compile(Kind, text, { require: load = require, ...scope }) {
  const names = [...text.matchAll(/^(?:async )?function (\w+)/gm)].map(([, name]) => name);
  const body = `${text}\nreturn { ${names.join(', ')} };`;
  return new Kind('require', ...Object.keys(scope), body).bind(null, load, ...Object.values(scope));
}

/** Runs a block like a script. */
const run = (text, scope = {}) => compile(Function, text, scope)();
/** Runs a block that awaits at its top level. */
const runAsync = (text, scope = {}) => compile(AsyncFunction, text, scope)();

const ends = [];
/** After each test. */
async function cleanUp() {
  for (const end of ends.splice(0)) await end();
}

/** An answered call: our end as the SDK's session has it, and the far end, who says `voice` (a track) or a tone. */
async function answeredCall({ hz = 1000, voice } = {}) {
  const [near, far] = [new Talker(), new Talker({ hz: voice ? null : hz })];
  ends.push(
    () => near.end(),
    () => far.end(),
  );
  near.addTrack(new PcmSource({ sampleRate: 16000 }).createTrack());
  if (voice) far.sender = far.addTrack(voice);
  await near.accept(await far.answer(await near.offer()));
  await Promise.all([near.connected(), far.connected()]);
  return { call: { rtcPeerConnection: near.pc }, near, far };
}

module.exports = { answeredCall, blocksOf, cleanUp, ends, run, runAsync };
