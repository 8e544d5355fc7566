// What a state means, as the last part of its CSS class.
const TONES = {
  running: "ok", starting: "busy", retrying: "warn", draining: "busy", failed: "bad", ended: "done", stopped: "off", idle: "off",
};

/** Of a node or a flow: one that runs needs a look too while messages die there, or its dead letters are open. */
export const toneOf = ({ state, dying, letters }) => ((dying || letters) && state === "running" ? "warn" : TONES[state] ?? "off");
