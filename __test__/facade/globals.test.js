const { install, mediaDevices, MediaStream, RTCPeerConnection, uninstall } = require('./calls.js');

afterEach(() => uninstall());

/** A property as it was, after `use` of another. */
function withGlobal(name, value, use) {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  try {
    use();
  } finally {
    if (before) Object.defineProperty(globalThis, name, before);
    else delete globalThis[name];
  }
}

test('install defines what a phone looks for, uninstall takes it away', async () => {
  const navigator = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  install();
  install();
  expect(globalThis.RTCPeerConnection).toBe(RTCPeerConnection);
  expect(globalThis.navigator.mediaDevices).toBe(mediaDevices);
  const audio = document.createElement('audio');
  audio.hidden = true;
  audio.autoplay = true;
  audio.srcObject = new MediaStream();
  expect(audio.paused).toBe(false);
  await audio.setSinkId('default');
  audio.pause();
  await audio.play();
  // The streams of a far end's track are none, and the SDK takes the first.
  audio.srcObject = undefined;
  expect([audio.srcObject, audio.paused]).toEqual([null, true]);
  expect(() => {
    audio.srcObject = {};
  }).toThrow(TypeError);
  audio.srcObject = null;
  audio.remove();
  expect(() => document.createElement('video')).toThrow(expect.objectContaining({ name: 'NotSupportedError' }));
  uninstall();
  expect(globalThis.RTCPeerConnection).toBeUndefined();
  expect(globalThis.document).toBeUndefined();
  expect(Object.getOwnPropertyDescriptor(globalThis, 'navigator')).toEqual(navigator);
});

test('a mock is replaced and comes back', () => {
  const mock = class RTCPeerConnection {};
  withGlobal('RTCPeerConnection', mock, () => {
    install();
    expect(globalThis.RTCPeerConnection).toBe(RTCPeerConnection);
    uninstall();
    expect(globalThis.RTCPeerConnection).toBe(mock);
  });
});

test("a browser's own are not touched", () => {
  const native = Function.prototype.bind.call(class {}); // bound functions print as native code
  const getUserMedia = native;
  const document = { createElement: () => 'element' };
  withGlobal('RTCPeerConnection', native, () =>
    withGlobal('document', document, () =>
      withGlobal('navigator', { mediaDevices: { getUserMedia } }, () => {
        install();
        expect(globalThis.RTCPeerConnection).toBe(native);
        expect(globalThis.document).toBe(document);
        expect(globalThis.navigator.mediaDevices.getUserMedia).toBe(getUserMedia);
        expect(globalThis.MediaStream).toBe(MediaStream);
        uninstall();
      }),
    ),
  );
});

test('a navigator with nothing but getters gets mediaDevices', () => {
  class Navigator {
    get userAgent() {
      return 'Node.js';
    }
  }
  withGlobal('navigator', new Navigator(), () => {
    install();
    expect(navigator.mediaDevices).toBe(mediaDevices);
    uninstall();
    expect('mediaDevices' in navigator).toBe(false);
  });
});

test("require('webphone-rtc/register') installs", () => {
  const register = require('../../dist/register.js');
  expect(typeof globalThis.RTCPeerConnection).toBe('function');
  register.uninstall();
  expect(globalThis.RTCPeerConnection).toBeUndefined();
});
