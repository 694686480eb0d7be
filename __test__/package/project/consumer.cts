import webphone = require('webphone-rtc');
import register = require('webphone-rtc/register');

import { callAudio } from 'webphone-rtc/webphone';

export const connection: RTCPeerConnection = new webphone.RTCPeerConnection();
export const source: webphone.PcmSource = callAudio({}).source;
register.uninstall();
// @ts-expect-error: types are there, so a wrong argument is an error
new webphone.PcmSource({ sampleRate: 'fast' });
