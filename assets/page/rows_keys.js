// The shortcuts of the Data tab; letters work outside of fields only.

import { register } from "./keys.js";

export function listenToKeys(desk) {
  const { say, acts, editor, list } = desk;
  const add = (key, sentence, act, ctrl = false) => register({ key, ctrl, place: "data", describe: say(sentence), act });
  add("Enter", "key_next", (event) => editor.id && desk.goOn(event.shiftKey ? "ready" : ""), true);
  add("s", "key_save", () => editor.leave(), true);
  add("r", "key_ready", () => judge(desk, "ready"));
  add("f", "key_flag", () => judge(desk, "flagged"));
  add("n", "key_add", () => desk.dataset && acts.add());
  add("Delete", "key_trash", () => !desk.query.trashed && list.meant.length > 0 && acts.trash(list.meant));
  add("z", "key_undo", () => desk.page.can_undo && acts.undo());
  add("y", "key_redo", () => desk.page.can_redo && acts.redo());
  add("/", "key_search", () => desk.find.search.focus());
  desk.editor.whole.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && toList(desk));
  desk.find.search.addEventListener("keydown", (event) => event.key === "ArrowDown" && !event.isComposing && toList(desk));
}

async function judge(desk, status) {
  if (desk.list.marked.size) return desk.acts.setStatus([...desk.list.marked], status);
  await desk.coming;
  return desk.list.open === desk.editor.id && desk.editor.setStatus(status);
}

function toList(desk) {
  desk.screen("list");
  desk.list.box.focus({ preventScroll: true });
}
