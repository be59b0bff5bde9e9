"""Which path a model's rows take, and that rows laid end to end do not see one another."""

import random
from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhimoeConfig,
    PreTrainedConfig,
    PreTrainedModel,
)

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


_STRETCHED = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "short_factor": [1.0] * 4,
    "long_factor": [4.0] * 4,
    "original_max_position_embeddings": 16,
}
_SCALED = {**_STRETCHED, "short_mscale": 1.1, "long_mscale": 1.3}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_SPECIAL: dict[str, Callable[[], PreTrainedConfig]] = {
    "window": lambda: MistralConfig(**tiny_models.decoder(sliding_window=7)),
    "window in the mask": lambda: PhimoeConfig(**tiny_models.decoder(sliding_window=7, **_EXPERTS)),
    "experts": lambda: PhimoeConfig(**tiny_models.decoder(sliding_window=None, **_EXPERTS)),
    "experts and stretched positions": lambda: PhimoeConfig(
        **tiny_models.decoder(sliding_window=None, rope_parameters=_SCALED, **_EXPERTS)
    ),
    "stretched positions": lambda: Phi3Config(
        **tiny_models.decoder(rope_parameters=_STRETCHED), original_max_position_embeddings=16
    ),
    "positions that stretch as rows grow": lambda: LlamaConfig(
        **tiny_models.decoder(
            max_position_embeddings=32,
            rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0},
        )
    ),
}
_LENGTHS = [(5, 23, 40, 2, 31), (12, 40), (40, 8, 60, 30), (100, 3, 50), (9, 12, 9), (30, 40)]


@pytest.mark.parametrize("lengths", _LENGTHS)
@pytest.mark.parametrize("name", _SPECIAL)
def test_the_path_taken_gives_the_loss_of_the_models_own_forward(
    name: str, lengths: tuple[int, ...]
) -> None:
    """Models are made anew: one whose positions stretch remembers the longest row so far."""
    rows = [lesson(length) for length in lengths]
    path = agreed_path(special(name), rows)
    model, own = special(name), special(name)
    with torch.no_grad():
        _, losses = forward.FORWARDS[path](model, Batch.of(rows, "cpu"), 1.0)
        logits = [own(torch.tensor([row.ids])).logits[0, :-1] for row in rows]
    expected = [
        cross_entropy(found, torch.tensor(row.ids[1:]), reduction="none")
        for found, row in zip(logits, rows, strict=True)
    ]
    torch.testing.assert_close(losses, torch.cat(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["window", "experts"])
def test_what_does_no_harm_takes_the_fast_path(name: str) -> None:
    assert agreed_path(special(name), [lesson(40), lesson(8), lesson(60)]) == "segments"


def test_positions_stretched_by_a_far_row_show_in_bf16_too() -> None:
    model = special("stretched positions").to(torch.bfloat16)
    assert agreed_path(model, [lesson(40), lesson(8)]) == "rows"


def test_rows_that_are_never_laid_end_to_end_need_not_be_kept_apart() -> None:
    assert agreed_path(tiny_models.build("lfm2"), [lesson(12), lesson(40)], 1) == "segments"


def test_a_micro_batch_longer_than_any_row_is_measured() -> None:
    """Some models do something else from a length on, whatever the positions say."""
    model = tiny_models.build("llama")
    model.model.layers[0].register_forward_pre_hook(
        lambda _, given: (given[0] * (1.001 if given[0].shape[1] > 150 else 1.0), *given[1:])
    )
    rows = [lesson(40) for _ in range(8)]
    assert agreed_path(model, rows, 3) == "segments"
    assert agreed_path(model, rows, 4) == "rows"


def test_a_gradient_that_differs_shows() -> None:
    """Losses alone would not tell: this head's own backward is not that of its weight."""
    model = tiny_models.build("llama")
    model.lm_head.register_full_backward_pre_hook(lambda _, slopes: (2 * slopes[0],))
    assert agreed_path(model, [lesson(12), lesson(40)]) == "rows"


def special(name: str) -> PreTrainedModel:
    """One of :data:`_SPECIAL`, with the same weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(
            _SPECIAL[name](), dtype=torch.float32
        )
    return model.eval()


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
