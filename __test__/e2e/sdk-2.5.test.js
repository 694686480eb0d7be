// The newest SDK, unmodified, through both doors of the package.

const { describePhone } = require('./support/scenarios.js');
const { IMPLEMENTATION } = require('./support/harness.js');

describePhone('2.5', 'globals');
if (IMPLEMENTATION !== 'roamhq') describePhone('2.5', 'factory');
