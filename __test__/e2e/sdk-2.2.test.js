// An older SDK, unmodified. It knows the globals only; what it cannot do by itself is named where it is skipped.

const { describePhone } = require('./support/scenarios.js');

describePhone('2.2', 'globals');
