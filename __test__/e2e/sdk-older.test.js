// Older SDKs, unmodified. They know the globals only; what a version cannot do by itself is named where it is skipped.

const { describePhone } = require('./support/scenarios.js');

for (const sdk of ['2.1', '2.2', '2.3', '2.4']) describePhone(sdk, 'globals');
