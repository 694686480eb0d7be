'use strict';
// For child processes and workers: the binding in JavaScript in the place of the real one.
const Module = require('node:module');
const path = require('node:path');

const resolve = Module._resolveFilename;
Module._resolveFilename = function resolveFilename(request, ...rest) {
  if (request === '../binding.js') return path.join(__dirname, 'fake-binding.js');
  return resolve.call(this, request, ...rest);
};
