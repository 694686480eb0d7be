// The settings by themselves: what is taken as it is meant, and what is refused because it would lose calls.

const { once } = require('node:events');
const { createServer } = require('node:http');
const { configure } = require('../../examples/bridge/config.js');
const { listen } = require('../../examples/bridge/http.js');
const { AiLink } = require('../../examples/bridge/ai-link.js');
const { profileOf } = require('../../examples/bridge/profiles');
const { ScriptedAi } = require('./support/scripted-ai.js');

const SIP = Object.fromEntries(
  ['AUTHORIZATION_ID', 'USERNAME', 'PASSWORD', 'DOMAIN'].map((name) => [`SIP_INFO_${name}`, 'given']),
);
const settings = (env) => configure({ ...SIP, SIP_INFO_OUTBOUND_PROXY: 'sip.example.com:8083', ...env });

test.each([
  ['SIP_INFO_STUN_SERVERS', 'stun.example.com:19302, stun:stun.example.com:19302', 'must be host:port, without stun:'],
  ['SIP_INFO_STUN_SERVERS', 'somewhere else', 'must be host:port, without stun:'],
  ['SIP_INFO_OUTBOUND_PROXY', 'wss://sip.example.com:8083', 'must be host:port, without wss://'],
  ['SIP_INFO_OUTBOUND_PROXY_BACKUP', 'sip.example.com:eight', 'must be host:port, without wss://'],
  ['PYTHON_WS_URL', 'ws://127.0.0.1:8765/bot#1', 'must have no fragment (#…): no server would see it'],
  ['PYTHON_HTTP_URL', 'http://bridge:secret@127.0.0.1/calls', 'must have no user and password: use PYTHON_TOKEN'],
  ['PYTHON_TOKEN', 'a€b', 'must be of ASCII characters: it is sent in a header'],
  ['WHEN_NO_AI', 'transfer', 'must be hangup or transfer:NUMBER'],
  ['WHEN_NO_AI', 'transfer:me@home', 'must be hangup or transfer:NUMBER'],
])('%s=%s is refused', (name, value, says) => {
  expect(() => settings({ [name]: value })).toThrow(`\n  - ${name} ${says}`);
});

test('a port that is taken, and a host that is another’s, name their setting', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address();
  const attempt = (address) => listen(createServer(), address);
  await expect(attempt({ host: '127.0.0.1', port })).rejects.toThrow(`\n  - port ${port} is taken: set PORT`);
  await expect(attempt({ host: '192.0.2.1', port: 0 })).rejects.toThrow('is no address of this machine: set HOST');
  await new Promise((resolve) => taken.close(resolve));
});

test('without an AI a call is hung up, or transferred to a number as it is usually written', () => {
  expect(settings({}).transferWithoutAi).toBeNull();
  expect(settings({ WHEN_NO_AI: 'transfer:+1 650-555-0199' }).transferWithoutAi).toBe('+16505550199');
});

test('addresses are taken by name, as IPv4 and as IPv6', () => {
  const servers = ['stun.example.com:19302', '192.0.2.1:3478', '[2001:db8::1]:3478', 'stun.example.com'];
  const { sipInfo } = settings({ SIP_INFO_STUN_SERVERS: servers.join(', ') });
  expect(sipInfo).toMatchObject({
    outboundProxy: 'sip.example.com:8083',
    outboundProxyBackup: 'sip.example.com:8083',
    stunServers: servers,
  });
});

test('a query of the AI’s URL stays behind the path', async () => {
  const ai = await ScriptedAi.start();
  const { aiUrl } = settings({ PYTHON_WS_URL: `${ai.env.PYTHON_WS_URL}/bot/?key=1/` });
  const profile = profileOf({ profile: 'jambonz', sampleRate: 16000 });
  const link = new AiLink({ url: aiUrl, profile, call: { callId: 'a b' }, log: () => {} });
  link.start();
  expect((await ai.connection()).url).toBe('/bot/audio/a%20b?key=1/');
  link.stop('over');
  await ai.stop();
});
