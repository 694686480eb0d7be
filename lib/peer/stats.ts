/**
 * From the engine's counters to the dictionaries of webrtc-stats.
 * Invariants: an id names the same object in every report of a connection; what is not known is absent.
 */
import type { StatsData } from '../binding';
import { channelSlots } from '../RTCDataChannel';
import { type RTCRtpTransceiver, transceiverSlots } from '../RTCRtpTransceiver';
import { type StatsEntry as Entry, RTCStatsReport } from '../RTCStatsReport';
import { INTERNAL } from '../webidl/interface';
import type { Peer } from './peer';

/** Nothing: everything. Otherwise the stream of one sender or receiver and what it refers to. */
export interface Selection {
  sender?: RTCRtpTransceiver;
  receiver?: RTCRtpTransceiver;
}

export function statsReport(peer: Peer, data: StatsData | null, selection: Selection): RTCStatsReport {
  const all = entries(peer, data);
  return new RTCStatsReport(INTERNAL, selected(all, selection));
}

/** The order is that of the references: what is referred to comes with its own kind. */
function entries(peer: Peer, data: StatsData | null): Entry[] {
  const timestamp = data?.timestamp ?? Date.now();
  const list: Entry[] = [connectionEntry(peer, timestamp), ...channelEntries(peer, timestamp)];
  if (!data) return list;
  const add = (type: string, id: string, members: object, at = timestamp) =>
    list.push(defined({ id, timestamp: at, type, ...members }));
  const trackOf = (transceiver: number) => peer.transceiver(transceiver);

  for (const { transport, selectedPair, localCertificate, remoteCertificate, ...rest } of data.transports) {
    add('transport', transportId(transport), {
      ...rest,
      selectedCandidatePairId: prefixed('CP', selectedPair),
      localCertificateId: prefixed('CF', localCertificate),
      remoteCertificateId: prefixed('CF', remoteCertificate),
    });
  }
  for (const { id, transport, local, ...rest } of data.candidates) {
    add(local ? 'local-candidate' : 'remote-candidate', `I${id}`, { transportId: transportId(transport), ...rest });
  }
  for (const { id, transport, local, remote, ...rest } of data.pairs) {
    add('candidate-pair', `CP${id}`, {
      transportId: transportId(transport),
      localCandidateId: `I${local}`,
      remoteCandidateId: `I${remote}`,
      ...rest,
    });
  }
  for (const { id, ...rest } of data.certificates) add('certificate', `CF${id}`, rest);
  for (const { transport, ...rest } of data.codecs) {
    add('codec', codecId(transport, rest.payloadType) as string, { transportId: transportId(transport), ...rest });
  }
  for (const stream of data.inbound) {
    const { transceiver, rtpTimestamp: _, ...rest } = stream;
    add('inbound-rtp', `IT${stream.ssrc}`, {
      ...streamMembers(rest),
      mid: trackOf(transceiver)?.mid ?? undefined,
      trackIdentifier: trackOf(transceiver)?.receiver.track.id,
      remoteId: data.remoteOutbound.some(({ ssrc }) => ssrc === stream.ssrc) ? `RO${stream.ssrc}` : undefined,
    });
  }
  for (const stream of data.outbound) {
    const { transceiver, audioLevel, totalAudioEnergy, totalSamplesDuration, ...rest } = stream;
    const track = trackOf(transceiver)?.sender.track;
    if (track) {
      add('media-source', `S${transceiver}`, {
        kind: stream.kind,
        trackIdentifier: track.id,
        ...(stream.kind === 'audio' ? { audioLevel, totalAudioEnergy, totalSamplesDuration } : {}),
      });
    }
    add('outbound-rtp', `OT${stream.ssrc}`, {
      ...streamMembers(rest),
      mid: trackOf(transceiver)?.mid ?? undefined,
      mediaSourceId: track ? `S${transceiver}` : undefined,
      remoteId: data.remoteInbound.some(({ ssrc }) => ssrc === stream.ssrc) ? `RI${stream.ssrc}` : undefined,
    });
  }
  for (const { transceiver: _, timestamp: at, ...rest } of data.remoteInbound) {
    add('remote-inbound-rtp', `RI${rest.ssrc}`, { ...streamMembers(rest), localId: `OT${rest.ssrc}` }, at);
  }
  for (const { transceiver: _, timestamp: at, ...rest } of data.remoteOutbound) {
    add('remote-outbound-rtp', `RO${rest.ssrc}`, { ...streamMembers(rest), localId: `IT${rest.ssrc}` }, at);
  }
  return list;
}

function connectionEntry(peer: Peer, timestamp: number): Entry {
  const { opened, closed } = peer.channels.counts;
  return { id: 'P', timestamp, type: 'peer-connection', dataChannelsOpened: opened, dataChannelsClosed: closed };
}

function channelEntries(peer: Peer, timestamp: number): Entry[] {
  return peer.channels.all.map((channel) => {
    const { label, protocol, id, readyState } = channel;
    const { number, messagesSent, bytesSent, messagesReceived, bytesReceived } = channelSlots(channel);
    const counters = { messagesSent, bytesSent, messagesReceived, bytesReceived };
    const members = { label, protocol, dataChannelIdentifier: id, state: readyState, ...counters };
    return defined({ id: `D${number}`, timestamp, type: 'data-channel', ...members });
  });
}

function streamMembers({
  transport,
  payloadType,
  ...rest
}: {
  transport: number;
  payloadType?: number | null;
}): object {
  return { ...rest, transportId: transportId(transport), codecId: codecId(transport, payloadType) };
}

function transportId(transport: number): string {
  return `T${transport}`;
}

function codecId(transport: number, payloadType: number | null | undefined): string | undefined {
  return payloadType === null || payloadType === undefined ? undefined : `C${transport}_${payloadType}`;
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
