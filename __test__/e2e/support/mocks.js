// The implementation-under-test interface over a bridge's old mocks: there is no audio to open.

const { install } = require('../../../examples/demo/mocks.js');

module.exports = {
  name: 'mocks',
  installGlobals: install,
  factory: null,
  openAudio() {
    throw new Error('mocks carry no audio');
  },
  exitsByItself: true,
};
