// A bridge as it was before there was a media stack.
require('./mocks.js').install();

const WebPhone = require('ringcentral-web-phone');

/** Answers every call; onCall gets the SDK's call session. */
module.exports = async function startBridge(sipInfo, onCall) {
  const phone = new WebPhone({ sipInfo, autoAnswer: true });
  phone.on('inboundCall', (call) => call.once('answered', () => onCall(call)));
  await phone.start();
  return phone;
};
