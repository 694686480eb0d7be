/**
 * PCM as Node and Web streams. In Node's they are little-endian bytes, which may be cut anywhere.
 * Invariant: the streams buffer next to nothing themselves: the queues of source and sink are the only ones that count.
 */
import { Readable, Writable } from 'node:stream';
import type { ReadableStream, WritableStream } from 'node:stream/web';
import { types } from 'node:util';
import { loadWebStreams } from '../lazy';
import { isObject } from '../webidl/converters';
import type { PcmFrame, PcmSink } from './PcmSink';
import type { PcmSource } from './PcmSource';
import type { Pcm } from './pcm';

const BYTES_PER_SAMPLE = 2;
/** Of a second: what a writer may have in a stream besides the source's queue. */
const WRITABLE_SHARE = 1 / 10;

export function readable(sink: PcmSink): Readable {
  return new Readable({
    // One frame: the sink keeps the rest, and drops the oldest where nobody reads.
    highWaterMark: (sink.sampleRate * sink.frameMs * BYTES_PER_SAMPLE) / 1000,
    read() {
      sink.read().then((frame) => {
        if (!this.destroyed) this.push(frame ? bytesOf(frame.samples) : null);
      });
    },
    destroy(error, callback) {
      sink.close();
      callback(error);
    },
  });
}

export function readableWeb(sink: PcmSink): ReadableStream<PcmFrame> {
  const { ReadableStream } = loadWebStreams();
  return new ReadableStream<PcmFrame>({
    pull: async (controller) => {
      const frame = await sink.read();
      if (frame) controller.enqueue(frame);
      else controller.close();
    },
    cancel: () => sink.close(),
  });
}

export function writable(source: PcmSource, options: { sampleRate?: number }): Writable {
  const cutter = new FrameCutter(source.channels);
  return new Writable({
    highWaterMark: Math.round(source.sampleRate * source.channels * BYTES_PER_SAMPLE * WRITABLE_SHARE),
    decodeStrings: false,
    write(chunk: Pcm, _encoding, callback) {
      source.captureFrame(cutter.cut(chunk), options).then(() => callback(), callback);
    },
    destroy(error, callback) {
      // Node destroys a stream that has finished, too: that one is played to its end.
      if (error || !this.writableFinished) source.clear();
      callback(error);
    },
  });
}

export function writableWeb(source: PcmSource, options: { sampleRate?: number }): WritableStream<Pcm | PcmFrame> {
  const cutter = new FrameCutter(source.channels);
  const { WritableStream } = loadWebStreams();
  return new WritableStream<Pcm | PcmFrame>({
    start: (controller) => {
      // Not abort(): that one waits for the write that waits for the queue. The types of Node 20 lack the signal.
      const { signal } = controller as typeof controller & { signal: AbortSignal };
      signal.addEventListener('abort', () => source.clear(), { once: true });
    },
    write: (chunk) =>
      isFrame(chunk)
        ? source.captureFrame(chunk.samples, { sampleRate: chunk.sampleRate })
        : source.captureFrame(cutter.cut(chunk), options),
  });
}

function isFrame(chunk: unknown): chunk is PcmFrame {
  return isObject(chunk) && 'samples' in chunk && 'sampleRate' in chunk;
}

function bytesOf(samples: Int16Array): Buffer {
  return Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
}

/** Whole frames out of bytes that were cut anywhere; all else passes, to be judged by the source. */
class FrameCutter {
  readonly #frameBytes: number;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(channels: number) {
    this.#frameBytes = BYTES_PER_SAMPLE * channels;
  }

  cut(chunk: Pcm): Pcm {
    if (!types.isUint8Array(chunk)) return chunk;
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const whole = bytes.length - (bytes.length % this.#frameBytes);
    this.#rest = Uint8Array.from(bytes.subarray(whole));
    return bytes.subarray(0, whole);
  }
}
