// A folder for the files of one test file, removed at its end.

const fs = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

function folder() {
  const at = fs.mkdtempSync(path.join(tmpdir(), 'webphone-rtc-recording-'));
  afterAll(() => fs.rmSync(at, { recursive: true, force: true }));
  return (name) => path.join(at, name);
}

module.exports = { folder };
