/**
 * RTCIceCandidate (webrtc-pc §4.8.1).
 * Invariant: a candidate that does not follow the grammar of RFC 8839 §5.1 is kept as text, its fields are null.
 */
import type { CandidateData } from './binding';
import {
  constructing,
  DOMString,
  dictionary,
  enumeration,
  fail,
  nullable,
  USVString,
  unsignedShort,
  withDefault,
} from './webidl/converters';
import { defineInterface, INTERNAL } from './webidl/interface';

const initMembers = {
  candidate: withDefault(DOMString, () => ''),
  sdpMLineIndex: withDefault(nullable(unsignedShort), () => null),
  sdpMid: withDefault(nullable(DOMString), () => null),
  usernameFragment: withDefault(nullable(DOMString), () => null),
};

/** RTCIceCandidateInit */
export const toIceCandidateInit = dictionary('RTCIceCandidateInit', initMembers);

const toLocalInit = dictionary(
  'RTCLocalIceCandidateInit',
  {
    relayProtocol: withDefault(
      nullable(enumeration('RTCIceServerTransportProtocol', ['udp', 'tcp', 'tls'] as const)),
      () => null,
    ),
    url: withDefault(nullable(USVString), () => null),
  },
  initMembers,
);

type Init = ReturnType<typeof toLocalInit>;

interface Fields {
  foundation: string;
  component: RTCIceComponent | null;
  protocol: RTCIceProtocol;
  priority: number;
  address: string;
  port: number;
  type: RTCIceCandidateType;
  relatedAddress: string | null;
  relatedPort: number | null;
  tcpType: RTCIceTcpCandidateType | null;
}

const LINE =
  /^(?:a=)?candidate:([A-Za-z0-9+/]{1,32}) (\d{1,3}) (udp|tcp) (\d{1,10}) ([^\s]+) (\d{1,5}) typ (host|srflx|prflx|relay)((?: [^\s]+ [^\s]+)*) *$/i;

export function parseCandidate(line: string): Fields | null {
  const match = LINE.exec(line);
  if (!match) return null;
  const [, foundation, component, protocol, priority, address, port, type, rest] = match as unknown as string[];
  const words = (rest as string).trim().split(' ');
  const extension = (name: string): string | null => {
    for (let i = 0; i + 1 < words.length; i += 2) if (words[i] === name) return words[i + 1] as string;
    return null;
  };
  const relatedPort = extension('rport');
  const tcpType = extension('tcptype');
  return {
    foundation: foundation as string,
    component: component === '1' ? 'rtp' : component === '2' ? 'rtcp' : null,
    protocol: (protocol as string).toLowerCase() as RTCIceProtocol,
    priority: Number(priority),
    address: address as string,
    port: Number(port),
    type: (type as string).toLowerCase() as RTCIceCandidateType,
    relatedAddress: extension('raddr'),
    relatedPort: relatedPort === null ? null : Number(relatedPort),
    tcpType: ['active', 'passive', 'so'].includes(tcpType ?? '') ? (tcpType as RTCIceTcpCandidateType) : null,
  };
}

let is: (value: unknown) => value is RTCIceCandidate;

export class RTCIceCandidate {
  static {
    is = (value): value is RTCIceCandidate => typeof value === 'object' && value !== null && #init in value;
  }
  readonly #init: Init;
  /** Worked out when somebody asks: mostly the text is passed on, and nobody does. */
  #parsed: Fields | null | undefined;

  constructor(candidateInitDict: RTCIceCandidateInit = {}, token?: unknown, made?: Init) {
    if (token === INTERNAL) {
      this.#init = made as Init;
      return;
    }
    const context = constructing('RTCIceCandidate');
    const init = toLocalInit(candidateInitDict, `${context} parameter 1`);
    if (init.sdpMid === null && init.sdpMLineIndex === null) {
      throw fail(context, 'sdpMid and sdpMLineIndex are both null.');
    }
    this.#init = init;
  }

  get #fields(): Fields | null {
    if (this.#parsed === undefined) this.#parsed = parseCandidate(this.#init.candidate);
    return this.#parsed;
  }

  get candidate(): string {
    return this.#init.candidate;
  }
  get sdpMid(): string | null {
    return this.#init.sdpMid;
  }
  get sdpMLineIndex(): number | null {
    return this.#init.sdpMLineIndex;
  }
  get foundation(): string | null {
    return this.#fields?.foundation ?? null;
  }
  get component(): RTCIceComponent | null {
    return this.#fields?.component ?? null;
  }
  get priority(): number | null {
    return this.#fields?.priority ?? null;
  }
  get address(): string | null {
    return this.#fields?.address ?? null;
  }
  get protocol(): RTCIceProtocol | null {
    return this.#fields?.protocol ?? null;
  }
  get port(): number | null {
    return this.#fields?.port ?? null;
  }
  get type(): RTCIceCandidateType | null {
    return this.#fields?.type ?? null;
  }
  get tcpType(): RTCIceTcpCandidateType | null {
    return this.#fields?.tcpType ?? null;
  }
  get relatedAddress(): string | null {
    return this.#fields?.relatedAddress ?? null;
  }
  get relatedPort(): number | null {
    return this.#fields?.relatedPort ?? null;
  }
  get usernameFragment(): string | null {
    return this.#init.usernameFragment;
  }
  get relayProtocol(): string | null {
    return this.#init.relayProtocol;
  }
  get url(): string | null {
    return this.#init.url;
  }

  toJSON(): RTCIceCandidateInit {
    const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = this.#init;
    return { candidate, sdpMid, sdpMLineIndex, usernameFragment };
  }
}
defineInterface(RTCIceCandidate, 'RTCIceCandidate');

export const isRTCIceCandidate = is;

/** One of the engine's, which needs no conversion. */
export function createCandidate(data: CandidateData): RTCIceCandidate {
  const { candidate, sdpMid = null, sdpMLineIndex = null, usernameFragment = null, url = null } = data;
  const relayProtocol = (data.relayProtocol ?? null) as Init['relayProtocol'];
  const init: Init = { candidate, sdpMid, sdpMLineIndex, usernameFragment, relayProtocol, url };
  return new RTCIceCandidate(undefined, INTERNAL, init);
}
