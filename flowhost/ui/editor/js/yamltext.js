// Where nodes stand in the text of a flow. No DOM.

/** First and last line of each node, from 1, by id; `lines` are those of the text. */
export function nodeLines(lines) {
  const found = new Map();
  let inside = false;
  let last = null;
  for (const [index, line] of lines.entries()) {
    if (/^\S/.test(line) && !line.startsWith("#")) {
      inside = /^nodes:\s*(#.*)?$/.test(line);
      last = null;
    }
    const [, id] = (inside && /^ {2}([a-z][a-z0-9_]*):/.exec(line)) || [];
    if (id) last = found.set(id, [index + 1, index + 1]).get(id);
    else if (last && line.trim()) last[1] = index + 1;
  }
  return found;
}

/** The node a line belongs to; null outside of all. */
export function nodeAtLine(lines, number) {
  for (const [id, [first, last]] of nodeLines(lines)) if (number >= first && number <= last) return id;
  return null;
}

/** Index of a line and column, both from 1, in a text. */
export function indexAt(text, line, column) {
  const before = text.split("\n").slice(0, line - 1);
  return Math.min(text.length, before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1);
}

/** What Tab, or Shift and Tab, makes of the lines a selection touches: the new text and selection. */
export function indented(text, start, end, back) {
  const from = text.lastIndexOf("\n", start - 1) + 1;
  const lines = text.slice(from, end).split("\n");
  const changed = lines.map((line) => (back ? line.replace(/^ {1,2}/, "") : `  ${line}`));
  const moved = changed.map((line, index) => line.length - lines[index].length);
  const all = moved.reduce((sum, one) => sum + one, 0);
  return { text: text.slice(0, from) + changed.join("\n") + text.slice(end), start: Math.max(from, start + moved[0]), end: end + all };
}
