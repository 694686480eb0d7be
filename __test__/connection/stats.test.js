// getStats at the ends of a connection's life.

const { RTCPeerConnection } = require('webphone-rtc');

test('an unused connection has statistics of its own and no more', async () => {
  const connection = new RTCPeerConnection();
  const stats = await connection.getStats();
  expect([...stats.values()].map(({ type }) => type)).toEqual(['peer-connection']);
  const [{ timestamp }] = stats.values();
  expect(Math.abs(Date.now() - timestamp)).toBeLessThan(60_000);
  connection.close();
});

test('a connection that was closed before it was used still answers', async () => {
  const connection = new RTCPeerConnection();
  connection.close();
  await expect(connection.getStats()).resolves.toHaveProperty('size');
});
