// Who else is here, each in a colour of their own: the same on every card and in the bar. No DOM.

const COLOURS = ["#0e8a7d", "#b4560f", "#8d3fc0", "#2f6fd0", "#b02a6b", "#557a12", "#a03a2c", "#5a55c8"];

/** The colour of a tab, the same for everybody who sees it. */
export function colourOf(id) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return COLOURS[sum % COLOURS.length];
}

/** For each node somebody is at: who, in which colour, and whether its form is open there. The one who edits counts. */
export function peopleByNode(people) {
  const found = new Map();
  for (const { id, name, node, selected = [] } of people) {
    for (const one of selected) if (!found.get(one)?.edits) found.set(one, { name, colour: colourOf(id), edits: false });
    if (node) found.set(node, { name, colour: colourOf(id), edits: true });
  }
  return found;
}

/** What somebody else is called; until there are logins, all are the user of the machine. */
export function nameOf(words, name) {
  return name === "local" ? words.somebody : name;
}

/** What is said when another version was put on the canvas, to whoever did it and to others. */
export function putWords(words, { by, tab, way_back: { put, given_up } }, here) {
  const kind = given_up ? "given_up" : "put";
  const said = tab && tab === here ? words[`${kind}_here`] : words[kind].replace("{name}", nameOf(words, by));
  return said.replace("{revision}", put);
}

/** The same for one who comes later. */
export function lastPut(words, { put, given_up }) {
  return words[given_up ? "given_up_before" : "put_before"].replace("{revision}", put);
}
