// A description whose certificate is another one than it announces.

/** The fingerprint with every hex digit changed. */
const forged = ({ type, sdp }) => ({
  type,
  sdp: sdp.replace(
    /^(a=fingerprint:\S+ )(\S+)/gm,
    (_, head, digits) => head + digits.replace(/[0-9A-F]/gi, (d) => (15 - parseInt(d, 16)).toString(16).toUpperCase()),
  ),
});

module.exports = { forged };
