"""TRL as the oracle for labels, and its collection of real templates as the proof of range."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import trl
from datasets import Dataset
from tokenizers import AddedToken
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from studio.core.errors import Refusal, UserMistake
from studio.core.rows import Body
from studio.engine.encoding import Encoder
from tests.engine.families import FAMILIES, Family, byte_level, encoder_of, ids_of, says, toy
from tests.engine.real_rows import alpaca, medquad

TEMPLATES = sorted((Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))
TRAINING = [file for file in TEMPLATES if file.stem.endswith("_training")]
CONTROL = re.compile(
    r"<\|[^|<>{}'\"]+\|>|<｜[^｜]+｜>|\[/?[A-Z_]+\]|</?[a-z]+(?:_[a-z]+)+>|</?think>|<\|?turn\|?>"
)
# Templates of models that also see: their messages are lists of parts.
SEEING = {"idefics3", "llava_next", "smolvlm"}
ENDLESS = {"glm4moe"}
SINGLE = (says("user", "  What now? 发烧"), says("assistant", "Take\twater. "))
SEVERAL = (*SINGLE, says("user", "And 👩‍👩‍👧?"), says("assistant", "שלום\r ok"))
WITH_SYSTEM = (says("system", "Be kind."), *SEVERAL)


@cache
def tokenizer_of(template: Path) -> Any:
    """A toy tokenizer with the control tokens that the template names."""
    source = template.read_text(encoding="utf-8")
    names = ["<|eos|>", "<|bos|>", *sorted(set(CONTROL.findall(source)))]
    backend = byte_level([AddedToken(name, special=True, normalized=False) for name in names])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<|bos|>", eos_token="<|eos|>", chat_template=source
    )


@cache
def encoder_for(template: Path) -> Encoder:
    return Encoder(tokenizer_of(template))


def named(files: list[Path]) -> list[Any]:
    return [pytest.param(file, id=file.stem) for file in files]


@pytest.mark.parametrize("template", named(TEMPLATES))
@pytest.mark.parametrize("messages", [SINGLE, SEVERAL, WITH_SYSTEM])
def test_real_templates_are_obeyed_or_refused_with_a_reason(template: Path, messages: Any) -> None:
    model = template.stem.removesuffix("_training")
    if model in SEEING:
        with pytest.raises(Refusal, match=r"tokens\.message_dropped"):
            encoder_for(template)
    elif template.stem in ENDLESS:
        with pytest.raises(Refusal, match=r"tokens\.no_end_of_turn"):
            encoder_for(template).encode(Body(messages))
    elif model == "gemma" and messages is WITH_SYSTEM:
        with pytest.raises(UserMistake, match="System role not supported"):
            encoder_for(template).encode(Body(messages))
    else:
        tokenizer, encoder = tokenizer_of(template), encoder_for(template)
        encoded = encoder.encode(Body(messages))
        assert list(encoded.ids) == ids_of(tokenizer, *messages)
        assert encoded.stop_trained
        asked = messages[:-1]
        assert list(encoder.prompt(asked)) == ids_of(tokenizer, *asked, ask=True)


@pytest.mark.parametrize(
    "template", named([f for f in TRAINING if f.stem.removesuffix("_training") not in SEEING])
)
@pytest.mark.parametrize("messages", [SINGLE, SEVERAL])
def test_nothing_is_learned_that_trl_would_not_learn(template: Path, messages: Any) -> None:
    told = [{"role": m.role, "content": m.content} for m in messages]
    oracle = tokenizer_of(template).apply_chat_template(told, return_assistant_tokens_mask=True)
    encoded = encoder_for(template).encode(Body(messages))
    pairs = list(zip(encoded.labelled, oracle["assistant_masks"], strict=True))
    assert (True, 0) not in pairs
    assert (True, 1) in pairs


@pytest.mark.parametrize("model", ["cohere", "glm4moe", "llama3"])
@pytest.mark.parametrize("messages", [SINGLE, SEVERAL])
def test_labels_are_trls_where_its_template_stops_at_the_end_of_turn(
    model: str, messages: Any
) -> None:
    template = next(f for f in TRAINING if f.stem == f"{model}_training")
    told = [{"role": m.role, "content": m.content} for m in messages]
    oracle = tokenizer_of(template).apply_chat_template(told, return_assistant_tokens_mask=True)
    encoded = encoder_for(template).encode(Body(messages))
    assert list(map(int, encoded.labelled)) == oracle["assistant_masks"]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_labels_are_trls_without_what_follows_the_end_of_turn(
    family: Family, tmp_path: Path
) -> None:
    bodies = [
        Body.pair("What now?", "Take one tablet."),
        Body.pair("发烧时应该怎么办？", "请多喝水。"),
        Body.pair("Emoji? 👩‍👩‍👧", "  Yes, 😀\n\n- one\n- two"),
    ]
    encoder = encoder_of(family)
    for body, theirs in zip(bodies, trl_rows(bodies, toy(family, "bytes"), tmp_path), strict=True):
        ours = encoder.encode(body)
        assert list(ours.ids) == theirs["input_ids"]
        last = max(n for n, labelled in enumerate(ours.labelled) if labelled) + 1
        labels = [i if here else -100 for i, here in zip(ours.ids, ours.labelled, strict=True)]
        assert labels[:last] == theirs["labels"][:last]
        assert set(labels[last:]) <= {-100}


def test_real_rows_are_labelled_as_by_trl_but_for_the_last_line_break(
    shared: Path, starter: Path, tmp_path: Path
) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(starter)
    bodies = [*list(medquad(shared / "data"))[:40], *list(alpaca(shared / "data"))[:40]]
    encoder = Encoder(tokenizer)
    for body, theirs in zip(bodies, trl_rows(bodies, tokenizer, tmp_path), strict=True):
        ours = encoder.encode(body)
        labels = [i if here else -100 for i, here in zip(ours.ids, ours.labelled, strict=True)]
        assert list(ours.ids) == theirs["input_ids"]
        assert theirs["labels"] == [*labels[:-1], tokenizer.convert_tokens_to_ids("Ċ")]
        assert labels[-1] == -100


def trl_rows(bodies: list[Body], tokenizer: Any, folder: Path) -> Any:
    """The rows as TRL trains on them, prompts and completions apart."""
    turns = [[message.as_json() for message in body.messages] for body in bodies]
    size = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    trainer = SFTTrainer(
        LlamaForCausalLM(size),
        args=SFTConfig(str(folder), max_length=None, report_to="none", use_cpu=True),
        train_dataset=Dataset.from_list([{"prompt": t[:-1], "completion": t[-1:]} for t in turns]),
        processing_class=tokenizer,
    )
    return trainer.train_dataset
