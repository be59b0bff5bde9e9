"""A run's result as others load it: a PEFT adapter folder, or the whole model with it merged in.

Every folder carries a card with where it comes from and what it must not be used for, and no
path of this machine.
"""

import shutil
from pathlib import Path

from studio.core.errors import Refusal, UserMistake
from studio.core.words import LANGUAGES, words
from studio.engine.bases import quantisation_in
from studio.engine.merging import merged
from studio.engine.model_files import TEMPLATES, is_terms
from studio.engine.opening import Opened
from studio.engine.template import PLAIN
from studio.methods import method_of
from studio.store.atomic import ensure_folder, publishing, write_text

FORMS = ("adapter", "merged")


def export_run(opened: Opened, form: str, target: Path) -> None:
    """Publish the result of ``opened`` in the new folder ``target``.

    Raises UserMistake for a form that is none or a place where nothing can be written, Refusal for
    an adapter of a method that has none, for what cannot be merged and for a folder that is there
    already.
    """
    if form not in FORMS:
        raise UserMistake("export.form", form=form, known=", ".join(FORMS))
    if form == "adapter" and not method_of(opened.recipe.method).adapter:
        raise Refusal("export.no_adapter", method=opened.recipe.method)
    if target.exists():
        raise Refusal("export.exists", folder=str(target))
    try:
        ensure_folder(target.parent)
        with publishing(target) as folder:
            _write(opened, form, folder)
    except OSError as error:
        problem = str(error.strerror or error)
        raise UserMistake("export.unwritable", folder=str(target), problem=problem) from error


def _write(opened: Opened, form: str, folder: Path) -> None:
    if form == "adapter":
        shutil.copytree(opened.run.tuned, folder, dirs_exist_ok=True)
    else:
        with merged(opened.pair) as model:
            model.save_pretrained(folder)
    _save_tokenizer(opened, folder)
    for file in sorted(Path(opened.recipe.base.folder).iterdir()):
        if file.is_file() and is_terms(file.name) and file.suffix != ".md":
            shutil.copy2(file, folder / file.name)
    write_text(folder / "README.md", _card(opened, form))


def _save_tokenizer(opened: Opened, folder: Path) -> None:
    """Write the tokenizer with the template that was learned in, also where it is the plain one."""
    tokenizer, encoder = opened.pair.tokenizer, opened.pair.encoder
    tokenizer.save_pretrained(folder)
    if encoder.plain_template:
        write_text(folder / TEMPLATES[0], PLAIN)


def _card(opened: Opened, form: str) -> str:
    """The model card: plain Markdown with the front matter that the field's tools read."""
    recipe = opened.recipe
    library = "peft" if form == "adapter" else "transformers"
    knobs = ", ".join(f"{name} {value}" for name, value in recipe.knobs.items())
    lines = [
        "---",
        f"base_model: {recipe.base.id}",
        f"library_name: {library}",
        "tags: [finetune-studio]",
        "---",
        f"# {recipe.name}",
        f"Method: {recipe.method} ({knobs or 'no settings'})",
        f"Rows: {recipe.rows.name}, version {recipe.rows.version}",
    ]
    if form == "merged" and (held := quantisation_in(recipe)):
        lines.append(f"Weights: of the base as it was held in training ({held}), in full again")
    lines += [words(language).say("safety") for language in LANGUAGES]
    return "\n".join(lines[:5]) + "\n" + "\n\n".join(lines[5:]) + "\n"
