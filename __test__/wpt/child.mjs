// Runs one test file in this process, over the package. argv: the file, where to report (JSON lines), the deadlines.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import vm from 'node:vm';
import { pageOf, readSuiteFile, SUITE } from './suite.mjs';
import { installMedia, installWindow, load, reportException, reportRejection } from './window.mjs';
import { workerClass } from './worker.mjs';

const [file, out, config] = process.argv.slice(2);
const rtc = createRequire(import.meta.url)('../../dist/index.js');
const { mediaDevices, nonstandard: _, ...names } = rtc;
const INTERFACES = /^(RTC|KeyFrameRequestEvent$|Media|InputDeviceInfo$|OverconstrainedError$|DeviceChangeEvent$)/;

const fd = fs.openSync(out, 'a');
const emit = (line) => fs.writeSync(fd, `${line}\n`);

/** A live track with a tone, where a page would take one from an AudioContext. */
function createAudioTrack() {
  const source = new rtc.PcmSource({ sampleRate: 48000 });
  let phase = 0;
  const speak = () => {
    phase += 480;
    source.write(
      Int16Array.from({ length: 480 }, (_, n) => 8000 * Math.sin((2 * Math.PI * 440 * (phase + n)) / 48000)),
    );
  };
  setInterval(speak, 10).unref();
  return source.createTrack();
}

process.on('uncaughtException', (error) => reportException(error));
process.on('unhandledRejection', (reason, promise) => reportRejection(reason, promise));

const base = `https://web-platform.test:8443/${file}`;
const define = installWindow({ url: base, suite: SUITE });
for (const [name, value] of Object.entries(names)) if (INTERFACES.test(name)) define(name, value);
installMedia({ mediaDevices, createAudioTrack });
define('Worker', workerClass(base));
define('__wptConfig', JSON.parse(config));
define('__wptEmit', (line) => {
  emit(line);
  if (line.startsWith('{"k":"done"')) setTimeout(() => process.exit(0), 0);
});

load(pageOf(file), (element) => {
  const type = element.getAttribute('type') ?? '';
  if (type && !/javascript/.test(type)) return;
  try {
    const src = element.getAttribute('src');
    const filename = src ? decodeURIComponent(new URL(src, base).pathname).slice(1) : file;
    const code = src ? readSuiteFile(filename) : element.textContent;
    vm.runInThisContext(code, { filename: path.join(SUITE, filename) });
  } catch (error) {
    reportException(error);
  }
});
// The page waits for events of the implementation.
setInterval(() => {}, 1000);
