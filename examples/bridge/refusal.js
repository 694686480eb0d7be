// Why the AI's server does not take a WebSocket, from its HTTP answer.
// Invariant: one printable line, of which at most MOST_TEXT characters are the server's own; never rejects.

const { once } = require('node:events');

const MOST_TEXT = 100;
const CHECK = {
  401: 'check PYTHON_TOKEN',
  403: 'check PYTHON_TOKEN, and the path of PYTHON_WS_URL', // Starlette and its like answer so for a path that they do not know
  404: 'check the path of PYTHON_WS_URL',
};

/** response: an http.IncomingMessage. The connection is the caller's to close. */
async function refusal(response) {
  const { statusCode } = response;
  const text = await firstLine(response).catch(() => '');
  const check = CHECK[statusCode];
  return `HTTP ${statusCode}${check ? ` (${check})` : ''}${text ? `: ${text}` : ''}`;
}

/** Of what comes first: it is a sentence or a page of HTML. */
async function firstLine(response) {
  const [data = ''] = await Promise.race([once(response, 'data'), once(response, 'end'), once(response, 'close')]);
  const [line] = String(data).trim().split('\n');
  return line.replace(/[^\x20-\x7e]+/g, ' ').slice(0, MOST_TEXT);
}

module.exports = { refusal };
