// Times on the canvas are those of the plant, whatever zone the browser is in.
import assert from "node:assert/strict";
import test from "node:test";
import { clock, exact } from "../../flowhost/ui/editor/js/times.js";

const MOMENT = "2026-11-23T00:30:05.123456+01:00";
const at = (text) => ({ now: Date.parse(text) });

test("the plant's clock is shown, with the day where that is not the plant's today", () => {
  assert.equal(clock(MOMENT, at("2026-11-22T23:59:00Z")), "00:30:05");
  assert.equal(clock(MOMENT, at("2026-11-22T22:59:00Z")), "23 Nov 00:30:05"); // still the 22nd there
  assert.equal(clock(MOMENT, { ...at("2026-11-23T10:00:00Z"), fine: true }), "00:30:05.123");
  assert.equal(clock("2026-03-01T05:06:07Z", at("2026-03-01T10:00:00Z")), "05:06:07");
  assert.equal(clock("", {}), "");
});

test("the hover text names the zone", () => {
  assert.equal(exact(MOMENT), "2026-11-23 00:30:05.123 UTC+01:00");
  assert.equal(exact("2026-03-01T05:06:07.5-03:30"), "2026-03-01 05:06:07.500 UTC-03:30");
  assert.equal(exact("2026-03-01T05:06:07+00:00"), "2026-03-01 05:06:07.000 UTC");
});
