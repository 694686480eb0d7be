// What a script of the tests finds around it in a worker.
const fs = require('node:fs');
const vm = require('node:vm');
const { parentPort, workerData: file } = require('node:worker_threads');
const { workerScope } = require('../../dist/index.js');
require('../../dist/register.js');

globalThis.postMessage = (message, transfer) => parentPort.postMessage(message, transfer);
let handler = null;
Object.defineProperty(globalThis, 'onmessage', {
  get: () => handler,
  set(value) {
    if (!handler) parentPort.on('message', (data) => handler(new MessageEvent('message', { data })));
    handler = value;
  },
});
workerScope.addEventListener('rtctransform', () => {});
vm.runInThisContext(fs.readFileSync(file, 'utf8'), { filename: file });
