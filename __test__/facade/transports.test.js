const { Transports } = require('../../dist/peer/transports.js');

const snapshot = (id) => ({
  id,
  local: { usernameFragment: `u${id}`, password: 'p' },
  remote: null,
  controlling: true,
});
const refresh = (transports, ids, settled = false) => transports.refresh(ids.map(snapshot), settled);
const derive = () => () => {};
const states = (transports, id) => {
  const { ice, dtls } = transports.get(id);
  return [ice.state, dtls.state, dtls.iceTransport === ice];
};

test('a transport that one answer has bundled away goes on unseen, and another answer shows it as it is then', () => {
  const transports = new Transports();
  refresh(transports, [0, 1]);
  for (const id of [0, 1]) transports.setIce(id, 'connected', derive);
  const before = transports.get(1);
  refresh(transports, [0]);
  expect([before.ice.state, before.dtls.state]).toEqual(['closed', 'closed']);
  expect(transports.get(1)).toBeUndefined();
  transports.setIce(1, 'completed', derive);
  transports.setDtls({ transport: 1, state: 'connected', remoteCertificates: [] }, derive);
  refresh(transports, [0, 1]);
  expect(states(transports, 1)).toEqual(['completed', 'connected', true]);
  expect(transports.get(1).ice).not.toBe(before.ice);
});

test('what the final answer has bundled away is gone for good', () => {
  const transports = new Transports();
  refresh(transports, [0, 1]);
  transports.setIce(1, 'connected', derive);
  refresh(transports, [0], true);
  refresh(transports, [0, 1]);
  expect(states(transports, 1)).toEqual(['new', 'new', true]);
});
