// Transforms as they are written for a browser's worker; `options.name` says which. Started with webphone-rtc/register.

/* global onrtctransform: writable */

const KEY = 0x5a;

const collected = new FinalizationRegistry((port) => port.postMessage('collected'));

function xor(frame) {
  const bytes = new Uint8Array(frame.data);
  for (let n = 0; n < bytes.length; n++) bytes[n] ^= KEY;
  frame.data = bytes.buffer;
}

const TRANSFORMS = {
  xor: ({ readable, writable }) => {
    const transform = (frame, controller) => {
      xor(frame);
      controller.enqueue(frame);
    };
    readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable);
  },
  /** Passes frames on until it is told to throw; tells that, and that its transformer has been collected. */
  failing: (transformer) => {
    const { readable, writable, options } = transformer;
    collected.register(transformer, options.port);
    let fail = false;
    options.port.onmessage = () => {
      fail = true;
    };
    const transform = (frame, controller) => {
      if (fail) throw new Error('transform');
      controller.enqueue(frame);
    };
    readable
      .pipeThrough(new TransformStream({ transform }))
      .pipeTo(writable)
      .catch((error) => {
        options.port.postMessage(error.message);
        // Only here: Chromium runs this file too.
        require('node:v8').setFlagsFromString('--expose-gc');
        setInterval(require('node:vm').runInNewContext('gc'), 50);
      });
  },
  /** Reads what there is only when it is asked, and tells the sequence numbers. */
  slow: ({ readable, options }) => {
    const reader = readable.getReader();
    options.port.onmessage = async ({ data }) => {
      const sequences = [];
      while (sequences.length < data) sequences.push((await reader.read()).value.getMetadata().sequenceNumber);
      options.port.postMessage(sequences);
    };
  },
  /** Tells what it is given, and passes it on. */
  telling: async ({ readable, writable, options }) => {
    const writer = writable.getWriter();
    for await (const frame of readable) {
      const { byteLength } = frame.data;
      options.port.postMessage({ metadata: frame.getMetadata(), byteLength, kind: frame.constructor.name });
      writer.write(frame);
      // A frame that was written is empty, and without effect when it is written again.
      writer.write(frame);
    }
    options.port.postMessage('end');
  },
};

onrtctransform = ({ transformer }) => {
  TRANSFORMS[transformer.options.name](transformer);
  transformer.options.port?.postMessage('started');
};
