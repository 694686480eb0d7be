// Compiled, never run: every name that lib.dom has too is assignable to lib.dom's and from it, but for the differences in
// the tables below. A member that is missing there is an error, and so is one that is there without need.
import type * as rtc from 'webphone-rtc';
import type * as built from '../../dist/index.js';

type Name = Extract<keyof typeof rtc, keyof typeof globalThis>;
type Class<Of> = { [N in Name]: N extends keyof Of ? Of[N] : never };
type InstanceOf<C> = C extends { prototype: infer I } ? I : never;
type Ours = { [N in Name]: InstanceOf<Class<typeof rtc>[N]> };
type Dom = { [N in Name]: InstanceOf<Class<typeof globalThis>[N]> };

/** Null for none, so that the compiler looks for members that should not be there. */
type Table<Members extends Record<Name, PropertyKey>> = {
  [N in Name]: [Members[N]] extends [never] ? null : Record<Members[N], true>;
};

// To lib.dom: instances, and the classes by which a global is replaced.

type NotTo<From, To> = { [N in Name]: N extends keyof From & keyof To ? (From[N] extends To[N] ? never : N) : N }[Name];
const instances: [NotTo<Ours, Dom>] extends [never] ? true : NotTo<Ours, Dom> = true;
const classes: [NotTo<Class<typeof rtc>, Class<typeof globalThis>>] extends [never]
  ? true
  : NotTo<Class<typeof rtc>, Class<typeof globalThis>> = true;

// From lib.dom: what an object of lib.dom's type would lack, and where ours gives out more than lib.dom's.

type Added = { [N in Name]: Exclude<keyof Ours[N], keyof Dom[N]> };
type Narrowed = {
  [N in Name]: {
    [K in keyof Ours[N] & keyof Dom[N]]: Dom[N][K] extends Ours[N][K] ? never : K;
  }[keyof Ours[N] & keyof Dom[N]];
};

const added: Table<Added> = {
  InputDeviceInfo: null,
  MediaDeviceInfo: null,
  MediaDevices: null,
  MediaStream: null,
  MediaStreamTrack: { forceStop: true, source: true },
  MediaStreamTrackEvent: null,
  OverconstrainedError: null,
  RTCCertificate: null,
  RTCDTMFSender: null,
  RTCDTMFToneChangeEvent: null,
  RTCDataChannel: { priority: true },
  RTCDataChannelEvent: null,
  RTCDtlsTransport: null,
  RTCEncodedAudioFrame: null,
  RTCEncodedVideoFrame: null,
  RTCError: null,
  RTCErrorEvent: null,
  RTCIceCandidate: { relayProtocol: true, url: true },
  RTCIceTransport: {
    component: true,
    getLocalCandidates: true,
    getLocalParameters: true,
    getRemoteCandidates: true,
    getRemoteParameters: true,
    role: true,
  },
  RTCPeerConnection: {
    addStream: true,
    allowTracksToStop: true,
    getLocalStreams: true,
    getRemoteStreams: true,
    markActiveTracksAsLive: true,
    onaddstream: true,
    ondtmf: true,
    onremovestream: true,
    removeStream: true,
  },
  RTCPeerConnectionIceErrorEvent: null,
  RTCPeerConnectionIceEvent: { url: true },
  RTCRtpReceiver: {
    addEventListener: true,
    createEncodedStreams: true,
    dispatchEvent: true,
    ondtmf: true,
    removeEventListener: true,
  },
  RTCRtpScriptTransform: null,
  RTCRtpSender: { createEncodedStreams: true },
  RTCRtpTransceiver: {
    getHeaderExtensionsToNegotiate: true,
    getNegotiatedHeaderExtensions: true,
    setHeaderExtensionsToNegotiate: true,
  },
  RTCSctpTransport: null,
  RTCSessionDescription: null,
  RTCStatsReport: null,
  RTCTrackEvent: null,
};
const narrowed: Table<Narrowed> = {
  InputDeviceInfo: null,
  MediaDeviceInfo: null,
  MediaDevices: { getUserMedia: true },
  MediaStream: { clone: true, getAudioTracks: true, getTrackById: true, getTracks: true, getVideoTracks: true },
  MediaStreamTrack: { clone: true },
  MediaStreamTrackEvent: null,
  OverconstrainedError: null,
  RTCCertificate: null,
  RTCDTMFSender: null,
  RTCDTMFToneChangeEvent: null,
  RTCDataChannel: null,
  RTCDataChannelEvent: null,
  RTCDtlsTransport: { iceTransport: true },
  RTCEncodedAudioFrame: null,
  RTCEncodedVideoFrame: null,
  RTCError: null,
  RTCErrorEvent: null,
  RTCIceCandidate: null,
  RTCIceTransport: null,
  RTCPeerConnection: {
    addTrack: true,
    addTransceiver: true,
    getReceivers: true,
    getSenders: true,
    getTransceivers: true,
    sctp: true,
  },
  RTCPeerConnectionIceErrorEvent: null,
  RTCPeerConnectionIceEvent: { candidate: true },
  RTCRtpReceiver: { track: true, transport: true },
  RTCRtpScriptTransform: null,
  RTCRtpSender: { track: true, transport: true },
  RTCRtpTransceiver: { receiver: true, sender: true },
  RTCSctpTransport: { transport: true },
  RTCSessionDescription: null,
  RTCStatsReport: null,
  RTCTrackEvent: { receiver: true, streams: true, track: true, transceiver: true },
};

// Dictionaries with members of our own.
const configuration: rtc.Configuration & RTCConfiguration = {} as rtc.Configuration | RTCConfiguration;
const channelInit: rtc.DataChannelInit & RTCDataChannelInit = {} as rtc.DataChannelInit | RTCDataChannelInit;

// What is declared is what there is.

type Difference<A, B> = Exclude<keyof A, keyof B> | Exclude<keyof B, keyof A>;
const exported: [Difference<typeof rtc, typeof built>] extends [never] ? true : Difference<typeof rtc, typeof built> =
  true;

type Undeclared = {
  [N in keyof typeof rtc]: Exclude<keyof InstanceOf<(typeof built)[N]>, keyof InstanceOf<(typeof rtc)[N]>>;
};
const undeclared: { [N in keyof typeof rtc as [Undeclared[N]] extends [never] ? never : N]: Undeclared[N] } = {
  // Legacy: `direction` says it.
  RTCRtpTransceiver: 'stopped',
};

console.log(instances, classes, added, narrowed, configuration, channelInit, exported, undeclared);
