/**
 * RTCConfiguration: conversion and validation (webrtc-pc §4.2, §4.4.1.6).
 * Invariant: what reaches the engine has passed here; what getConfiguration returns is a copy of it.
 */
import { isIP } from 'node:net';
import type { ConnectionConfig } from '../binding';
import { isRTCCertificate, nativeCertificate, type RTCCertificate } from '../RTCCertificate';
import {
  boolean,
  DOMString,
  dictionary,
  enumeration,
  fail,
  interfaceType,
  isObject,
  octetEnforced,
  optional,
  required,
  sequence,
  unsignedShortEnforced,
  withDefault,
} from '../webidl/converters';
import { domException } from '../webidl/exceptions';
import { trustedAuthorities } from './authorities';

const strings = sequence(DOMString);

const toIceServer = dictionary('RTCIceServer', {
  credential: optional(DOMString),
  urls: required((value: unknown, context: string): string[] =>
    isObject(value) ? strings(value, context) : [DOMString(value, context)],
  ),
  username: optional(DOMString),
});

const toPorts = sequence(unsignedShortEnforced);
const toPortBounds = dictionary('PortRange', {
  max: withDefault(unsignedShortEnforced, () => 65535),
  min: withDefault(unsignedShortEnforced, () => 0),
});
/** What lies below takes privileges. */
const LOWEST_PORT = 1024;

/** [lowest, highest], or { min, max } as in node-webrtc, whose defaults are any port. */
function toPortRange(value: unknown, context: string): number[] | undefined {
  if (isObject(value) && Symbol.iterator in value) return toPorts(value, context);
  const { min, max } = toPortBounds(value, context);
  return min === 0 && max === 65535 ? undefined : [min || LOWEST_PORT, max];
}

const toDictionary = dictionary('RTCConfiguration', {
  addresses: optional(strings),
  bundlePolicy: withDefault(
    enumeration('RTCBundlePolicy', ['balanced', 'max-compat', 'max-bundle']),
    () => 'balanced' as const,
  ),
  certificates: withDefault(
    sequence(interfaceType<RTCCertificate>('RTCCertificate', isRTCCertificate)),
    (): RTCCertificate[] => [],
  ),
  encodedInsertableStreams: optional(boolean),
  iceCandidatePoolSize: withDefault(octetEnforced, () => 0),
  iceServers: withDefault(sequence(toIceServer), (): ReturnType<typeof toIceServer>[] => []),
  iceTransportPolicy: withDefault(enumeration('RTCIceTransportPolicy', ['relay', 'all']), () => 'all' as const),
  loopback: optional(boolean),
  portRange: optional(toPortRange),
  rtcpMuxPolicy: withDefault(enumeration('RTCRtcpMuxPolicy', ['require']), () => 'require' as const),
});

export type Configuration = ReturnType<typeof toDictionary>;

export function toConfiguration(value: unknown, context: string): Configuration {
  const configuration = toDictionary(value, context);
  for (const server of configuration.iceServers) validateServer(server, context);
  for (const certificate of configuration.certificates) {
    if (certificate.expires <= Date.now()) throw domException('InvalidAccessError', 'A certificate has expired');
  }
  for (const address of configuration.addresses ?? []) {
    if (isIP(address) === 0) throw domException('SyntaxError', `${context} '${address}' is not an IP address`);
  }
  if (configuration.portRange) validatePortRange(configuration.portRange, context);
  return configuration;
}

function validatePortRange(range: number[], context: string): void {
  const [low, high] = range;
  if (range.length !== 2 || low === undefined || high === undefined) {
    throw fail(context, "member 'portRange' is not [lowest, highest].");
  }
  if (low < 1 || low > high) throw new RangeError(`${context} ports from ${low} to ${high} are no range`);
}

/** The members that setConfiguration must not change. */
export function requireUnchanged(from: Configuration, to: Configuration, described: boolean): void {
  const changed = (member: string) => domException('InvalidModificationError', `${member} cannot be changed`);
  const same =
    to.certificates.length === from.certificates.length &&
    to.certificates.every((certificate, index) => certificate === from.certificates[index]);
  if (!same) throw changed('certificates');
  if (to.bundlePolicy !== from.bundlePolicy) throw changed('bundlePolicy');
  if (to.rtcpMuxPolicy !== from.rtcpMuxPolicy) throw changed('rtcpMuxPolicy');
  if (described && to.iceCandidatePoolSize !== from.iceCandidatePoolSize) throw changed('iceCandidatePoolSize');
}

export function toNative(configuration: Configuration): ConnectionConfig {
  const { iceServers, certificates, portRange } = configuration;
  const secure = iceServers.some(({ urls }) => urls.some((url) => /^turns:/i.test(url)));
  return {
    addresses: configuration.addresses,
    authorities: secure ? trustedAuthorities() : undefined,
    bundlePolicy: configuration.bundlePolicy,
    certificates: certificates.map(nativeCertificate),
    iceServers,
    iceTransportPolicy: configuration.iceTransportPolicy,
    loopback: configuration.loopback,
    portRange: portRange as [number, number] | undefined,
  };
}

export function copyOf(configuration: Configuration): Configuration {
  return {
    ...configuration,
    iceServers: configuration.iceServers.map((server) => ({ ...server, urls: [...server.urls] })),
    certificates: [...configuration.certificates],
  };
}

/** RFC 7064 and RFC 7065. */
const SERVER_URL = /^(stuns?|turns?):(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?(?:\?transport=([a-z]+))?$/i;

function validateServer(server: ReturnType<typeof toIceServer>, context: string): void {
  const { urls } = server;
  if (urls.length === 0) throw domException('SyntaxError', `${context} an ICE server has no URL`);
  for (const url of urls) {
    const match = SERVER_URL.exec(url);
    const [, scheme, , port, transport] = match ?? [];
    const stun = scheme?.toLowerCase().startsWith('stun') ?? false;
    if (!match || Number(port ?? 1) > 65535 || Number(port ?? 1) === 0 || (stun && transport)) {
      throw domException('SyntaxError', `${context} '${url}' is not a valid STUN or TURN URL`);
    }
    if (transport && !['udp', 'tcp'].includes(transport)) {
      throw domException('SyntaxError', `${context} '${url}' names an unknown transport`);
    }
    if (!stun && (server.username === undefined || server.credential === undefined)) {
      throw domException('InvalidAccessError', `${context} '${url}' needs a username and a credential`);
    }
  }
}
