// Which WebRTC implementation the tests drive. The package itself unless WEBPHONE_TEST_IMPL=roamhq names @roamhq/wrtc, an independent one:
// a test that fails with both is a wrong test.
// Invariant: tests reach PCM only through `openVoice` and `openEar`; everything else they use is the W3C API.

const { Ear } = require('./ear');
const { Tone } = require('./tone');

const SAMPLE_RATE_HZ = 16_000;
const BLOCK_MS = 10;
const BLOCK_FRAMES = (SAMPLE_RATE_HZ * BLOCK_MS) / 1000;

/** Loopback too: the test machine may have no other address. Other implementations ignore the member. */
const configuration = { loopback: true };

/** Speaks a tone into a PcmSource; its queue sets the pace. */
function packageVoice(rtc) {
  return (hz, { queueMs = 200 } = {}) => {
    const source = new rtc.PcmSource({ sampleRate: SAMPLE_RATE_HZ, channels: 1, queueMs });
    const tone = new Tone(hz, SAMPLE_RATE_HZ);
    const track = source.createTrack();
    let speaking = true;
    const speak = () => {
      while (speaking && source.write(tone.next(BLOCK_FRAMES)));
    };
    source.on('drain', speak);
    speak();
    return {
      track,
      stop() {
        speaking = false;
        source.off('drain', speak);
        track.stop();
      },
    };
  };
}

function packageEar(rtc) {
  return (track) => {
    const ear = new Ear(SAMPLE_RATE_HZ);
    // Tests that take the thread for more than the second that a sink keeps lose frames by their own fault.
    const sink = new rtc.PcmSink(track, { sampleRate: SAMPLE_RATE_HZ, frameMs: 2 * BLOCK_MS, queueFrames: 250 });
    sink.on('data', (frame) => ear.push(frame.samples));
    ear.stop = () => sink.close();
    ear.dropped = () => sink.dropped;
    return ear;
  };
}

/** Speaks by the clock: node-webrtc's source takes 10 ms blocks in real time. */
function nodeWebrtcVoice(rtc) {
  return (hz) => {
    const source = new rtc.nonstandard.RTCAudioSource();
    const track = source.createTrack();
    const tone = new Tone(hz, SAMPLE_RATE_HZ);
    const began = performance.now();
    let spokenMs = 0;
    const timer = setInterval(() => {
      for (; spokenMs < performance.now() - began; spokenMs += BLOCK_MS) {
        source.onData({
          samples: tone.next(BLOCK_FRAMES),
          sampleRate: SAMPLE_RATE_HZ,
          bitsPerSample: 16,
          channelCount: 1,
          numberOfFrames: BLOCK_FRAMES,
        });
      }
    }, BLOCK_MS / 2);
    return {
      track,
      stop() {
        clearInterval(timer);
        track.stop();
      },
    };
  };
}

/** The sink's rate changes during a call, so the ear's rate follows it and starts anew. */
function nodeWebrtcEar(rtc) {
  return (track) => {
    const ear = new Ear(48_000);
    const sink = new rtc.nonstandard.RTCAudioSink(track);
    sink.ondata = ({ samples, sampleRate, channelCount }) => {
      if (sampleRate === ear.sampleRate) ear.push(samples.filter((_, i) => i % channelCount === 0));
    };
    ear.stop = () => sink.stop();
    ear.dropped = () => 0;
    return ear;
  };
}

function load() {
  if (process.env.WEBPHONE_TEST_IMPL === 'roamhq') {
    const rtc = require('@roamhq/wrtc');
    return { name: '@roamhq/wrtc', rtc, configuration, openVoice: nodeWebrtcVoice(rtc), openEar: nodeWebrtcEar(rtc) };
  }
  const rtc = require('webphone-rtc');
  return { name: 'webphone-rtc', rtc, configuration, openVoice: packageVoice(rtc), openEar: packageEar(rtc) };
}

module.exports = load();
