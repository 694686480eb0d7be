// RingCentral's call-control XML (`x-rc/agent`, and the P-rc header of an INVITE).

/** Cmd numbers the edge and the phone exchange. */
const COMMANDS = {
  IncomingCall: 6,
  AlreadyProcessed: 7,
  SessionClose: 9,
  Forward: 10,
  Voicemail: 11,
  Reject: 12,
  StartReply: 13,
  Reply: 14,
  ReceiveConfirm: 17,
};

const escapeXml = (value) => String(value).replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
const attributes = (object) =>
  Object.entries(object)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join('');

const write = (header, body = {}) => `<Msg><Hdr${attributes(header)}/><Bdy${attributes(body)}/></Msg>`;

/** { header: {SID, Req, From, To, Cmd}, body: {…} } */
function read(xml) {
  const part = (tag) =>
    Object.fromEntries(
      [...(new RegExp(`<${tag}\\b([^>]*)>`).exec(xml)?.[1] ?? '').matchAll(/([\w-]+)="([^"]*)"/g)].map((m) => [
        m[1],
        m[2],
      ]),
    );
  return { header: part('Hdr'), body: part('Bdy') };
}

module.exports = { COMMANDS, write, read };
