// The stream of updates as a page reads it, for tests in Node.

const { once } = require('node:events');
const http = require('node:http');

/** Resolves when the first message, with everything, has come. */
async function listen(url) {
  const request = http.get(`${url}updates`, { agent: false });
  const [response] = await once(request, 'response');
  if (response.statusCode !== 200) throw new Error(`${response.statusCode}`);
  const received = [];
  const waiting = new Set();
  let text = '';
  response.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
    const parts = text.split('\n\n');
    text = parts.pop();
    for (const part of parts) {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(part);
      received.push({ event, data: JSON.parse(data) });
    }
    for (const check of waiting) check();
  });
  const closed = new Promise((resolve) => response.on('close', resolve));
  response.on('error', () => {});
  const until = (look) =>
    new Promise((resolve) => {
      const check = () => {
        const found = look();
        if (!found) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  await until(() => received.some(({ event }) => event === 'all'));
  return {
    received,
    all: received.find(({ event }) => event === 'all').data,
    /** What `pick` makes of the first update of which it makes something. */
    find: (pick) =>
      until(() =>
        received
          .filter(({ event }) => event === 'update')
          .map(({ data }) => pick(data))
          .find(Boolean),
      ),
    close: () => request.destroy(),
    ended: () => closed,
  };
}

module.exports = { listen };
