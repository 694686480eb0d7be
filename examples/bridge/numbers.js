// Who calls and who is called.

/** @returns {{ from: string | undefined, to: string | undefined }} undefined: the address has no user part, as `<sip:anonymous.invalid>` */
function numbersOf(session) {
  const number = (side) => {
    try {
      return session[side];
    } catch {
      return undefined; // the SDK takes what stands before the @
    }
  };
  return { from: number('remoteNumber'), to: number('localNumber') };
}

module.exports = { numbersOf };
