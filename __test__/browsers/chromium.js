// A headless Chromium, driven by Playwright.

/** WEBPHONE_CHROMIUM names one that is elsewhere. */
const PLACES = process.env.WEBPHONE_CHROMIUM
  ? [process.env.WEBPHONE_CHROMIUM]
  : [
      '/usr/bin/chromium',
      '/usr/bin/chromium-browser',
      '/usr/bin/google-chrome',
      '/usr/bin/google-chrome-stable',
      '/snap/bin/chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
    ];

const FLAGS = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost',
  '--autoplay-policy=no-user-gesture-required',
  // Candidates with real addresses (no .local names), loopback among them.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--allow-loopback-in-peer-connection',
];

function launch(executablePath) {
  // Root, as in a container, cannot have Chromium's sandbox.
  const chromiumSandbox = process.getuid?.() !== 0;
  const { chromium } = require('playwright-core');
  return chromium.launch({ executablePath, headless: true, chromiumSandbox, args: FLAGS });
}

module.exports = { name: 'Chromium', package: 'chromium', variable: 'WEBPHONE_CHROMIUM', places: PLACES, launch };
