// The sentences that belong to the whole page, not to one part; the server writes them into its head.

const spoken = JSON.parse(document.getElementById("studio-words")?.textContent ?? "{}");

/** The page's language, as a tag of the browser: "en" or "zh". */
export const language = spoken.language ?? "en";

/** The sentence of `page.shell.<key>` or `page.all.<key>` with `{name}` filled in. */
export function say(key, facts = {}) {
  return filled(spoken.sentences?.[key] ?? key, facts);
}

/** `sentence` with each `{name}` that `facts` knows replaced. */
export function filled(sentence, facts) {
  return sentence.replace(/\{(\w+)\}/g, (place, name) => (name in facts ? String(facts[name]) : place));
}
