"""Which path a model's rows take, and that rows laid end to end do not see one another."""

import random

import pytest
import torch
from transformers import PreTrainedModel

from studio.engine import forward
from studio.engine.attention import SEGMENTS, attending
from studio.engine.batches import Batch, Lesson
from studio.engine.forward import agreed_path, mean_loss, rows_forward, segments_forward
from tests.engine import tiny_models

CHANCE = random.Random(1)


def lesson(length: int, *, learned: int | None = None) -> Lesson:
    """A row of random ids, of which the last ``learned`` are labelled."""
    ids = tuple(CHANCE.randrange(3, tiny_models.VOCABULARY) for _ in range(length))
    start = 0 if learned is None else length - learned
    return Lesson(str(length), ids, tuple(place >= start for place in range(length)))


@pytest.mark.parametrize("name", tiny_models.NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_plain_decoders_take_the_fast_path(name: str, dtype: torch.dtype) -> None:
    model = tiny_models.build(name).to(dtype)
    assert agreed_path(model, [lesson(12), lesson(40)]) == "segments"
    assert agreed_path(model, [lesson(3)]) == "segments"


@pytest.mark.parametrize("name", ["gemma2", "lfm2", "phimoe"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_that_would_be_wrong_on_it_goes_row_by_row(name: str, dtype: torch.dtype) -> None:
    model = tiny_models.build(name).to(dtype)
    assert agreed_path(model, [lesson(12), lesson(40)]) == "rows"


def test_a_leak_shows_even_where_a_run_has_one_row() -> None:
    """Its check rows are laid end to end as well."""
    assert agreed_path(tiny_models.build("lfm2"), [lesson(12)]) == "rows"


def test_a_leak_below_the_noise_of_bf16_shows() -> None:
    model = tiny_models.build("lfm2").to(torch.bfloat16)
    with torch.no_grad():
        model.model.layers[0].conv.out_proj.weight.mul_(0.02)
    batch = Batch.of([lesson(12), lesson(24)], "cpu")
    with torch.no_grad():
        _, alone = rows_forward(model, batch, 1.0)
        _, together = segments_forward(model, batch, 1.0)
    assert 1e-4 < float((alone - together).abs().max()) < 3e-2
    assert agreed_path(model, [lesson(12), lesson(40)]) == "rows"


def test_a_window_in_the_mask_alone_counts_only_for_rows_that_outgrow_it() -> None:
    model = tiny_models.build("phimoe")
    assert agreed_path(model, [lesson(12), lesson(30)]) == "segments"
    assert agreed_path(model, [lesson(12), lesson(33)]) == "rows"


def test_memory_that_does_not_suffice_is_no_disagreement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(model: PreTrainedModel, batch: Batch, scale: float) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(forward, "segments_forward", exhausted)
    with pytest.raises(torch.OutOfMemoryError):
        agreed_path(tiny_models.build("llama"), [lesson(12)])


@pytest.mark.parametrize("name", [*tiny_models.NAMES, "opt"])
def test_no_row_sees_another_one(name: str) -> None:
    """Bitwise: whatever stands before and after a row, its logits and gradients stay."""
    model = tiny_models.build(name).requires_grad_(False)
    row, others = lesson(20), (lesson(9), lesson(9), lesson(14), lesson(14))

    def seen(before: Lesson, after: Lesson) -> tuple[torch.Tensor, torch.Tensor]:
        batch = Batch.of([before, row, after], "cpu")
        vectors = model.get_input_embeddings()(batch.ids).requires_grad_(True)
        with attending(model, SEGMENTS):
            logits = model(
                inputs_embeds=vectors,
                position_ids=batch.positions,
                use_cache=False,
                segments=batch.segments,
            ).logits[0, 9:29]
        (slope,) = torch.autograd.grad(logits.square().sum(), vectors)
        return logits, slope

    logits, slope = seen(others[0], others[2])
    again, _ = seen(others[1], others[3])
    assert torch.equal(logits, again)
    outside = torch.cat([slope[:, :9], slope[:, 29:]], 1)
    assert not outside.any()
    assert slope[:, 9:29].abs().sum() > 0


@pytest.mark.parametrize("path", forward.FORWARDS)
def test_the_mean_loss_counts_every_label_once(path: str) -> None:
    model = tiny_models.build("llama")
    rows = [lesson(20, learned=15), lesson(10, learned=1), lesson(31, learned=6)]
    batches = [Batch.of(rows[:1], "cpu"), Batch.of(rows[1:], "cpu")]
    total = 0.0
    for row in rows:
        ids = torch.tensor([row.ids])
        labels = ids.where(torch.tensor([row.labelled]), -100)
        with torch.no_grad():
            total += float(model(input_ids=ids, labels=labels).loss) * row.labels
    expected = total / sum(row.labels for row in rows)
    assert mean_loss(model, batches, forward.FORWARDS[path]) == pytest.approx(expected, rel=1e-6)
