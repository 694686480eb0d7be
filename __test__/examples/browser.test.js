// The page of examples/browser in Chromium, each of its calls: what is heard, by the frequency of it.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { start } = require('../../examples/browser/server.js');
const { describeWithChromium } = require('../browsers/browser');

describeWithChromium('the page of examples/browser', (browser) => {
  let server;
  let folder;
  const contexts = [];

  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'webphone-rtc-browser-'));
    server = await start({ port: 0, folder });
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    await server.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** A page whose microphone sounds `hz` (0: silence) that has called `what`. */
  async function call(what, hz) {
    const context = await browser().browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    await page.addInitScript((frequency) => {
      navigator.mediaDevices.getUserMedia = async () => {
        const audio = new AudioContext();
        const out = new MediaStreamAudioDestinationNode(audio);
        const gain = new GainNode(audio, { gain: frequency ? 0.3 : 0 });
        const oscillator = new OscillatorNode(audio, { frequency: frequency || 440 });
        oscillator.connect(gain).connect(out);
        oscillator.start();
        return out.stream;
      };
    }, hz);
    await page.goto(server.url.replace('127.0.0.1', 'localhost'));
    await page.click(`[data-call=${what}]`);
    await page.locator('#state', { hasText: `${what}: connected` }).waitFor();
    return page;
  }

  /** Until the strongest frequency is `hz`, to the width of two lines of the analyser. */
  const hears = (page, hz) =>
    page.waitForFunction((wanted) => {
      if (!analyser) return false; // eslint-disable-line no-undef -- of the page
      const lines = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(lines);
      const strongest = lines.indexOf(Math.max(...lines));
      const width = audio.sampleRate / analyser.fftSize;
      return lines[strongest] > -50 && Math.abs(strongest * width - wanted) < 2 * width;
    }, hz);

  test('echo: the caller hears himself', async () => {
    await hears(await call('echo', 1000), 1000);
  });

  test('record: what he says is in a file that is complete when he has hung up', async () => {
    const page = await call('record', 1000);
    await hears(page, 880);
    await page.click('#end');
    const [file] = fs.readdirSync(folder);
    expect(file).toMatch(/^caller-\d+\.opus$/);
    const until = Date.now() + 20_000;
    const bytes = () => fs.readFileSync(path.join(folder, file));
    // The last page of an Ogg stream has the flag 4 (RFC 3533 §6).
    const ended = () => {
      const last = bytes().lastIndexOf('OggS');
      return last > 0 && (bytes()[last + 5] & 4) === 4;
    };
    while (!ended() && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ended()).toBe(true);
    expect(bytes().length).toBeGreaterThan(1000);
  });

  test('ivr: each key is answered by its tone, and # ends the call', async () => {
    const page = await call('ivr', 0);
    await hears(page, 300);
    await page.click('#keys button:text-is("2")');
    await hears(page, 500);
    await page.click('#keys button:text-is("1")');
    await hears(page, 400);
    await page.click('#keys button:text-is("#")');
    await page.waitForFunction(() => document.getElementById('end').disabled);
  });

  test('mix: each of three hears the others and not himself', async () => {
    const [low, high, silent] = [await call('mix', 500), await call('mix', 2000), await call('mix', 0)];
    await hears(low, 2000);
    await hears(high, 500);
    await silent.waitForFunction(() => {
      const lines = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(lines);
      const at = (hz) => lines[Math.round((hz * analyser.fftSize) / audio.sampleRate)];
      return at(500) > -60 && at(2000) > -60;
    });
  });

  test('what is no offer is refused in words, and what a form can send is not taken', async () => {
    const post = (type, text) =>
      fetch(`${server.url}/call/echo`, { method: 'POST', headers: { 'content-type': type }, body: text });
    expect((await post('application/sdp', 'nonsense')).status).toBe(400);
    expect((await post('application/sdp', 'x'.repeat(100_000))).status).toBe(400);
    expect((await post('text/plain', 'v=0')).status).toBe(415);
    expect((await fetch(`${server.url}/call/toString`, { method: 'POST' })).status).toBe(404);
  });
});
