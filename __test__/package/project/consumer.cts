import webphone = require('webphone-rtc');
import internals = require('webphone-rtc/internals');
import register = require('webphone-rtc/register');
import tracing = require('webphone-rtc/tracing');

import { callAudio } from 'webphone-rtc/webphone';

export const connection: RTCPeerConnection = new webphone.RTCPeerConnection();
export const source: webphone.PcmSource = callAudio({}).source;
export const page: Promise<string> = internals.startInternals().then(({ url }) => url);
register.uninstall();
// @ts-expect-error: types are there, so a wrong argument is an error
new webphone.PcmSource({ sampleRate: 'fast' });
export const endTracing: () => void = tracing.traceConnections();
