// What compiles while other suites have calls up takes of the processor what those leave.

/** The command and its arguments, for the end of the queue; as they are where the system has no such command. */
const gently = (command, args) =>
  process.platform === 'win32' ? [command, args] : ['nice', ['-n', '19', command, ...args]];

module.exports = { gently };
