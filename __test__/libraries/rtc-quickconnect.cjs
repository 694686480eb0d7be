// Runs rtc-quickconnect-test, which is published as a package that takes the library and what makes a signaller.
const { spawn } = require('node:child_process');
const { RTCPeerConnection } = require('../../dist/index.js');
require('./browser.cjs');

/**
 * The library asks createOffer() for sections in the names that Chromium had before the standard's, and some tests begin
 * with nothing else in the offer. It also names public STUN servers, which the tests need not.
 */
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration) {
    super({ ...configuration, iceServers: [] });
  }
  createOffer(success, failure, options) {
    const old = options?.mandatory;
    if (!old) return super.createOffer(success, failure, options);
    const { OfferToReceiveAudio: offerToReceiveAudio, OfferToReceiveVideo: offerToReceiveVideo } = old;
    return super.createOffer(success, failure, { offerToReceiveAudio, offerToReceiveVideo });
  }
};

// The suite's own signalling server, in a process of its own: it changes Array.prototype.
const START = `
  const server = require('rtc-quickconnect-test/test/server')();
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  process.stdin.on('end', () => process.exit()).resume();
`;
const server = spawn(process.execPath, ['-e', START], { cwd: __dirname, stdio: ['pipe', 'pipe', 'inherit'] });
server.stdout.once('data', (port) => {
  const signaller = require('rtc-signaller');
  const messenger = require('rtc-switchboard-messenger');
  const url = `http://127.0.0.1:${Number(port)}`;
  require('rtc-quickconnect-test')(require('rtc-quickconnect'), (options) => signaller(messenger(url), options));
  const tape = require(require.resolve('tape', { paths: [require.resolve('rtc-quickconnect-test')] }));
  tape.onFinish(() => process.exit());
});
