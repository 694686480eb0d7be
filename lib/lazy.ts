/**
 * Modules of Node that take as long to load as ten of ours.
 * Invariant: none is loaded before somebody needs it.
 */
import type * as crypto from 'node:crypto';
import type * as webStreams from 'node:stream/web';

let loaded: typeof crypto | undefined;

export const loadCrypto = (): typeof crypto => {
  loaded ??= require('node:crypto') as typeof crypto;
  return loaded;
};

export const loadWebStreams = (): typeof webStreams => require('node:stream/web');

export const randomUUID = (): string => loadCrypto().randomUUID();
