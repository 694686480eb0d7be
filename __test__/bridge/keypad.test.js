const { Keypad } = require('../../examples/bridge/keypad.js');

/** A connection whose digits are played when the test says so. */
class Line extends EventTarget {
  connectionState = 'new';
  signalingState = 'stable';
  currentDirection = 'sendrecv';
  inserted = [];
  dtmf = Object.assign(new EventTarget(), { canInsertDTMF: false, insertDTMF: (digits) => this.inserted.push(digits) });

  getSenders() {
    return [{ dtmf: null }, { dtmf: this.dtmf }];
  }

  getTransceivers() {
    return [this];
  }

  become(state, { canInsertDTMF = state === 'connected' } = {}) {
    this.connectionState = state;
    this.dtmf.canInsertDTMF = canInsertDTMF;
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  negotiate(direction, { canInsertDTMF = direction === 'sendrecv' } = {}) {
    this.currentDirection = direction;
    this.dtmf.canInsertDTMF = canInsertDTMF;
    this.dispatchEvent(new Event('signalingstatechange'));
  }

  played() {
    this.dtmf.dispatchEvent(Object.assign(new Event('tonechange'), { tone: '' }));
  }
}

const keypadOf = (line) => {
  const warnings = [];
  return { keypad: new Keypad(line, { log: (_, text) => warnings.push(text) }), warnings };
};

test('what is pressed before the connection is up, or while it is interrupted, is sent in its turn', () => {
  const line = new Line();
  const { keypad, warnings } = keypadOf(line);
  keypad.press('1');
  line.become('connecting');
  keypad.press('2');
  expect(line.inserted).toEqual([]);
  line.become('connected');
  expect(line.inserted).toEqual(['1']);
  line.become('disconnected');
  line.played();
  keypad.press('3');
  line.become('connected');
  line.played();
  line.played();
  expect(line.inserted).toEqual(['1', '2', '3']);
  expect(warnings).toEqual([]);
});

test('what is pressed during a hold waits for its end; a new negotiation without one breaks no order off', () => {
  const line = new Line();
  const { keypad, warnings } = keypadOf(line);
  line.become('connected');
  line.negotiate('recvonly');
  keypad.press('1');
  line.negotiate('inactive');
  expect(line.inserted).toEqual([]);
  line.negotiate('sendrecv');
  keypad.press('2');
  line.negotiate('sendrecv');
  expect(line.inserted).toEqual(['1']);
  line.played();
  expect(line.inserted).toEqual(['1', '2']);
  expect(warnings).toEqual([]);
});

test('a far end that takes no digits is told once, and one that has gone gets none', () => {
  const line = new Line();
  const { keypad, warnings } = keypadOf(line);
  keypad.press('1');
  keypad.press('2');
  line.become('connected', { canInsertDTMF: false });
  expect(warnings).toHaveLength(1);
  line.become('disconnected');
  keypad.press('3');
  keypad.close();
  line.become('connected');
  expect(line.inserted).toEqual([]);
});

test('a far end that takes no digits any more, in the middle of an order, is told; one that does again gets the next', () => {
  const line = new Line();
  const { keypad, warnings } = keypadOf(line);
  line.become('connected');
  keypad.press('123');
  line.dtmf.toneBuffer = '23';
  line.negotiate('sendrecv', { canInsertDTMF: false });
  keypad.press('4');
  expect(warnings).toHaveLength(2);
  line.negotiate('sendrecv');
  keypad.press('5');
  line.played();
  keypad.press('6');
  expect(line.inserted).toEqual(['123', '5', '6']);
});
