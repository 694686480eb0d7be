// One line for each thing that happened, on stderr for warnings, stdout for the rest; give Bridge another function of
// this shape to write elsewhere. Invariant: no SDP, no credential, and of a telephone number only the last four digits.

/** (level: 'debug' | 'info' | 'warn', text, fields) */
function createLog({ debug = false } = {}) {
  return (level, text, fields = {}) => {
    if (level === 'debug' && !debug) return;
    const details = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${/\s/.test(String(value)) ? JSON.stringify(String(value)) : value}`)
      .join('');
    console[level === 'warn' ? 'error' : 'log'](`${new Date().toISOString()} ${level.padEnd(5)} ${text}${details}`);
  };
}

const masked = (number) => (number ? `…${String(number).slice(-4)}` : undefined);

module.exports = { createLog, masked };
