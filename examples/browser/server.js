// A browser page that calls this Node process, through signaling that is one HTTP request: POST /call/WHAT takes the page's
// offer and gives the answer. WHAT is one of the files beside this one: echo, record, ivr, mix.
//   node examples/browser/server.js          then open http://127.0.0.1:8080
// Invariant: a call leaves nothing behind when its connection is over, however that happens.

const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { RTCPeerConnection } = require('webphone-rtc');

const CALLS = {
  echo: require('./echo.js'),
  record: require('./record.js'),
  ivr: require('./ivr.js'),
  mix: require('./mix.js'),
};
const MOST_BYTES = 64 * 1024;
const GATHERING_LIMIT_MS = 2000;

/** `begin(connection, track)` says what becomes of the caller's track; it gives a track to send, and a function that ends it. */
async function answer(begin, offer, options) {
  const connection = new RTCPeerConnection({ loopback: true });
  try {
    await connection.setRemoteDescription({ type: 'offer', sdp: offer });
    const [transceiver] = connection.getTransceivers();
    if (!transceiver) throw new Error('the offer has no audio');
    const { track, end } = begin(connection, transceiver.receiver.track, options);
    connection.addEventListener('connectionstatechange', () => {
      if (connection.connectionState === 'failed' || connection.connectionState === 'disconnected') connection.close();
    });
    // close() fires no event of the connection, but it ends the track.
    transceiver.receiver.track.addEventListener('ended', end);
    connection.addTrack(track);
    await connection.setLocalDescription();
    await gathered(connection);
    return connection.localDescription.sdp;
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function gathered(connection) {
  const signal = AbortSignal.timeout(GATHERING_LIMIT_MS);
  while (connection.iceGatheringState !== 'complete' && !signal.aborted)
    await once(connection, 'icegatheringstatechange', { signal }).catch(() => {});
}

async function body(request) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MOST_BYTES) throw new Error('that is too long');
  }
  return text;
}

async function reply(request, response, options) {
  const { pathname } = new URL(request.url, 'http://localhost');
  const [, what] = /^\/call\/(\w+)$/.exec(pathname) ?? [];
  if (request.method === 'POST' && Object.hasOwn(CALLS, what)) {
    // Pages of other sites can send a form, but not this.
    if (request.headers['content-type'] !== 'application/sdp') return response.writeHead(415).end();
    const sdp = await answer(CALLS[what], await body(request), options);
    return response.writeHead(200, { 'content-type': 'application/sdp' }).end(sdp);
  }
  if (request.method === 'GET' && pathname === '/') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    return response.end(readFileSync(path.join(__dirname, 'index.html')));
  }
  response.writeHead(404).end();
}

/** Resolves with { url, close() }. `folder`: where recordings go. */
async function start({ port = 8080, folder = process.cwd() } = {}) {
  const server = http.createServer((request, response) =>
    reply(request, response, { folder }).catch((error) => {
      if (!response.headersSent) response.writeHead(400, { 'content-type': 'text/plain' });
      response.end(error.message);
    }),
  );
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

if (require.main === module)
  start({ port: Number(process.env.PORT ?? 8080) }).then(({ url }) => console.log(`open ${url}`));

module.exports = { start };
