// The ways to the dialogs that bring rows in and out by file; loaded when first wanted.

import { showCard } from "./notices.js";

export async function importFile(desk) {
  const { openImport } = await import("./import.js");
  const { ask, say, upload, language, dataset } = desk;
  const done = (chosen) => desk.choose(chosen).catch(showCard);
  openImport({ ask, say, upload, language, dataset, done });
}

/** What was typed is saved first, so that the file holds it. */
export async function exportFile(desk) {
  desk.editor.leave();
  await desk.saving.settled();
  if (desk.waiting.stops(({ seen }) => (seen.dataset ?? desk.dataset.id) === desk.dataset.id)) return;
  const { openExport } = await import("./export.js");
  const { ask, say, language, dataset } = desk;
  openExport({ ask, say, language, dataset: dataset.id });
}

/** The places of the whole dataset that may name a person. */
export async function lookAtPlaces(desk) {
  desk.editor.leave();
  await desk.saving.settled();
  const { showFindings } = await import("./privacy.js");
  const { ask, say, language, dataset } = desk;
  showFindings({ ask, say, language, dataset: dataset.id });
}
