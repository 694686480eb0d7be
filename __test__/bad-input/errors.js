// What a call throws, whether at once or through its promise; and names for calls: their own source text.

const LIMIT_MS = 10_000;

/** @returns {Promise<string>} the error's name, 'nothing', or 'no end' when the promise never settles */
async function thrownBy(call) {
  let limit;
  const noEnd = new Promise((resolve) => {
    limit = setTimeout(resolve, LIMIT_MS, 'no end');
  });
  try {
    return await Promise.race([noEnd, Promise.resolve(call()).then(() => 'nothing')]);
  } catch (error) {
    return error?.name ?? typeof error;
  } finally {
    clearTimeout(limit);
  }
}

/** `({ pc }) => pc.close()` as "pc.close()". */
const nameOf = (call) =>
  call
    .toString()
    .replace(/^\(.*?\) => /s, '')
    .replace(/\s+/g, ' ')
    .replace(/^\{ (.*);? \}$/, '$1');

module.exports = { nameOf, thrownBy };
