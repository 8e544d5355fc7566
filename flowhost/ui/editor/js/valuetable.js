// Messages as a table: a row each, with the fields of their payloads as columns.
import { el } from "./dom.js";
import { clock, exact } from "./times.js";

/**
 * What the cells hold. A payload without fields is one column, as are lists.
 * @param {{payload: unknown, unit: string, from?: string}[]} values
 * @returns {{fields: string[], bare: boolean, units: boolean, from: boolean, rows: Record<string, unknown>[]}} `rows` by field; `bare` tells
 *   that some have a payload without fields, which stands under the empty name
 */
export function tabled(values) {
  const rows = values.map(({ payload }) => (hasFields(payload) ? payload : { "": payload }));
  const fields = [...new Set(rows.flatMap(Object.keys))];
  const some = (name) => values.some((value) => value[name]);
  return { fields: fields.filter(Boolean), bare: fields.includes(""), units: some("unit"), from: some("from"), rows };
}

/** @param {object[]} values newest first @param {Record<string, string>} words @param {"in" | "out"} side */
export function valueTable(values, words, side) {
  const { fields, bare, units, from, rows } = tabled(values);
  const heads = [words.values_time, ...(from ? [words[`values_from_${side}`]] : []), words.values_topic, words.values_quality, ...(bare ? [words.values_value] : []), ...(units ? [words.values_unit] : []), ...fields];
  const lines = values.map((value, index) => {
    const cells = [
      el("td", "", { title: exact(value.time) }, clock(value.time, { fine: true })), from ? el("td", "", {}, value.from) : null, el("td", "", {}, value.topic || "–"),
      el("td", value.quality === "good" ? "" : "fh-warn", {}, value.quality), bare ? cell(rows[index][""]) : null, units ? el("td", "", {}, value.unit) : null, ...fields.map((name) => cell(rows[index][name])),
    ];
    return el("tr", "", {}, ...cells.filter(Boolean));
  });
  return el("table", "fe-value-table", { "data-testid": "value-table" }, el("thead", "", {}, el("tr", "", {}, ...heads.map((head) => el("th", "", { scope: "col" }, head)))), el("tbody", "", {}, ...lines));
}

function cell(value) {
  if (value === undefined) return el("td");
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return el("td", `fe-mono${typeof value === "number" ? " fe-number" : ""}`, { title: text }, text);
}

function hasFields(payload) {
  return payload !== null && typeof payload === "object" && !Array.isArray(payload);
}
