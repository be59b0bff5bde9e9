// What one part of the page tells the others, so that none needs to know another.

/** Tell all parts: `announce("changed", {what: "rows"})`. */
export function announce(name, detail = {}) {
  window.dispatchEvent(new CustomEvent(`studio:${name}`, { detail }));
}

/** Call `listener(detail)` at each such announcement; returns what ends the listening. */
export function heard(name, listener) {
  const hear = (event) => listener(event.detail);
  window.addEventListener(`studio:${name}`, hear);
  return () => window.removeEventListener(`studio:${name}`, hear);
}
