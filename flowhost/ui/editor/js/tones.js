// What a state means, as the last part of its CSS class.
const TONES = {
  running: "ok", starting: "busy", retrying: "warn", draining: "busy", failed: "bad", ended: "done", stopped: "off", idle: "off",
};

/** Of a node or a flow: one that runs needs a look too while messages die there. */
export const toneOf = ({ state, dying }) => (dying && state === "running" ? "warn" : TONES[state] ?? "off");
