/**
 * From the engine's counters to the dictionaries of webrtc-stats.
 * Invariants: an id names the same object in every report of a connection; what is not known is absent.
 */
import type { OutboundStatsData, PlayoutData, RemoteOutboundStatsData, StatsData } from '../binding';
import { channelSlots } from '../RTCDataChannel';
import { senderSlots } from '../RTCRtpSender';
import { negotiatedParameters, type RTCRtpTransceiver, transceiverSlots } from '../RTCRtpTransceiver';
import { type StatsEntry as Entry, RTCStatsReport } from '../RTCStatsReport';
import { codecParameters } from '../rtp-parameters';
import { INTERNAL } from '../webidl/interface';
import type { Peer } from './peer';

/** Nothing: everything. Otherwise the stream of one sender or receiver and what it refers to. */
export interface Selection {
  sender?: RTCRtpTransceiver;
  receiver?: RTCRtpTransceiver;
}

export function statsReport(peer: Peer, data: StatsData | null, selection: Selection | 'none'): RTCStatsReport {
  const all = selection === 'none' ? [] : entries(peer, data);
  return new RTCStatsReport(INTERNAL, selection === 'none' ? all : selected(all, selection));
}

/** One id for everything that is received and not yet heard: there is no loudspeaker. */
const PLAYOUT = 'AP';

class Report {
  readonly entries = new Map<string, Entry>();
  readonly #timestamp: number;

  constructor(timestamp: number) {
    this.#timestamp = timestamp;
  }

  add(type: string, id: string, members: object, timestamp = this.#timestamp): void {
    if (this.entries.has(id)) return;
    this.entries.set(id, defined({ id, timestamp, type, ...members }));
  }
}

function entries(peer: Peer, data: StatsData | null): Entry[] {
  const report = new Report(data?.timestamp ?? Date.now());
  report.add('peer-connection', 'P', connectionMembers(peer));
  addChannels(report, peer);
  // The engine knows sources once they are sent; until then they are what the senders say.
  if (!peer.closed) for (const transceiver of peer.transceivers) addSource(report, transceiver, data);
  if (!data) return [...report.entries.values()];
  addTransports(report, data);
  addInbound(report, peer, data);
  addOutbound(report, peer, data);
  return [...report.entries.values()];
}

function addTransports(report: Report, data: StatsData): void {
  for (const { transport, selectedPair, localCertificate, remoteCertificate, ...rest } of data.transports) {
    report.add('transport', transportId(transport), {
      ...rest,
      selectedCandidatePairId: prefixed('CP', selectedPair),
      localCertificateId: prefixed('CF', localCertificate),
      remoteCertificateId: prefixed('CF', remoteCertificate),
    });
  }
  for (const { id, transport, local, ...rest } of data.candidates) {
    const type = local ? 'local-candidate' : 'remote-candidate';
    // `ip` is the name that `address` had once; Chromium still has both, and applications read it.
    report.add(type, `I${id}`, { transportId: transportId(transport), ip: rest.address, ...rest });
  }
  for (const { id, transport, local, remote, ...rest } of data.pairs) {
    report.add('candidate-pair', `CP${id}`, {
      transportId: transportId(transport),
      localCandidateId: `I${local}`,
      remoteCandidateId: `I${remote}`,
      ...rest,
    });
  }
  for (const { id, ...rest } of data.certificates) report.add('certificate', `CF${id}`, rest);
}

// There is no video decoder: these are what they are before the first decoded frame.
const NOTHING_DECODED = {
  framesDecoded: 0,
  keyFramesDecoded: 0,
  framesRendered: 0,
  freezeCount: 0,
  totalFreezesDuration: 0,
  pauseCount: 0,
  totalPausesDuration: 0,
  totalDecodeTime: 0,
  totalInterFrameDelay: 0,
  totalSquaredInterFrameDelay: 0,
  totalProcessingDelay: 0,
  jitterBufferDelay: 0,
  jitterBufferTargetDelay: 0,
  jitterBufferMinimumDelay: 0,
  jitterBufferEmittedCount: 0,
  firCount: 0,
  pliCount: 0,
};

function addPlayout(report: Report, { samples, durationS }: PlayoutData): void {
  report.add('media-playout', PLAYOUT, {
    kind: 'audio',
    // What conceals a gap is counted with the stream; nothing is made up between a stream and its readers.
    synthesizedSamplesDuration: 0,
    synthesizedSamplesEvents: 0,
    totalSamplesDuration: durationS,
    totalPlayoutDelay: 0,
    totalSamplesCount: samples,
  });
}

function addInbound(report: Report, peer: Peer, data: StatsData): void {
  if (data.playout) addPlayout(report, data.playout);
  for (const stream of data.inbound) {
    const { kind, jitter, packetsReceived, packetsLost, bytesReceived, headerBytesReceived } = stream;
    const { transceiver: id, transport, payloadType, stream: nth, rtpTimestamp: _, framesReceived, ...sound } = stream;
    // Not the SSRC alone: a stream that comes back is counted from zero.
    const name = `${id}-${nth}`;
    const heard = data.remoteOutbound.find((other) => other.transceiver === id);
    const transceiver = peer.transceiver(id);
    const received = { jitter, packetsReceived, packetsLost, bytesReceived, headerBytesReceived };
    const { lastPacketReceivedTimestamp } = stream;
    report.add('inbound-rtp', `IT${name}`, {
      ...streamMembers(report, peer, stream, 'decode'),
      ...(kind === 'audio'
        ? { ...sound, playoutId: PLAYOUT }
        : {
            ...received,
            lastPacketReceivedTimestamp,
            ...NOTHING_DECODED,
            framesReceived,
            framesDropped: framesReceived,
          }),
      nackCount: 0,
      mid: transceiver?.mid ?? undefined,
      trackIdentifier: transceiver?.receiver.track.id,
      remoteId: heard && `RO${name}`,
    });
    if (heard) addHeard(report, peer, heard, name);
  }
}

/** What the far end says of the stream that is called `name` here. */
function addHeard(report: Report, peer: Peer, heard: RemoteOutboundStatsData, name: string): void {
  const { transceiver: _, transport, payloadType, timestamp, ...rest } = heard;
  const members = streamMembers(report, peer, heard, 'decode');
  report.add('remote-outbound-rtp', `RO${name}`, { ...rest, ...members, localId: `IT${name}` }, timestamp);
}

function addOutbound(report: Report, peer: Peer, data: StatsData): void {
  for (const stream of data.outbound) {
    // Streams exist in statistics from their first packet on.
    if (stream.packetsSent === 0) continue;
    const { transceiver: id, transport, payloadType, ...own } = stream;
    const { audioLevel, totalAudioEnergy, totalSamplesDuration, ...rest } = own;
    const transceiver = peer.transceiver(id);
    report.add('outbound-rtp', `OT${stream.ssrc}`, {
      ...rest,
      ...streamMembers(report, peer, stream, 'encode'),
      ...(stream.kind === 'video' ? pictures(peer, data, stream) : {}),
      encodingIndex: 0,
      rid: transceiver && senderSlots(transceiver.sender).encodings[0]?.rid,
      mid: transceiver?.mid ?? undefined,
      mediaSourceId: transceiver?.sender.track && !peer.closed ? sourceId(transceiver) : undefined,
      remoteId: data.remoteInbound.some(({ ssrc }) => ssrc === stream.ssrc) ? `RI${stream.ssrc}` : undefined,
    });
  }
  for (const stream of data.remoteInbound) {
    const { transceiver: _, transport, payloadType, timestamp, ...rest } = stream;
    const members = streamMembers(report, peer, stream, 'encode');
    report.add('remote-inbound-rtp', `RI${rest.ssrc}`, { ...rest, ...members, localId: `OT${rest.ssrc}` }, timestamp);
  }
}

/** Of a sender that sends one ready-made frame again and again: every frame is a key frame and none takes time. */
function pictures(peer: Peer, data: StatsData, { framesSent, bytesSent }: OutboundStatsData): object {
  const since = (data.timestamp - peer.createdAt) / 1000;
  return {
    framesEncoded: framesSent,
    keyFramesEncoded: framesSent,
    hugeFramesSent: 0,
    totalEncodeTime: 0,
    totalEncodedBytesTarget: bytesSent,
    encoderImplementation: 'ready-made',
    powerEfficientEncoder: true,
    qualityLimitationReason: 'none',
    qualityLimitationDurations: { none: since, cpu: 0, bandwidth: 0, other: 0 },
    qualityLimitationResolutionChanges: 0,
    scalabilityMode: 'L1T1',
  };
}

function addSource(report: Report, transceiver: RTCRtpTransceiver, data: StatsData | null): void {
  const { track } = transceiver.sender;
  if (!track) return;
  const { id } = transceiverSlots(transceiver);
  const stream = data?.outbound.find((outbound) => outbound.transceiver === id);
  const { audioLevel, totalAudioEnergy, totalSamplesDuration } = stream ?? {};
  const { frameWidth: width, frameHeight: height, framesSent: frames, framesPerSecond } = stream ?? {};
  report.add('media-source', sourceId(transceiver), {
    kind: track.kind,
    trackIdentifier: track.id,
    ...(track.kind === 'audio'
      ? { audioLevel, totalAudioEnergy, totalSamplesDuration }
      : { width, height, frames, framesPerSecond }),
  });
}

function sourceId(transceiver: RTCRtpTransceiver): string {
  return `S${transceiverSlots(transceiver).id}`;
}

function connectionMembers(peer: Peer): object {
  const { opened, closed } = peer.channels.counts;
  return { dataChannelsOpened: opened, dataChannelsClosed: closed };
}

function addChannels(report: Report, peer: Peer): void {
  for (const channel of peer.channels.all) {
    const { label, protocol, id, readyState } = channel;
    const { number, messagesSent, bytesSent, messagesReceived, bytesReceived } = channelSlots(channel);
    const counters = { messagesSent, bytesSent, messagesReceived, bytesReceived };
    const members = { label, protocol, dataChannelIdentifier: id, state: readyState, ...counters };
    report.add('data-channel', `D${number}`, members);
  }
}

interface Stream {
  transceiver: number;
  ssrc: number;
  kind: string;
  transport: number;
  payloadType?: number | null;
}

/** RTCRtpStreamStats; adds the codec that it refers to. */
function streamMembers(report: Report, peer: Peer, stream: Stream, use: 'encode' | 'decode'): object {
  const { ssrc, kind, transport } = stream;
  return { ssrc, kind, transportId: transportId(transport), codecId: addCodec(report, peer, stream, use) };
}

function addCodec(report: Report, peer: Peer, stream: Stream, use: 'encode' | 'decode'): string | undefined {
  const transceiver = peer.transceiver(stream.transceiver);
  if (!transceiver || typeof stream.payloadType !== 'number') return undefined;
  const { sendCodecs, recvCodecs } = negotiatedParameters(transceiver);
  const codecs = use === 'encode' ? sendCodecs : recvCodecs;
  const codec = codecs.find(({ payloadType }) => payloadType === stream.payloadType);
  if (!codec) return undefined;
  const id = `C${use === 'encode' ? 'O' : 'I'}T${stream.transport}_${codec.payloadType}_${codec.sdpFmtpLine ?? ''}`;
  const { channels, ...rest } = codecParameters(codec);
  const sound = stream.kind === 'audio' ? { channels } : {};
  report.add('codec', id, { transportId: transportId(stream.transport), ...rest, ...sound });
  return id;
}

function transportId(transport: number): string {
  return `T${transport}`;
}

function prefixed(prefix: string, id: string | null | undefined): string | undefined {
  return id === null || id === undefined ? undefined : prefix + id;
}

function defined(entry: Entry): Entry {
  return Object.fromEntries(
    Object.entries(entry).filter(([, value]) => value !== undefined && value !== null),
  ) as Entry;
}

/** W3C "stats selection algorithm": the streams of the selector and all that they refer to. */
function selected(all: Entry[], { sender, receiver }: Selection): Entry[] {
  const transceiver = sender ?? receiver;
  if (!transceiver) return all;
  const types = sender ? ['outbound-rtp', 'media-source'] : ['inbound-rtp'];
  const track = sender ? sender.sender.track?.id : receiver?.receiver.track.id;
  const { mid } = transceiverSlots(transceiver);
  const byId = new Map(all.map((entry) => [entry.id, entry]));
  const found = new Set<Entry>();
  const visit = (entry: Entry | undefined) => {
    if (!entry || found.has(entry)) return;
    found.add(entry);
    for (const [name, value] of Object.entries(entry)) if (/Id$/.test(name)) visit(byId.get(String(value)));
  };
  for (const entry of all) {
    if (types.includes(entry.type) && (entry.mid === undefined ? entry.trackIdentifier === track : entry.mid === mid)) {
      visit(entry);
    }
  }
  return [...found];
}
