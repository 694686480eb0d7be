// A far end in a thread of its own that does not come to its event loop until it is woken.

const { parentPort, workerData } = require('node:worker_threads');
const { RTCPeerConnection } = require('webphone-rtc');

const pc = new RTCPeerConnection({ loopback: true });
const awake = new Int32Array(workerData);
let bytes = 0;
let messages = 0;

pc.ondatachannel = ({ channel }) => {
  channel.binaryType = 'arraybuffer';
  channel.onmessage = ({ data }) => {
    bytes += data.byteLength;
    messages++;
  };
};

parentPort.on('message', async ({ offer, sleep, end }) => {
  if (offer) {
    await pc.setRemoteDescription(offer);
    await pc.setLocalDescription();
    if (pc.iceGatheringState !== 'complete') {
      await new Promise((resolve) => {
        pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve();
      });
    }
    parentPort.postMessage({ answer: { type: 'answer', sdp: pc.localDescription.sdp } });
  } else if (sleep) {
    parentPort.postMessage({ sleeping: true });
    Atomics.wait(awake, 0, 0);
  } else if (end) {
    pc.close();
    parentPort.close();
  }
  parentPort.postMessage({ bytes, messages });
});
