// Invariant: an object, or null; never throws.
function parseObject(data) {
  try {
    const value = JSON.parse(String(data));
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
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

module.exports = { parseObject, dtmfCommand, transferCommand };
