const { call, connection, microphone, next, settled } = require('./calls.js');

let near;
beforeEach(async () => {
  ({ near } = await call());
});

test('tones cannot be inserted before the call is up, nor without a track', async () => {
  const { pc } = connection();
  const { track } = await microphone();
  const { dtmf } = pc.addTrack(track);
  expect(dtmf.canInsertDTMF).toBe(false);
  expect(() => dtmf.insertDTMF('1')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
  pc.close();
  expect(near.sender.dtmf.canInsertDTMF).toBe(true);
  await near.sender.replaceTrack(null);
  expect(near.sender.dtmf.canInsertDTMF).toBe(false);
});

test('tones are upper-cased, durations clamped, and the engine plays them', () => {
  const { dtmf } = near.sender;
  const { id } = near.native.state.transceivers[0];
  dtmf.insertDTMF('1a#', 10, 10000);
  dtmf.insertDTMF('2');
  expect(near.native.called('insertDtmf')).toEqual([
    [id, '1A#', 40, 6000],
    [id, '2', 100, 70],
  ]);
  expect(dtmf.toneBuffer).toBe('2');
  expect(() => dtmf.insertDTMF('12x')).toThrow(expect.objectContaining({ name: 'InvalidCharacterError' }));
  expect(() => dtmf.insertDTMF()).toThrow(TypeError);
  expect(dtmf.toneBuffer).toBe('2');
});

test('tonechange follows the engine, ends with an empty tone, and ignores a buffer that was replaced', async () => {
  const { dtmf } = near.sender;
  const { id: transceiver } = near.native.state.transceivers[0];
  const tones = [];
  dtmf.ontonechange = ({ tone }) => tones.push([tone, dtmf.toneBuffer]);
  dtmf.insertDTMF('99');
  dtmf.insertDTMF('12');
  near.native.report({ type: 'tonechange', transceiver, tone: '9', remaining: '9' });
  near.native.report({ type: 'tonechange', transceiver, tone: '1', remaining: '2' });
  near.native.report({ type: 'tonechange', transceiver, tone: '2', remaining: '' });
  near.native.report({ type: 'tonechange', transceiver, tone: '', remaining: '' });
  await settled();
  expect(tones).toEqual([
    ['1', '2'],
    ['2', ''],
    ['', ''],
  ]);
});

test('a stopped or receiving transceiver takes none', () => {
  const [transceiver] = near.pc.getTransceivers();
  transceiver.stop();
  expect(near.sender.dtmf.canInsertDTMF).toBe(false);
  expect(() => near.sender.dtmf.insertDTMF('')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
});

test('received digits are events of the receiver, then of the connection', async () => {
  const [receiver] = near.pc.getReceivers();
  const log = [];
  receiver.ondtmf = ({ tone, duration }) => log.push(['receiver', tone, duration]);
  near.pc.ondtmf = (event) => log.push(['connection', event.tone, event.receiver === receiver]);
  const heard = next(near.pc, 'dtmf');
  near.native.report({ type: 'dtmf', transceiver: near.native.state.transceivers[0].id, digit: '5', durationMs: 160 });
  await heard;
  expect(log).toEqual([
    ['receiver', '5', 160],
    ['connection', '5', true],
  ]);
});
