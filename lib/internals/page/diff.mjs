// Differences of two texts by lines. Invariant: the lines that are kept or added are the new text, in its order.

/** Beyond so many cells of the table, what differs is told as one block. */
const MAX_CELLS = 1_500_000;

/** @returns {{ kind: 'same' | 'add' | 'del', text: string }[]} */
export function difference(before, after) {
  const old = lines(before);
  const now = lines(after);
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const same = (text) => ({ kind: 'same', text });
  return [
    ...now.slice(0, head).map(same),
    ...middle(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    ...now.slice(now.length - tail).map(same),
  ];
}

const lines = (text) => text.split(/\r?\n/).filter((line, index, all) => line !== '' || index < all.length - 1);

/** By the longest common subsequence. */
function middle(old, now) {
  const del = (text) => ({ kind: 'del', text });
  const add = (text) => ({ kind: 'add', text });
  if (old.length * now.length > MAX_CELLS) return [...old.map(del), ...now.map(add)];
  const width = now.length + 1;
  const longest = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        old[i] === now[j]
          ? longest[(i + 1) * width + j + 1] + 1
          : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const result = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      result.push({ kind: 'same', text: now[j] });
      i += 1;
      j += 1;
    } else if (j >= now.length || (i < old.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
      result.push(del(old[i++]));
    } else {
      result.push(add(now[j++]));
    }
  }
  return result;
}
