// The least of a program that still differs in the same way.

/** Without what a difference has of a single case. */
function signature({ found }) {
  return found[0].replace(/\d+/g, 'N');
}

/**
 * @param {{ at: number, found: string[] }} difference
 * @param {(program: object) => Promise<{ at: number, found: string[] } | null>} differs
 */
async function shrink(program, difference, differs) {
  const wanted = signature(difference);
  const upTo = (of, { at }) => ({ ...of, steps: of.steps.slice(0, at + 1) });
  let least = upTo(program, difference);
  let last = difference;
  for (let n = least.steps.length - 1; n >= 0; n--) {
    const smaller = { ...least, steps: least.steps.filter((_, index) => index !== n) };
    const found = await differs(smaller);
    if (!found || signature(found) !== wanted) continue;
    least = upTo(smaller, found);
    last = found;
    // Without this step an earlier one may have become superfluous, or a later one.
    n = least.steps.length;
  }
  return { program: least, difference: last };
}

module.exports = { shrink, signature };
