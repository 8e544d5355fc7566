// Edits of a flow as small typed operations with their inverse: the browser's copy of flowhost/graph/ops.py.
// Both are tested by tests/vectors/ops.json. Drafts are never changed in place.

const FREE_ROOTS = ["name", "area", "description", "connections", "tables", "sagas", "exchange", "layout"];
const NODE_PARTS = ["name", "connection", "config", "delivery", "disabled"];
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);
const NODE_ID = /^[a-z][a-z0-9_]*$/;
const WIRE = /^\s*([^\s.>]+)(?:\.([A-Za-z0-9_-]+))?\s*->\s*([^\s.>]+)\s*$/;
const MAX_DEPTH = 64;

/** An operation that does not fit the draft; `gone` if what it is about was deleted. */
export class OpError extends Error {
  constructor(message, gone = false) {
    super(message);
    this.gone = gone;
  }
}

/** Do all operations in order; gives the new draft and the operations that lead back. */
export function apply(draft, ops) {
  const inverse = [];
  for (const op of ops) {
    const step = Object.hasOwn(STEPS, op.op) ? STEPS[op.op] : refuseUnknown;
    const [changed, back] = step(draft, op);
    draft = changed;
    inverse.unshift(...back);
  }
  return { draft, inverse };
}

/** A wire as the file has it. */
export function wireText(source, port, target) {
  return `${port === "out" ? source : `${source}.${port}`} -> ${target}`;
}

/** Source, port and target of a wire. */
export function wireEnds(wire) {
  const found = WIRE.exec(wire);
  if (!found) throw new OpError(`'${wire}' is no wire; one is written 'a -> b' or 'a.port -> b'`);
  return [found[1], found[2] ?? "out", found[3]];
}

/** Whether messages from `start` reach `goal`. */
export function leadsTo(draft, start, goal) {
  const after = new Map();
  for (const wire of draft.wires) {
    const [source, , target] = wireEnds(wire);
    if (!after.has(source)) after.set(source, []);
    after.get(source).push(target);
  }
  const seen = new Set([start]);
  const todo = [start];
  while (todo.length) {
    for (const name of after.get(todo.pop()) ?? []) {
      if (name === goal) return true;
      if (!seen.has(name)) {
        seen.add(name);
        todo.push(name);
      }
    }
  }
  return false;
}

/** Places of nodes on the canvas, by id. */
export function placesOf(draft) {
  const places = draft.layout?.nodes;
  return isObject(places) ? places : {};
}

const STEPS = {
  add_node(draft, op) {
    if (Object.hasOwn(draft.nodes, op.id)) throw new OpError(`there is a node '${op.id}' already`);
    checkNodeId(op.id);
    const unknown = Object.keys(op.node).filter((key) => key !== "type" && !NODE_PARTS.includes(key));
    if (typeof op.node.type !== "string" || !op.node.type || unknown.length) {
      throw new OpError(`node '${op.id}' needs a type, and ${NODE_PARTS.join(", ")} at most`);
    }
    checkValue(op.node, 0);
    const changed = { ...draft, nodes: inserted(draft.nodes, op.id, op.node, op.index) };
    return [placed(changed, op.at ? { [op.id]: op.at } : {}), [{ op: "del_node", id: op.id }]];
  },

  del_node(draft, op) {
    const back = [{ op: "add_node", id: op.id, node: nodeOf(draft, op.id) }];
    const spot = placesOf(draft)[op.id];
    if (spot) back[0].at = [...spot];
    back[0].index = Object.keys(draft.nodes).indexOf(op.id);
    const wires = draft.wires.filter((wire, index) => {
      const [source, , target] = wireEnds(wire);
      const goes = source === op.id || target === op.id;
      if (goes) back.push({ op: "add_wire", wire, index });
      return !goes;
    });
    let changed = placed({ ...draft, nodes: without(draft.nodes, [op.id]), wires }, { [op.id]: null });
    for (const [id, members] of groupsWith(draft, op.id)) {
      const path = ["layout", "groups", id];
      const left = members.filter((name) => name !== op.id);
      const out = left.length ? { op: "set", path: [...path, "nodes"], value: left } : { op: "unset", path };
      const [smaller, again] = STEPS[out.op](changed, out);
      changed = smaller;
      back.push(...again);
    }
    return [changed, back];
  },

  rename_node(draft, op) {
    nodeOf(draft, op.id);
    if (Object.hasOwn(draft.nodes, op.to)) throw new OpError(`there is a node '${op.to}' already`);
    checkNodeId(op.to);
    const renamed = (name) => (name === op.id ? op.to : name);
    const nodes = Object.fromEntries(Object.entries(draft.nodes).map(([name, node]) => [renamed(name), node]));
    const wires = draft.wires.map(wireEnds).map(([a, port, b]) => wireText(renamed(a), port, renamed(b)));
    const spot = placesOf(draft)[op.id] ?? null;
    let changed = placed({ ...draft, nodes, wires }, { [op.id]: null, [op.to]: spot });
    for (const [id, members] of groupsWith(draft, op.id)) changed = withValue(changed, ["layout", "groups", id, "nodes"], members.map(renamed));
    return [changed, [{ op: "rename_node", id: op.to, to: op.id }]];
  },

  move(draft, op) {
    const places = placesOf(draft);
    const before = {};
    for (const id of Object.keys(op.at)) {
      nodeOf(draft, id);
      before[id] = places[id] ? [...places[id]] : null;
    }
    return [placed(draft, op.at), [{ op: "move", at: before }]];
  },

  set(draft, op) {
    checkPath(draft, op.path);
    checkValue(op.value, op.path.length);
    const [found, depth] = reach(draft, op.path);
    // also where a plain value stands in the way: it comes back as it was
    const whole = depth === op.path.length || !isObject(found);
    const back = whole
      ? { op: "set", path: op.path.slice(0, depth), value: found }
      : // `layout` itself stays: it cannot be taken away as a whole
        { op: "unset", path: op.path.slice(0, Math.max(depth + 1, op.path[0] === "layout" ? 2 : 1)) };
    return [withValue(draft, op.path, op.value), [back]];
  },

  unset(draft, op) {
    checkPath(draft, op.path);
    const [found, depth] = reach(draft, op.path);
    if (depth < op.path.length) return [draft, []];
    if (Number.isInteger(op.path.at(-1))) throw new OpError("an item of a list goes by setting the list");
    return [without(draft, op.path), [{ op: "set", path: op.path, value: found }]];
  },

  add_wire(draft, op) {
    const [source, port, target] = wireEnds(op.wire);
    nodeOf(draft, source);
    nodeOf(draft, target);
    const wire = wireText(source, port, target);
    if (draft.wires.includes(wire)) throw new OpError(`there is a wire '${wire}' already`);
    if (source === target || leadsTo(draft, target, source)) {
      throw new OpError(`'${wire}' would make a circle: messages would run for ever`);
    }
    const wires = [...draft.wires];
    wires.splice(op.index ?? wires.length, 0, wire);
    return [{ ...draft, wires }, [{ op: "del_wire", wire }]];
  },

  del_wire(draft, op) {
    const wire = wireText(...wireEnds(op.wire));
    const index = draft.wires.indexOf(wire);
    if (index < 0) throw new OpError(`there is no wire '${wire}'`, true);
    return [{ ...draft, wires: draft.wires.toSpliced(index, 1) }, [{ op: "add_wire", wire, index }]];
  },
};

function refuseUnknown(_, op) {
  throw new OpError(`not an operation: '${op.op}'`);
}

function nodeOf(draft, id) {
  if (!Object.hasOwn(draft.nodes, id)) throw new OpError(`there is no node '${id}' any more`, true);
  return draft.nodes[id];
}

function checkNodeId(id) {
  if (NODE_ID.test(id) && !FORBIDDEN.has(id)) return;
  throw new OpError(`node id '${id}': begin with a lower-case letter, then lower-case letters, digits and '_'`);
}

function checkPath(draft, path) {
  if (path.some((key) => FORBIDDEN.has(key))) throw new OpError(`${path.join(".")} is no place in a flow`);
  if (path.length >= 3 && path[0] === "nodes") {
    nodeOf(draft, path[1]);
    if (NODE_PARTS.includes(path[2])) return;
  } else if (FREE_ROOTS.includes(path[0]) && (path[0] !== "layout" || (path.length > 1 && path[1] !== "nodes"))) {
    return;
  }
  throw new OpError(`${path.join(".") || "the flow itself"} cannot be set`);
}

function checkValue(value, depth) {
  if (depth > MAX_DEPTH) throw new OpError(`nested more than ${MAX_DEPTH} levels deep`);
  if (value === null || typeof value !== "object") return;
  for (const [key, inner] of Object.entries(value)) {
    if (FORBIDDEN.has(key)) throw new OpError(`a key of this name cannot be kept: ${key}`);
    checkValue(inner, depth + 1);
  }
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** What is at a path, or as far on the way as there is something; a number is an item of a list, which has to be there. */
function reach(draft, path) {
  let found = draft;
  for (const [depth, key] of path.entries()) {
    if (Number.isInteger(key)) checkItem(found, key, path.slice(0, depth));
    else if (!isObject(found) || !Object.hasOwn(found, key)) {
      const item = path.findIndex(Number.isInteger);
      if (item > depth) checkItem(null, path[item], path.slice(0, item));
      return [found, depth];
    }
    found = found[key];
  }
  return [found, path.length];
}

function checkItem(list, index, where) {
  if (Array.isArray(list) && index >= 0 && index < list.length) return;
  throw new OpError(`there is no item ${index + 1} in ${where.join(".")} any more`, true);
}

function withValue(part, path, value) {
  if (!path.length) return value;
  const [key, ...rest] = path;
  if (Number.isInteger(key)) return part.with(key, withValue(part[key], rest, value));
  const inside = isObject(part) ? part : {};
  return { ...inside, [key]: withValue(Object.hasOwn(inside, key) ? inside[key] : undefined, rest, value) };
}

function without(part, path) {
  const [key, ...rest] = path;
  if (Number.isInteger(key)) return part.with(key, without(part[key], rest));
  const { [key]: found, ...others } = part;
  return rest.length ? { ...part, [key]: without(found, rest) } : others;
}

function inserted(entries, key, value, index) {
  const items = Object.entries(entries);
  items.splice(index ?? items.length, 0, [key, value]);
  return Object.fromEntries(items);
}

/** Frames on the canvas that hold this node, with all they hold. A layout written by hand may hold anything. */
function groupsWith(draft, id) {
  const groups = draft.layout?.groups;
  const found = isObject(groups) ? Object.entries(groups).map(([name, group]) => [name, group?.nodes]) : [];
  return found.filter(([, members]) => Array.isArray(members) && members.includes(id));
}

/** The draft with nodes at other places; a layout that says nothing is left out. */
function placed(draft, at) {
  const spots = Object.entries(at);
  if (!spots.length) return draft;
  const places = { ...placesOf(draft) };
  for (const [name, spot] of spots) {
    if (spot === null) delete places[name];
    else places[name] = [...spot];
  }
  const { layout, ...changed } = draft;
  const { nodes, ...others } = layout ?? {};
  const made = Object.keys(places).length ? { ...others, nodes: places } : others;
  return Object.keys(made).length ? { ...changed, layout: made } : changed;
}
