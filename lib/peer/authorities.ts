/**
 * Who vouches for TURN servers that are reached over TLS: whoever Node trusts for its own connections.
 * Invariant: the certificates are read when a server of this kind is configured, and again only when Node trusts others.
 */
import { readFileSync } from 'node:fs';
import { env } from 'node:process';
import * as tls from 'node:tls';
import { binding, type NativeAuthorities } from '../binding';
import { unwrap } from '../webidl/exceptions';

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]+)-----END/g;

let known: { from: readonly string[]; authorities: NativeAuthorities } | undefined;
let bundled: readonly string[] | undefined;

export function trustedAuthorities(): NativeAuthorities {
  const from = trustedByNode();
  if (known?.from !== from) known = { from, authorities: unwrap(binding.Authorities.read(from.flatMap(toDer))) };
  return known.authorities;
}

function trustedByNode(): readonly string[] {
  // From Node 22.15 on; knows of --use-system-ca and of tls.setDefaultCACertificates too.
  if ('getCACertificates' in tls) return (tls.getCACertificates as () => string[])();
  bundled ??= [...(tls as { rootCertificates: readonly string[] }).rootCertificates, ...extra()];
  return bundled;
}

function extra(): string[] {
  const path = env.NODE_EXTRA_CA_CERTS;
  if (!path) return [];
  try {
    return [readFileSync(path, 'latin1')];
  } catch {
    // Node itself warns and goes on.
    return [];
  }
}

function toDer(pem: string): Uint8Array[] {
  return Array.from(pem.matchAll(CERTIFICATE), ([, base64 = '']) => Buffer.from(base64, 'base64'));
}
