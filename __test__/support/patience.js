// A call that a machine does not spoil which has other things to do: no hole is heard because an end was not run for a while.
// Invariant: that holds for 180 ms at once.

/** A sender that is late makes up for three packets and skips what is more. None are longer than these. */
const PTIME_MS = 60;
/** What a burst of such packets is waited for, and more. */
const BUFFER_MS = 400;

/** The description, of one m-line, asks for long packets. */
const longPackets = ({ type, sdp }) => ({ type, sdp: `${sdp}a=ptime:${PTIME_MS}\r\n` });

/** What `end`, a Phone, receives waits long. Before the call is connected, so that no pause comes into it later. */
function longBuffer(end) {
  for (const receiver of end.pc.getReceivers()) receiver.jitterBufferTarget = BUFFER_MS;
}

module.exports = { BUFFER_MS, longBuffer, longPackets };
