// Bodies of rows, as JSON: their turns, what of them is learned, and the texts people wrote.
// Knows no element and no server.

/** What the body teaches: "chat", "preference" or "text". */
export function kindOf(body) {
  if (body.text !== undefined) return "text";
  return body.rejected ? "preference" : "chat";
}

/** The body in parts for a form: a row that ends without an answer gets an empty, `added` one; `system` may be null. */
export function taken(body) {
  const messages = body.messages ?? [];
  const system = messages[0]?.role === "system" ? messages[0].content : null;
  const turns = messages.slice(messages[0]?.role === "system" ? 1 : 0).map((turn) => ({ ...turn }));
  if (kindOf(body) !== "text" && turns.length === 0) turns.push({ role: "user", content: "", added: true });
  if (kindOf(body) !== "text" && turns.at(-1).role !== "assistant") turns.push({ role: "assistant", content: "", added: true });
  return { system, turns, rejected: body.rejected ?? null, text: body.text ?? null, label: body.label };
}

/** The body that such parts make; turns that were added and never filled in are left out. */
export function made({ system, turns, rejected, text, label }) {
  const kept = turns.filter((turn, n) => !turn.added || turns.slice(n).some((later) => later.content !== ""));
  const messages = [...(system === null ? [] : [{ role: "system", content: system }]), ...kept.map(plain)];
  return {
    ...(messages.length ? { messages } : {}),
    ...(rejected ? { rejected: rejected.map(plain) } : {}),
    ...(label === undefined ? {} : { label }),
    ...(text === null ? {} : { text }),
  };
}

function plain({ role, content, train }) {
  return train === undefined ? { role, content } : { role, content, train };
}

/** For each turn whether it is learned: marked answers, or without marks all that are not switched off. */
export function learned(turns) {
  const isAnswer = (turn) => turn.role === "assistant";
  const hasMarks = turns.some((turn) => isAnswer(turn) && turn.train === true);
  return turns.map((turn) => isAnswer(turn) && (hasMarks ? turn.train === true : turn.train === undefined));
}

/** The turns with answer `index` learned or not, said of every answer so that none changes by itself. */
export function withLearned(turns, index, isLearned) {
  const wanted = learned(turns).map((before, n) => (n === index ? isLearned : before));
  const all = turns.every((turn, n) => turn.role !== "assistant" || wanted[n]);
  return turns.map(({ train, ...turn }, n) => (turn.role !== "assistant" || all ? turn : { ...turn, train: wanted[n] }));
}

/** Whether two JSON values are equal, whatever the order of their keys. */
export function same(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => same(a[name], b[name]));
}

/**
 * The texts of a row by name: `{name, role, number, text}`, in the order in which they are read.
 * `number` counts turns of one role where there are several; notes and tags come last.
 */
export function parts({ body, notes = "", tags = [] }) {
  return [
    ...numbered("messages", body.messages ?? []),
    ...numbered("rejected", body.rejected ?? []),
    ...(body.text === undefined ? [] : [{ name: "text", role: "text", number: 0, text: body.text }]),
    { name: "notes", role: "notes", number: 0, text: notes },
    { name: "tags", role: "tags", number: 0, text: tags.join(", ") },
  ];
}

function numbered(list, turns) {
  const seen = {};
  const several = (role) => turns.filter((turn) => turn.role === role).length > 1;
  return turns.map(({ role, content }, n) => {
    seen[role] = (seen[role] ?? 0) + 1;
    const shown = list === "rejected" && role === "assistant" ? "rejected" : role;
    return { name: `${list}.${n}`, role: shown, number: several(role) ? seen[role] : 0, text: content };
  });
}

/** The row with the text of one part changed. */
export function withPart(row, name, text) {
  if (name === "notes") return { ...row, notes: text };
  if (name === "tags") return { ...row, tags: tagsIn(text) };
  if (name === "text") return { ...row, body: { ...row.body, text } };
  const [list, n] = name.split(".");
  const turns = row.body[list].map((turn, at) => (at === Number(n) ? { ...turn, content: text } : turn));
  return { ...row, body: { ...row.body, [list]: turns } };
}

/** Whether two rows hold the same turns in the same order, so that their texts can be set side by side. */
export function isAlike(one, other) {
  const names = (row) => parts(row).map((part) => `${part.name} ${part.role}`).join();
  return names(one) === names(other);
}

/** Tags as people separate them, in either language. */
export function tagsIn(text) {
  return [...new Set(text.split(/[,，、;；\n]/).map((tag) => tag.trim()).filter(Boolean))];
}
