// Whatever a call goes through, the counters of one object in getStats() never fall, and it stays the object that it is.

const { StatsWatch } = require('../support/stats-watch');
const { openEar, openVoice } = require('../support/implementation');
const { Talker } = require('../support/talker');

/** Half a second of a call. */
const A_WHILE = 5;

let ends;
let watches;
let others;

beforeEach(() => {
  ends = { a: new Talker({ hz: 1000 }), b: new Talker({ hz: 700 }), c: new Talker({ hz: 500 }) };
  watches = Object.entries(ends).map(([name, { pc }]) => new StatsWatch(pc, name));
  others = [];
});

afterEach(() => {
  for (const watch of watches) watch.stop();
  for (const end of Object.values(ends)) end.end();
  for (const other of others) other.stop();
});

async function negotiate(offerer, answerer, options) {
  await offerer.accept(await answerer.answer(await offerer.offer(options)));
  await Promise.all([offerer.connected(), answerer.connected()]);
}

async function aWhile() {
  await Promise.all(watches.map((watch) => watch.looks(A_WHILE)));
}

function another(hz) {
  const voice = openVoice(hz);
  others.push(voice);
  return voice.track;
}

test('no counter falls, no object becomes another and every reference leads somewhere', async () => {
  const { a, b, c } = ends;
  const hear = ({ track }) => others.push(openEar(track));
  const second = a.pc.addTransceiver(another(800));
  b.pc.addEventListener('track', hear);
  a.pc.createDataChannel('notes');
  await negotiate(a, b);
  await aWhile();

  const [call] = a.pc.getTransceivers();
  call.direction = 'inactive';
  await negotiate(a, b);
  await aWhile();
  call.direction = 'sendrecv';
  await negotiate(b, a);
  await aWhile();

  await negotiate(a, b, { iceRestart: true });
  await aWhile();
  await negotiate(b, a, { iceRestart: true });
  await aWhile();

  await call.sender.replaceTrack(another(600));
  await aWhile();
  await call.sender.replaceTrack(null);
  await aWhile();
  await call.sender.replaceTrack(another(650));
  await aWhile();

  second.stop();
  await negotiate(a, b);
  await aWhile();

  // Another server answers in the place of the first, with streams of its own.
  await negotiate(a, c, { iceRestart: true });
  await aWhile();
  expect(watches.flatMap(({ complaints }) => [...complaints])).toEqual([]);
});
