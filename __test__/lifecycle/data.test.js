// What data channels leave behind: nothing, and a process that ends by itself.

const { ENDED, run } = require('./child');

test('closed channels and connections are collected, and the process ends by itself with 0', async () => {
  const { said, ...end } = await run('data-channels.js');
  expect(end).toEqual(ENDED);
  expect(said).toEqual([{ connections: 0, transports: 0, 'our channels': 0, 'their channels': 0 }]);
});
