// A short message at the lower edge that goes by itself: the same one that pages made in Python show.

/** @param {string} text @param {boolean} [bad] something could not be done */
export function say(text, bad = false) {
  globalThis.Quasar.Notify.create({
    message: text, type: bad ? "negative" : undefined, timeout: bad ? 8000 : 6000, position: "bottom", attrs: { "data-testid": "said", role: bad ? "alert" : "status" },
  });
}
