// A far end that does not handle what comes: it is not flooded, and nothing is lost.

const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { RTCPeerConnection } = require('webphone-rtc');

const MB = 1024 * 1024;
/** The receive window, and as much again on the way to JavaScript, with room for the last message of each. */
const MOST_TAKEN = 3 * MB;

/** Resolves when nothing has left for a while. */
async function quiet(channel) {
  for (let still = 0, before; still < 20; before = channel.bufferedAmount) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    still = channel.bufferedAmount === before ? still + 1 : 0;
  }
}

test('a reader that sleeps holds the sender back, and gets everything when it wakes', async () => {
  const awake = new Int32Array(new SharedArrayBuffer(4));
  const reader = new Worker(path.join(__dirname, 'slow-reader.js'), { workerData: awake.buffer });
  const heard = [];
  const waiting = new Set();
  reader.on('message', (message) => {
    heard.push(message);
    for (const check of waiting) check();
  });
  const hears = (wanted) =>
    new Promise((resolve) => {
      const check = () => {
        const found = heard.findLast(wanted);
        if (found && waiting.delete(check)) resolve(found);
      };
      waiting.add(check);
      check();
    });
  const near = new RTCPeerConnection({ loopback: true });
  try {
    const channel = near.createDataChannel('bulk');
    const open = new Promise((resolve) => {
      channel.onopen = resolve;
    });
    await near.setLocalDescription();
    if (near.iceGatheringState !== 'complete') {
      await new Promise((resolve) => {
        near.onicegatheringstatechange = () => near.iceGatheringState === 'complete' && resolve();
      });
    }
    reader.postMessage({ offer: { type: 'offer', sdp: near.localDescription.sdp } });
    await near.setRemoteDescription((await hears(({ answer }) => answer)).answer);
    await open;

    reader.postMessage({ sleep: true });
    await hears(({ sleeping }) => sleeping);
    const total = 15 * MB;
    for (let sent = 0; sent < total; sent += MB / 4) channel.send(new Uint8Array(MB / 4));
    await quiet(channel);
    expect(channel.bufferedAmount).toBeGreaterThanOrEqual(total - MOST_TAKEN);

    Atomics.store(awake, 0, 1);
    Atomics.notify(awake, 0);
    while (channel.bufferedAmount > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    let told = {};
    while (told.bytes !== total) {
      heard.length = 0;
      reader.postMessage({});
      told = await hears(({ bytes }) => bytes !== undefined);
    }
    expect(told).toEqual({ bytes: total, messages: 60 });
  } finally {
    Atomics.store(awake, 0, 1);
    Atomics.notify(awake, 0);
    reader.postMessage({ end: true });
    near.close();
    await new Promise((resolve) => reader.once('exit', resolve));
  }
}, 60_000);
