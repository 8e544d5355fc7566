// Draws nodes as cards and wires as one SVG. All text goes into text nodes.
const SVG = "http://www.w3.org/2000/svg";

export function drawPicture(plane, picture, onSelect) {
  plane.style.width = `${picture.width}px`;
  plane.style.height = `${picture.height}px`;
  const svg = plane.appendChild(shape("svg", { class: "fh-wires", width: picture.width, height: picture.height }));
  const wires = new Map(picture.wires.map((wire) => [wire.id, drawWire(svg, plane, wire)]));
  const cards = new Map(picture.nodes.map((node) => [node.id, drawNode(plane, node, onSelect)]));
  return { wires, cards };
}

export function showFigures(drawn, figures) {
  for (const [id, facts] of Object.entries(figures.nodes)) showNode(drawn.cards.get(id), facts);
  for (const [id, facts] of Object.entries(figures.wires)) showWire(drawn.wires.get(id), facts);
}

function drawNode(plane, node, onSelect) {
  const root = element(plane, "div", `fh-node fh-kind-${node.kind}${node.off ? " fh-node-off" : ""}`);
  Object.assign(root.style, { left: `${node.x}px`, top: `${node.y}px`, width: `${node.w}px`, height: `${node.h}px` });
  root.dataset.testid = "node";
  root.dataset.node = node.id;
  root.tabIndex = 0;
  root.setAttribute("role", "button");
  root.setAttribute("aria-pressed", "false");
  root.addEventListener("click", () => onSelect(node.id));
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onSelect(node.id);
    }
  });
  const head = element(root, "div", "fh-node-head");
  element(head, "i", "material-icons fh-node-icon", node.icon).setAttribute("aria-hidden", "true");
  const names = element(head, "div", "fh-node-names");
  element(names, "div", "fh-node-title", node.title).title = node.title;
  element(names, "div", "fh-node-type", node.type);
  const dot = element(head, "span", "fh-dot fh-dot-off");
  const foot = element(root, "div", "fh-node-foot");
  const rate = element(foot, "span", "fh-node-rate", "0");
  const unit = element(foot, "span", "fh-unit");
  const notes = element(foot, "span", "fh-node-notes");
  const total = element(foot, "span", "fh-node-total");
  if (node.input !== null) drawPort(root, "in", "in", node.input, false);
  for (const port of node.ports) drawPort(root, port.name, "out", port.y, node.named);
  return { root, dot, rate, unit, notes, total, shownNotes: "" };
}

function drawPort(root, name, direction, y, named) {
  const port = element(root, "span", `fh-port fh-port-${direction}${name === "error" ? " fh-port-error" : ""}`);
  port.dataset.testid = "port";
  port.dataset.port = name;
  port.dataset.direction = direction;
  port.style.top = `${y}px`;
  port.title = name;
  if (named) element(root, "span", "fh-port-name", name).style.top = `${y}px`;
}

function drawWire(svg, plane, wire) {
  const root = svg.appendChild(shape("g", { class: `fh-wire${wire.port === "error" ? " fh-wire-error" : ""}` }));
  root.dataset.testid = "wire";
  root.dataset.wire = wire.id;
  root.appendChild(shape("path", { d: wire.path }));
  const label = element(plane, "div", `fh-wire-label${wire.level ? " fh-wire-level" : ""}`);
  Object.assign(label.style, { left: `${wire.x}px`, top: `${wire.y}px` });
  const rate = element(label, "span", "fh-wire-rate");
  const waiting = element(label, "span", "fh-wire-waiting");
  return { root, label, rate, waiting, ends: [wire.source, wire.target] };
}

function showNode(card, facts) {
  if (!card) return;
  card.dot.className = `fh-dot fh-dot-${facts.tone}`;
  card.dot.title = facts.state;
  write(card.rate, facts.rate);
  write(card.unit, facts.unit);
  write(card.total, facts.total);
  const notes = JSON.stringify(facts.notes);
  if (notes === card.shownNotes) return;
  card.shownNotes = notes;
  card.notes.replaceChildren();
  card.notes.title = facts.notes.map(([, words, meaning]) => (meaning ? `${words}: ${meaning}` : words)).join("\n");
  for (const [tone, words] of facts.notes) element(card.notes, "span", `fh-note fh-note-${tone}`, words);
}

function showWire(wire, facts) {
  if (!wire) return;
  write(wire.rate, facts.rate);
  write(wire.waiting, facts.waiting);
  if (facts.waiting && !wire.waiting.title) wire.waiting.title = facts.hint;
  wire.root.classList.toggle("fh-wire-flows", facts.flows);
  wire.root.classList.toggle("fh-wire-waits", facts.waits);
}

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function element(parent, tag, classes, text = "") {
  const made = document.createElement(tag);
  made.className = classes;
  if (text) made.textContent = text;
  return parent.appendChild(made);
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, content] of Object.entries(attributes)) made.setAttribute(name, content);
  return made;
}
