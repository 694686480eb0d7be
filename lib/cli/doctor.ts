/**
 * `npx webphone-rtc doctor`: is this machine fit for calls, and what to do where it is not.
 * Invariant: every check is run and told of, whatever the others come to, unless it cannot be without the engine.
 */
import { networkInterfaces } from 'node:os';
import type * as api from 'webphone-rtc';
import type { Finding, FindingId } from './finding';
import { checkBinary, checkInterfaces, checkNode, checkPorts } from './machine';
import { selfCall } from './self-call';
import { askServers, judge } from './stun';
import { checkTurn, type TurnServer } from './turn';

export interface DoctorOptions {
  /** `host:port`. */
  stun: string[];
  turn: TurnServer | null;
  ports: [number, number] | null;
  selfCall: boolean;
}

/** `heard` is told of each finding as it comes. */
export async function examine(options: DoctorOptions, heard: (finding: Finding) => void): Promise<Finding[]> {
  const findings: Finding[] = [];
  const add = (...more: Finding[]) => {
    for (const finding of more) {
      findings.push(finding);
      heard(finding);
    }
  };
  const node = checkNode(process.version);
  add(node);
  // The loader is asked, not the package: without a binary the package does not load.
  const binary = checkBinary(() => require('../../binding.js'), `${process.platform} ${process.arch}`);
  add(binary);
  add(checkInterfaces(networkInterfaces()));
  add(await checkPorts(options.ports));
  if (options.stun.length === 0) {
    add({ id: 'stun', status: 'skipped', says: 'No STUN server was to be asked' });
    add({ id: 'nat', status: 'skipped', says: 'Nothing is known of a NAT without STUN' });
  } else {
    const { answers, localPort } = await askServers(options.stun);
    add(...judge(answers, localPort));
  }
  const lacking = binary.status !== 'ok' ? 'the engine, which does not load' : 'a newer Node';
  if (node.status !== 'ok' || binary.status !== 'ok') {
    add({ id: 'turn', status: 'skipped', says: `To ask a TURN server takes ${lacking}` });
    add({ id: 'self-call', status: 'skipped', says: `A call takes ${lacking}` });
    return findings;
  }
  const rtc = require('../index') as typeof api;
  if (options.turn) add(...(await attempt('turn', checkTurn(options.turn, rtc))));
  else add({ id: 'turn', status: 'skipped', says: 'No TURN server was given (--turn, --username, --credential)' });
  if (options.selfCall) add(...(await attempt('self-call', selfCall(rtc))));
  else add({ id: 'self-call', status: 'skipped', says: 'Not asked for' });
  return findings;
}

/** A check that breaks down is a finding as well. */
async function attempt(id: FindingId, check: Promise<Finding | Finding[]>): Promise<Finding[]> {
  try {
    return [await check].flat();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [
      {
        id,
        status: 'failure',
        says: `The check broke down: ${reason}`,
        advice: 'Run `DEBUG=webphone-rtc:* npx webphone-rtc doctor`, and file an issue with what it prints.',
        data: { reason },
      },
    ];
  }
}

const MARKS = { ok: '✔', skipped: '·', warning: '!', failure: '✘' } as const;

export function inWords(finding: Finding): string {
  const line = `${MARKS[finding.status]} ${finding.id}: ${finding.says}`;
  return 'advice' in finding ? `${line}\n    → ${finding.advice}` : line;
}

/** 0: calls will work; 1: something makes them fail; with `strict` a warning does, too. */
export function exitCode(findings: Finding[], strict: boolean): 0 | 1 {
  return findings.some(({ status }) => status === 'failure' || (strict && status === 'warning')) ? 1 : 0;
}
