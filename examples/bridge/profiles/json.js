// Invariant: an object, or null; never throws.
function parseObject(data) {
  try {
    const value = JSON.parse(String(data));
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

const MOST_NAME = 40;

/** Of which kind a message is, for a log: printable, and never what it says. */
function kindOf(data, isBinary) {
  if (isBinary) return 'binary';
  const message = parseObject(data);
  if (!message) return 'no JSON object';
  const member = ['type', 'event'].find((name) => typeof message[name] === 'string');
  return member
    ? `${member}=${message[member].replace(/[^ -~]+/g, ' ').slice(0, MOST_NAME)}`
    : 'JSON without type and event';
}

/** Digits as RTCDTMFSender takes them. */
function dtmfCommand(digits, durationMs) {
  if (typeof digits !== 'string' || !/^[0-9A-D#*,]{1,64}$/i.test(digits)) return null;
  const duration = Number(durationMs);
  return { type: 'dtmf', digits, durationMs: duration >= 40 && duration <= 6000 ? duration : undefined };
}

/** A number or extension, with or without the usual separators. It becomes part of a SIP address: nothing else may pass. */
function transferCommand(to) {
  const number = String(to).replace(/[\s().-]/g, '');
  return /^\+?[0-9*#]{1,32}$/.test(number) ? { type: 'transfer', to: number } : null;
}

module.exports = { parseObject, kindOf, dtmfCommand, transferCommand };
