/**
 * The transports of a connection, by the engine's id.
 * Invariant: a transport's object is the same for its life; a state is set before its event is fired.
 */
import type { ConnectionReport, IceParametersData, TransportSnapshot } from '../binding';
import { createDtlsTransport, dtlsSlots, type RTCDtlsTransport } from '../RTCDtlsTransport';
import { RTCError } from '../RTCError';
import { RTCErrorEvent } from '../RTCErrorEvent';
import { createCandidate } from '../RTCIceCandidate';
import { createCandidatePair } from '../RTCIceCandidatePair';
import { createIceTransport, type IceSlots, iceSlots, type RTCIceTransport } from '../RTCIceTransport';
import { fire } from '../webidl/event';
import { reasonOf } from './reasons';
import { deriveConnectionState, deriveIceConnectionState } from './states';

interface Transport {
  ice: RTCIceTransport;
  dtls: RTCDtlsTransport;
}

/** Sets the states of the connection; returns what fires their events, to be called after the transport's own. */
type Derive = () => () => void;

const UP: readonly string[] = ['connecting', 'connected'];
const HELD: readonly string[] = ['checking', 'connected', 'completed', 'disconnected'];

export class Transports {
  readonly #byId = new Map<number, Transport>();
  /**
   * What a provisional answer has bundled away and another answer may keep apart again: the engine goes on with it, and its
   * states go on in objects that nobody has seen yet.
   */
  readonly #aside = new Map<number, Transport>();
  /** Those of `#byId` in a list: states are derived from it with every report. */
  #all: readonly Transport[] = [];
  /** Username fragments of ours that local descriptions have named, and of these those that the engine will gather for. */
  #described: string[] = [];
  #awaited: string[] = [];

  #known(id: number): Transport | undefined {
    return this.#byId.get(id) ?? this.#aside.get(id);
  }

  get(id: number | null): Transport | undefined {
    return id === null ? undefined : this.#byId.get(id);
  }

  get none(): boolean {
    return this.#byId.size === 0;
  }

  slotsOf(dtls: RTCDtlsTransport): IceSlots {
    return iceSlots(dtls.iceTransport);
  }

  /** Something may still come from the network, be it that nothing comes: what is disconnected fails, or comes back. */
  get up(): boolean {
    return this.#all.some(
      ({ ice, dtls }) => HELD.includes(ice.state) || (UP.includes(dtls.state) && ice.state !== 'failed'),
    );
  }

  /** Something has not begun to connect. */
  get waiting(): boolean {
    return this.#all.some(({ ice }) => ice.state === 'new');
  }

  get iceConnectionState(): RTCIceConnectionState {
    return deriveIceConnectionState(this.#all.map(({ ice }) => ice.state));
  }

  get connectionState(): RTCPeerConnectionState {
    return deriveConnectionState(
      this.#all.map(({ ice }) => ice.state),
      this.#all.map(({ dtls }) => dtls.state),
    );
  }

  /** New ones appear; one that bundling has made superfluous is closed, for good once that is `settled`. */
  refresh(snapshots: readonly TransportSnapshot[], settled: boolean): void {
    for (const { id, local, remote, controlling } of snapshots) {
      let transport = this.#byId.get(id);
      if (!transport) {
        transport = this.#aside.get(id) ?? createTransport();
        this.#aside.delete(id);
        this.#byId.set(id, transport);
      }
      const slots = iceSlots(transport.ice);
      // Other credentials are another generation: the candidates before have no meaning in it.
      if (changed(slots.localParameters, local)) slots.localCandidates = [];
      if (remote && changed(slots.remoteParameters, remote)) slots.remoteCandidates = [];
      slots.localParameters = local;
      slots.remoteParameters = remote ?? null;
      slots.role = controlling ? 'controlling' : 'controlled';
    }
    for (const [id, transport] of this.#byId) {
      if (snapshots.some((snapshot) => snapshot.id === id)) continue;
      this.#byId.delete(id);
      if (!settled) this.#aside.set(id, copied(transport));
      closeSilently(transport);
    }
    if (settled) this.#aside.clear();
    this.#all = [...this.#byId.values()];
    const fragments = this.#fragments;
    this.#awaited = this.#awaited.filter((fragment) => fragments.includes(fragment));
    if (settled) this.#described = this.#described.filter((fragment) => fragments.includes(fragment));
  }

  /** A local description was applied: for credentials that none before it had the engine gathers. */
  describe(): void {
    const fresh = this.#fragments.filter((fragment) => !this.#described.includes(fragment));
    this.#described.push(...fresh);
    this.#awaited.push(...fresh);
  }

  /** The engine gathers, and has not reported so yet. */
  get willGather(): boolean {
    return this.#awaited.length > 0;
  }

  get #fragments(): string[] {
    return this.#all.flatMap(({ ice }) => iceSlots(ice).localParameters?.usernameFragment ?? []);
  }

  /** Why the connection is in `state`, in plain words. */
  reasonOf(state: RTCPeerConnectionState): string {
    const ice = this.#all.map((transport) => transport.ice.state);
    const hadPair = this.#all.some((transport) => iceSlots(transport.ice).selectedPair !== null);
    const dtlsFailures = this.#all.flatMap(({ dtls }) => dtlsSlots(dtls).failure ?? []);
    return reasonOf(state, { ice, hadPair, dtlsFailures });
  }

  setGathering(state: RTCIceGathererState): void {
    this.#awaited = [];
    for (const { ice } of this.#all) {
      // A listener may have closed the connection.
      if (ice.gatheringState === state || ice.state === 'closed') continue;
      iceSlots(ice).gatheringState = state;
      fire(ice, 'gatheringstatechange');
    }
  }

  setIce(id: number, state: RTCIceTransportState, derive: Derive): void {
    const transport = this.#known(id);
    if (!transport || transport.ice.state === state) return;
    iceSlots(transport.ice).state = state;
    const fireDerived = derive();
    fire(transport.ice, 'statechange');
    fireDerived();
  }

  setDtls(report: Extract<ConnectionReport, { type: 'dtls' }>, derive: Derive): void {
    const transport = this.#known(report.transport);
    if (!transport || transport.dtls.state === report.state) return;
    const slots = dtlsSlots(transport.dtls);
    slots.state = report.state;
    slots.failure = report.state === 'failed' ? report.failure.reason : null;
    const certificates = (report.state !== 'failed' && report.remoteCertificates) || [];
    if (certificates.length > 0) slots.remoteCertificates = certificates.map((der) => new Uint8Array(der).buffer);
    const fireDerived = derive();
    if (report.state === 'failed') {
      const { reason, ...details } = report.failure;
      fire(transport.dtls, 'error', () => new RTCErrorEvent('error', { error: new RTCError(details, reason) }));
    }
    fire(transport.dtls, 'statechange');
    fireDerived();
  }

  setPair(
    id: number,
    local: string,
    remote: string,
    place: { sdpMid: string | null; sdpMLineIndex: number | null },
  ): void {
    const transport = this.#known(id);
    if (!transport) return;
    const candidate = (text: string) => createCandidate({ candidate: text, ...place });
    iceSlots(transport.ice).selectedPair = createCandidatePair(candidate(local), candidate(remote));
    fire(transport.ice, 'selectedcandidatepairchange');
  }

  /** The engine has lost the connection. */
  fail(derive: Derive): void {
    for (const id of [...this.#byId.keys()]) this.setIce(id, 'failed', derive);
    derive()();
  }

  close(): void {
    for (const transport of this.#all) closeSilently(transport);
  }
}

function changed(before: IceParametersData | null, now: IceParametersData): boolean {
  return before !== null && before.usernameFragment !== now.usernameFragment;
}

function createTransport(): Transport {
  const ice = createIceTransport();
  return { ice, dtls: createDtlsTransport(ice) };
}

function copied(from: Transport): Transport {
  const copy = createTransport();
  Object.assign(iceSlots(copy.ice), iceSlots(from.ice));
  const { state, remoteCertificates, failure } = dtlsSlots(from.dtls);
  Object.assign(dtlsSlots(copy.dtls), { state, remoteCertificates, failure });
  return copy;
}

function closeSilently({ ice, dtls }: Transport): void {
  iceSlots(ice).state = 'closed';
  dtlsSlots(dtls).state = 'closed';
}
