"""A run's result as others load it: a PEFT adapter folder, or the whole model with it merged in.

Every folder carries a card with where it comes from and what it must not be used for, and no
path of this machine.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch

from studio.core.errors import Refusal, UserMistake
from studio.core.words import words
from studio.engine.lanes import TUNED
from studio.engine.model_files import is_terms
from studio.engine.opening import Opened
from studio.engine.sites import LowRankLinear
from studio.methods import method_of
from studio.methods.sites import LowRank
from studio.store.atomic import ensure_folder, publishing, write_text

FORMS = ("adapter", "merged")


def export_run(opened: Opened, form: str, target: Path) -> None:
    """Publish the result of ``opened`` in the new folder ``target``.

    Raises UserMistake for a form that is none, Refusal for an adapter of a method that has none.
    """
    if form not in FORMS:
        raise UserMistake("export.form", form=form, known=", ".join(FORMS))
    if form == "adapter" and not method_of(opened.recipe.method).adapter:
        raise Refusal("export.no_adapter", method=opened.recipe.method)
    ensure_folder(target.parent)
    with publishing(target) as folder:
        if form == "adapter":
            shutil.copytree(opened.run.tuned, folder, dirs_exist_ok=True)
        else:
            with _merged(opened):
                opened.pair.installed.model.save_pretrained(folder)
        opened.pair.tokenizer.save_pretrained(folder)
        _keep_terms(Path(opened.recipe.base.folder), folder)
        write_text(folder / "README.md", _card(opened, form))


@contextmanager
def _merged(opened: Opened) -> Iterator[None]:
    """The model with its deltas added into its weights, and as it was after it."""
    installed = opened.pair.installed
    layers = [
        (site, cast(LowRankLinear, installed.model.get_submodule(site.module)))
        for site in installed.sites
        if isinstance(site, LowRank)
    ]
    weights = [cast(torch.nn.Parameter, layer.base.weight) for _, layer in layers]
    before = [weight.data for weight in weights]
    for (site, layer), weight in zip(layers, weights, strict=True):
        delta = layer.lora_b.data.float() @ layer.lora_a.data.float() * site.scale
        delta = delta if delta.shape == weight.shape else delta.T
        weight.data = (weight.data.float() + delta).to(weight.dtype)
    tuned = opened.pair.changed.get(TUNED, {})
    try:
        with installed.out(tuned):
            yield
    finally:
        for weight, value in zip(weights, before, strict=True):
            weight.data = value


def _keep_terms(base: Path, folder: Path) -> None:
    """Take the base model's licence along."""
    for file in sorted(base.iterdir()):
        if file.is_file() and is_terms(file.name) and file.suffix != ".md":
            shutil.copy2(file, folder / file.name)


def _card(opened: Opened, form: str) -> str:
    """The model card: plain Markdown with the front matter that the field's tools read."""
    recipe = opened.recipe
    library = "peft" if form == "adapter" else "transformers"
    front = [f"base_model: {recipe.base.id}", f"library_name: {library}", "tags: [finetune-studio]"]
    return "\n".join(
        [
            "---",
            *front,
            "---",
            f"# {recipe.name}",
            "",
            f"Method: {recipe.method} {dict(recipe.knobs)}",
            "",
            f"Rows: {recipe.rows.name}, version {recipe.rows.version}",
            "",
            words("en").say("safety"),
            "",
            words("zh").say("safety"),
            "",
        ]
    )
