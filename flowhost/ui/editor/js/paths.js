// Values inside values: read and changed by path, never in place. Pure.

/** `value` with another value at a path; `undefined` takes it away, and objects it leaves empty with it. */
export function changedAt(value, [key, ...rest], changed) {
  if (Array.isArray(value)) {
    const index = Number(key);
    return rest.length ? value.with(index, changedAt(value[index], rest, changed)) : changed === undefined ? value.toSpliced(index, 1) : value.with(index, changed);
  }
  const { [key]: before, ...others } = value ?? {};
  const after = rest.length ? changedAt(before ?? {}, rest, changed) : changed;
  const gone = after === undefined || (rest.length && after !== null && typeof after === "object" && !Array.isArray(after) && !Object.keys(after).length);
  if (gone) return others;
  // the order of keys is people's own
  return value && key in value ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, name === key ? after : one])) : { ...value, [key]: after };
}
