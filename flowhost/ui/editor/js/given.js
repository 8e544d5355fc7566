// What sinks were given: they send nothing on, so it is told by what left the nodes before them.

/** Whether a node shows what it was given in place of what leaves it; a log shows its messages itself. */
export function takesOnly(scene, id) {
  return scene.kindOf(id) === "sink" && scene.nodes.get(id).node.type !== "log";
}

/** Nodes to be watched, that messages of these can be shown. */
export function toWatch(scene, ids) {
  const before = (id) => [...scene.wires.values()].filter((wire) => wire.target === id).map((wire) => wire.source);
  return [...new Set([...ids].flatMap((id) => (takesOnly(scene, id) ? before(id) : [id])))];
}

/** Messages of chosen nodes, made of what left those that are watched. */
export function messagesOf(scene, ids, values) {
  const chosen = new Set(ids);
  const sinks = [...scene.wires.values()].filter(({ target }) => chosen.has(target) && takesOnly(scene, target));
  return values.flatMap((value) => [
    ...(chosen.has(value.node) ? [value] : []),
    ...sinks.filter(({ source, port }) => source === value.node && port === value.port).map(({ target }) => ({ ...value, node: target, port: "out", given: true })),
  ]);
}
