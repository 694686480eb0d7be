// `npm run demo`: a real inbound call through the unmodified web phone SDK, told as it happens.
// Invariant: exit code 0 only if every step was observed, none assumed.
import { prepare } from './prepare.mjs';

const HELP = `npm run demo                 a call from a local switch to the SDK on this package
npm run demo -- --mocks      the same call to the SDK on a bridge's old JavaScript mocks: it goes to voicemail
npm run demo -- --real       registers with RingCentral and answers auto-answer calls until Ctrl-C; --answer answers every call,
                             --call NUMBER calls out first. Credentials, from the extension's SIP provisioning, in the environment:
                               SIP_INFO_AUTHORIZATION_ID, SIP_INFO_USERNAME, SIP_INFO_PASSWORD, SIP_INFO_DOMAIN,
                               SIP_INFO_OUTBOUND_PROXY, SIP_INFO_OUTBOUND_PROXY_BACKUP (optional),
                               SIP_INFO_STUN_SERVERS (optional, host:port separated by commas)`;

const args = process.argv.slice(2);
const known = ['--mocks', '--real', '--help', '--answer', '--call'];
const unknown = args.find((arg, i) => !known.includes(arg) && args[i - 1] !== '--call');
if (args.includes('--help') || unknown) {
  console.log(unknown ? `Unknown option ${unknown}.\n\n${HELP}` : HELP);
  process.exit(unknown ? 1 : 0);
}

prepare({ native: !args.includes('--mocks') });
const mode = args.includes('--mocks')
  ? './with-mocks.mjs'
  : args.includes('--real')
    ? './with-ringcentral.mjs'
    : './with-switch.mjs';
const { run } = await import(mode);
process.exitCode = (await run({
  answerAll: args.includes('--answer'),
  number: args[args.indexOf('--call') + 1 || args.length],
  help: HELP,
}))
  ? 0
  : 1;
