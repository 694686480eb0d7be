// SIP text as RingCentral's edge writes it and as the web phone SDK can read it.
// Invariant: one message per WebSocket frame, one value per header name, ": " only between a name and its value
// (the SDK splits each line there and keeps two parts).

const CRLF = '\r\n';

class SipMessage {
  constructor(startLine, headers = {}, body = '') {
    this.startLine = startLine;
    this.headers = headers;
    this.body = body;
  }

  /** Header value by name, whatever its case; undefined if absent. */
  get(name) {
    const wanted = name.toLowerCase();
    for (const key of Object.keys(this.headers)) if (key.toLowerCase() === wanted) return this.headers[key];
    return undefined;
  }

  get isResponse() {
    return this.startLine.startsWith('SIP/2.0 ');
  }
  get status() {
    return Number(this.startLine.split(' ')[1]);
  }
  get method() {
    return this.startLine.split(' ')[0];
  }
  get requestUri() {
    return this.startLine.split(' ')[1];
  }
  get callId() {
    return this.get('Call-Id');
  }
  get cseq() {
    return Number(this.get('CSeq').split(' ')[0]);
  }
  get cseqMethod() {
    return this.get('CSeq').split(' ')[1];
  }

  toString() {
    const lines = Object.entries({ ...this.headers, 'Content-Length': String(Buffer.byteLength(this.body)) }).map(
      ([name, value]) => {
        if (String(value).includes(': ')) throw new Error(`header ${name} holds ": ", which the SDK cannot read`);
        return `${name}: ${value}`;
      },
    );
    return [this.startLine, ...lines, '', this.body].join(CRLF);
  }

  static parse(text) {
    const end = text.indexOf(CRLF + CRLF);
    const head = end < 0 ? text : text.slice(0, end);
    const [startLine, ...lines] = head.split(CRLF);
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon > 0) headers[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
    }
    return new SipMessage(startLine, headers, end < 0 ? '' : text.slice(end + 4));
  }
}

const REASONS = {
  100: 'Trying',
  180: 'Ringing',
  183: 'Session Progress',
  200: 'OK',
  202: 'Accepted',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  407: 'Proxy Authentication Required',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  603: 'Decline',
};

/** A response with the five headers RFC 3261 8.2.6.2 copies from the request. */
function responseTo(request, status, headers = {}, body = '') {
  const copied = {};
  for (const name of ['Via', 'From', 'To', 'Call-Id', 'CSeq']) copied[name] = request.get(name);
  return new SipMessage(`SIP/2.0 ${status} ${REASONS[status] ?? 'Status'}`, { ...copied, ...headers }, body);
}

const tagOf = (peer) => /;tag=([^;]+)/.exec(peer ?? '')?.[1];
const withTag = (peer, tag) => (tagOf(peer) ? peer : `${peer};tag=${tag}`);
const numberOf = (peer) => /sip:([^@>]+)@/.exec(peer ?? '')?.[1];

module.exports = { SipMessage, responseTo, tagOf, withTag, numberOf };
