// Hands a track's samples to the page in blocks of 10 ms (one audio quantum at a time would be 375 messages a second).
registerProcessor(
  'tap',
  class extends AudioWorkletProcessor {
    constructor() {
      super();
      this.block = new Float32Array(sampleRate / 100);
      this.filled = 0;
    }

    process([input]) {
      const quantum = input[0];
      if (!quantum) return true;
      for (const sample of quantum) {
        this.block[this.filled++] = sample;
        if (this.filled === this.block.length) {
          this.port.postMessage(this.block);
          this.filled = 0;
        }
      }
      return true;
    }
  },
);
