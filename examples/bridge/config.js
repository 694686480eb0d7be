// The bridge's settings, all from the environment. Invariant: what configure() returns is complete and checked; nothing
// else reads the environment, and nothing here is a default credential.

const { transferCommand } = require('./profiles/json.js');
const { readWav } = require('./wav.js');

const SIP = ['AUTHORIZATION_ID', 'USERNAME', 'PASSWORD', 'DOMAIN', 'OUTBOUND_PROXY'];
const RATES = [8000, 16000, 24000, 48000];
const LOCAL = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/;

class ConfigError extends Error {
  constructor(problems) {
    super(`The configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** Reads and checks everything at once, so that one run shows every mistake; more({ number }) is another program's own. */
function configure(env = process.env, more = () => ({})) {
  const problems = [];
  const text = (name, fallback) => env[name]?.trim() || fallback;
  const number = (name, fallback, least, most) => {
    const value = Number(text(name, fallback));
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    problems.push(`${name} must be a whole number from ${least} to ${most}`);
    return fallback;
  };
  const oneOf = (name, allowed) => {
    const value = text(name, allowed[0]);
    if (!allowed.includes(value)) problems.push(`${name} must be one of ${allowed.join(', ')}`);
    return value;
  };
  const url = (name, fallback, protocols) => {
    const value = text(name, fallback);
    if (value && !protocols.includes(protocolOf(value)))
      problems.push(`${name} must be a URL beginning with ${protocols.join(' or ')}`);
    if (value?.includes('#')) problems.push(`${name} must have no fragment (#…): no server would see it`);
    if (protocols.includes('https:') && hasCredentials(value))
      problems.push(`${name} must have no user and password: use PYTHON_TOKEN`);
    return value?.replace(/^([^?]*?)\/+$/, '$1');
  };
  const address = (name, value, scheme) => {
    if (value && !isAddress(value)) problems.push(`${name} must be host:port, without ${scheme}`);
    return value;
  };
  /** The number of `transfer:NUMBER`; null: hang up. */
  const hangUpOrTransfer = (name) => {
    const value = text(name, 'hangup');
    const to = /^transfer:(.+)$/.exec(value)?.[1];
    const number = to ? (transferCommand(to)?.to ?? null) : null;
    if (value !== 'hangup' && !number) problems.push(`${name} must be hangup or transfer:NUMBER`);
    return number;
  };
  const token = (name) => {
    const value = text(name);
    if (value && !/^[ -~]+$/.test(value)) problems.push(`${name} must be of ASCII characters: it is sent in a header`);
    return value;
  };

  for (const name of SIP) if (!text(`SIP_INFO_${name}`)) problems.push(`SIP_INFO_${name} is not set`);
  const proxy = (name, fallback) => address(name, text(name, fallback), 'wss://');
  const outboundProxy = proxy('SIP_INFO_OUTBOUND_PROXY', '');
  const transport = oneOf('SIP_TRANSPORT', ['wss', 'ws']);
  if (transport === 'ws' && !LOCAL.test(outboundProxy))
    problems.push(
      'SIP_TRANSPORT=ws is for a switch on this machine only: elsewhere the password digest would be readable',
    );

  const profile = oneOf('AUDIO_PROFILE', ['jambonz', 'twilio']);
  const sampleRate = profile === 'twilio' ? 8000 : number('SAMPLE_RATE', 16000, 8000, 48000);
  if (!RATES.includes(sampleRate)) problems.push(`SAMPLE_RATE must be one of ${RATES.join(', ')}`);

  const config = {
    sipInfo: {
      authorizationId: text('SIP_INFO_AUTHORIZATION_ID'),
      username: text('SIP_INFO_USERNAME'),
      password: text('SIP_INFO_PASSWORD'),
      domain: text('SIP_INFO_DOMAIN'),
      outboundProxy,
      outboundProxyBackup: proxy('SIP_INFO_OUTBOUND_PROXY_BACKUP', outboundProxy),
      stunServers: text('SIP_INFO_STUN_SERVERS', '')
        .split(',')
        .map((server) => address('SIP_INFO_STUN_SERVERS', server.trim(), 'stun:'))
        .filter(Boolean),
    },
    instanceId: text('INSTANCE_ID'),
    secure: transport === 'wss',
    host: text('HOST', '127.0.0.1'),
    port: number('PORT', 3000, 0, 65535),
    webhookToken: text('WEBHOOK_VERIFICATION_TOKEN'),
    aiUrl: url('PYTHON_WS_URL', 'ws://127.0.0.1:8765', ['ws:', 'wss:']),
    noticeUrl: url('PYTHON_HTTP_URL', undefined, ['http:', 'https:']),
    aiToken: token('PYTHON_TOKEN'),
    profile,
    sampleRate,
    maxCalls: number('MAX_CALLS', 10, 1, 1000),
    whenFull: oneOf('WHEN_FULL', ['decline', 'voicemail']),
    answerDelayMs: number('ANSWER_DELAY_MS', 500, 0, 60_000),
    callTimeoutMs: number('CALL_TIMEOUT_S', 3600, 1, 86_400) * 1000,
    aiTimeoutMs: number('AI_TIMEOUT_S', 30, 1, 86_400) * 1000,
    transferWithoutAi: hangUpOrTransfer('WHEN_NO_AI'),
    whenAiCloses: oneOf('WHEN_AI_CLOSES', ['hangup', 'reconnect']),
    bargeIn: oneOf('BARGE_IN', ['ai', 'bridge']),
    promptAfterMs: number('PROMPT_AFTER_MS', 1500, 0, 60_000),
    promptPauseMs: number('PROMPT_PAUSE_MS', 5000, 0, 600_000),
    prompt: null,
    debug: text('LOG_LEVEL') === 'debug',
    ...more({ number }),
  };
  if (text('PROMPT_WAV')) {
    try {
      config.prompt = readWav(text('PROMPT_WAV'));
    } catch (error) {
      problems.push(`PROMPT_WAV: ${error.message}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

const protocolOf = (value) => parsed(value)?.protocol;

/** fetch() refuses such a URL, and quotes it where it says so. */
const hasCredentials = (value) => Boolean(parsed(value)?.username || parsed(value)?.password);

function parsed(value) {
  try {
    return new URL(value);
  } catch {
    return undefined;
  }
}

/** As the SDK puts it behind wss:// or stun: itself. */
function isAddress(value) {
  return /^[^\s,/?#@]+$/.test(value) && URL.canParse(`wss://${value}`);
}

module.exports = { configure, ConfigError };
