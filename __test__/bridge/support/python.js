// The voice AI, in a Python with its requirements.

const { createServer } = require('node:net');
const path = require('node:path');
const { testWhere } = require('../../support/needs.js');
const { pythonWith } = require('../../support/python.js');
const { Process, EXAMPLE } = require('./processes.js');

const python = pythonWith('voice-ai', path.join(EXAMPLE, 'requirements.txt'), 'websockets');
const pythonTest = testWhere(python.missing);

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

class VoiceAi extends Process {
  static async start({ port, httpPort, env } = {}) {
    port ??= await freePort();
    httpPort ??= await freePort();
    const ai = new VoiceAi(python.path, [path.join(EXAMPLE, 'voice_ai.py')], {
      VOICE_AI_PORT: String(port),
      VOICE_AI_HTTP_PORT: String(httpPort),
      PYTHONDONTWRITEBYTECODE: '1',
      ...env,
    });
    Object.assign(ai, { port, httpPort });
    await ai.says(/listening/);
    return ai;
  }

  /** The bridge's settings for it. */
  get env() {
    return { PYTHON_WS_URL: `ws://127.0.0.1:${this.port}`, PYTHON_HTTP_URL: `http://127.0.0.1:${this.httpPort}/calls` };
  }
}

module.exports = { pythonTest, freePort, VoiceAi, python };
