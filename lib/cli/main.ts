/**
 * The commands of the package. Invariant: 0 is good news, 1 bad news, 2 that the command was not understood or cannot be
 * carried out here; stdout has the result, stderr what is wrong with the command.
 */
import { parseArgs } from 'node:util';
import { call, Hindrance } from './call';
import { examine, exitCode, inWords } from './doctor';
import { isHostPort } from './stun';

const HELP = `webphone-rtc doctor [options]      is this machine fit for calls, and what to do where it is not
  --stun HOST:PORT                 a STUN server to ask, several times for several (two tell the kind of NAT);
                                   stun.l.google.com:19302 and stun1.l.google.com:19302 unless said otherwise
  --no-stun                        ask none
  --turn URL --username U --credential C
                                   a TURN server, as turn:host:3478?transport=udp
  --ports LOW-HIGH                 the portRange that the connections will have
  --no-self-call                   without the call of this machine with itself, which takes some 8 s
  --strict                         warnings are bad news, too
  --json                           for programs
  exit code: 0 fit, 1 something makes calls fail, 2 wrong arguments

webphone-rtc call [NUMBER] [options]   calls a number, or answers the next call where there is none
  --switch                         through the local switch of the package, without an account
  --in FILE.wav                    what to say; hangs up afterwards unless --seconds says otherwise
  --out FILE.wav                   records both ends (.wav, .opus, .ogg)
  --dtmf DIGITS                    pressed once the call is up
  --seconds N                      hangs up after so long
  Credentials come from SIP_INFO_AUTHORIZATION_ID, _USERNAME, _PASSWORD, _DOMAIN, _OUTBOUND_PROXY.
  In a terminal the keys 0-9 * # are sent as digits, q hangs up.
  exit code: 0 there was a call, 1 there was none or no recording, 2 wrong arguments or a missing package
`;

const PUBLIC_STUN = ['stun.l.google.com:19302', 'stun1.l.google.com:19302'];

async function doctor(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      stun: { type: 'string', multiple: true },
      'no-stun': { type: 'boolean' },
      turn: { type: 'string' },
      username: { type: 'string' },
      credential: { type: 'string' },
      ports: { type: 'string' },
      'no-self-call': { type: 'boolean' },
      strict: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  });
  if (!values.turn && (values.username || values.credential))
    throw new Hindrance('--username and --credential belong to --turn');
  for (const server of values.stun ?? []) {
    if (!isHostPort(server.replace(/^stun:/, '')))
      throw new Hindrance(`'${server}' is no HOST:PORT, as stun.example.org:3478 is`);
  }
  const options = {
    stun: values['no-stun'] ? [] : (values.stun ?? PUBLIC_STUN),
    turn: values.turn
      ? { url: values.turn, username: values.username ?? '', credential: values.credential ?? '' }
      : null,
    ports: values.ports === undefined ? null : range(values.ports),
    selfCall: !values['no-self-call'],
  };
  const findings = await examine(options, (finding) => {
    if (!values.json) console.log(inWords(finding));
  });
  const code = exitCode(findings, values.strict ?? false);
  if (values.json) console.log(JSON.stringify({ fit: code === 0, findings }, null, 2));
  else console.log(code === 0 ? '\nThis machine is fit for calls.' : '\nThis machine is not fit for calls yet.');
  return code;
}

function range(text: string): [number, number] {
  const [, low, high] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const [from, to] = [Number(low), Number(high)];
  if (!(from >= 1 && from <= to && to <= 65535))
    throw new Hindrance(`'${text}' is no range of ports, as 40000-40100 is`);
  return [from, to];
}

async function placeOrAnswer(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      switch: { type: 'boolean' },
      in: { type: 'string' },
      out: { type: 'string' },
      dtmf: { type: 'string' },
      seconds: { type: 'string' },
    },
  });
  if (positionals.length > 1) throw new Hindrance('One number at a time');
  if (values.dtmf !== undefined && !/^[0-9A-D*#,]+$/.test(values.dtmf))
    throw new Hindrance('--dtmf takes 0-9, A-D, *, # and comma');
  if (values.out !== undefined && !/\.(wav|opus|ogg)$/.test(values.out))
    throw new Hindrance('--out ends in .wav, .opus or .ogg');
  const seconds = values.seconds === undefined ? null : Number(values.seconds);
  if (seconds !== null && !(seconds > 0 && seconds <= 86_400)) throw new Hindrance('--seconds takes a number of them');
  const options = {
    number: positionals[0] ?? null,
    onSwitch: values.switch ?? false,
    in: values.in ?? null,
    out: values.out ?? null,
    dtmf: values.dtmf ?? null,
    seconds,
  };
  return (await call(options, (line) => console.log(line))) ? 0 : 1;
}

async function run([command, ...args]: string[]): Promise<number> {
  if (
    command === undefined ||
    command === 'help' ||
    [command, ...args].some((arg) => arg === '--help' || arg === '-h')
  ) {
    console.log(HELP);
    return command === undefined ? 2 : 0;
  }
  const commands: Record<string, (args: string[]) => Promise<number>> = { doctor, call: placeOrAnswer };
  const chosen = Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (!chosen) throw new Hindrance(`There is no command '${command}'. See: webphone-rtc help`);
  return chosen(args);
}

function isMistake(error: unknown): error is Error {
  const code = (error as NodeJS.ErrnoException)?.code;
  return error instanceof Hindrance || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS_'));
}

run(process.argv.slice(2)).then(
  // What the SDK leaves behind must not hold the process once the result is told.
  (code) => process.exit(code),
  (error) => {
    console.error(isMistake(error) ? error.message : error);
    process.exit(isMistake(error) ? 2 : 1);
  },
);
