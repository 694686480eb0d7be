// Programs are run here and there: in a page of Chromium, and in this process.

const fs = require('node:fs');
const path = require('node:path');
const { Browser, asScript } = require('../browsers/browser');
const { outlineSdp } = require('./outline');
const { runProgram } = require('./interpreter');
const { makeWorld } = require('./world');

/** Connections that a page has had count against its limit (500) until they are collected. */
const PROGRAMS_OF_A_PAGE = 100;
const SCRIPTS = ['outline.js', 'world.js', 'interpreter.js'];

class Ours {
  static async start() {
    const rtc = require('webphone-rtc');
    const [audio] = (await rtc.mediaDevices.getUserMedia({ audio: true })).getTracks();
    const [video] = (await rtc.mediaDevices.getUserMedia({ video: true })).getTracks();
    const ours = new Ours();
    ours.world = await makeWorld({ rtc, sources: { audio, video }, outlineSdp });
    return ours;
  }
  async run(programs) {
    const observed = [];
    for (const program of programs) observed.push(await runProgram(this.world, program));
    return observed;
  }
  async stop() {}
}

class Chromiums {
  static async start() {
    const chromiums = new Chromiums();
    chromiums.browser = await Browser.start();
    chromiums.count = 0;
    return chromiums;
  }
  async #open() {
    await this.page?.close();
    this.count = 0;
    this.page = await this.browser.openPage();
    for (const name of SCRIPTS)
      await this.page.addScriptTag({ content: asScript(fs.readFileSync(path.join(__dirname, name), 'utf8')) });
    await this.page.evaluate(async () => {
      const audio = new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0];
      const canvas = document.createElement('canvas');
      canvas.getContext('2d');
      const video = canvas.captureStream(5).getVideoTracks()[0];
      globalThis.world = await globalThis.makeWorld({
        rtc: globalThis,
        sources: { audio, video },
        outlineSdp: globalThis.outlineSdp,
      });
    });
  }
  async run(programs) {
    if (!this.page || this.count + programs.length > PROGRAMS_OF_A_PAGE) await this.#open();
    this.count += programs.length;
    return this.page.evaluate(async (given) => {
      return Promise.all(given.map((program) => globalThis.runProgram(globalThis.world, program)));
    }, programs);
  }
  stop() {
    return this.browser.stop();
  }
}

module.exports = { Chromiums, Ours };
