"""Which tokens are control, and that a copy keeps every id while it loses every name."""

import json
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from studio.core.errors import Refusal
from studio.engine.control_tokens import ControlTokens
from tests.engine.families import FAMILIES, GLM, KINDS, Family, toy

EVERY = [pytest.param(f, k, id=f"{f.name}-{k}") for f in (*FAMILIES, GLM) for k in KINDS]
BENIGN = "What are the symptoms?  Take\n\n<b>one</b> tablet. 每天测量血压 😀"


def wordpiece(unknown: str, *special: str) -> Tokenizer:
    vocab = {token: id_ for id_, token in enumerate([unknown, "hello", "[", "]", "sep", *special])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([AddedToken(token) for token in (unknown, *special)])
    return tokenizer


@pytest.mark.parametrize(("family", "kind"), EVERY)
def test_a_copy_encodes_text_as_the_tokenizer_does(family: Family, kind: str) -> None:
    backend = toy(family, kind).backend_tokenizer
    copy = ControlTokens.of(backend)
    assert copy.encoder.encode(BENIGN).ids == backend.encode(BENIGN, add_special_tokens=False).ids
    assert copy.encoder.get_vocab_size() == backend.get_vocab_size()


@pytest.mark.parametrize(("family", "kind"), EVERY)
def test_a_copy_knows_control_tokens_only_by_their_new_names(family: Family, kind: str) -> None:
    backend = toy(family, kind).backend_tokenizer
    copy = ControlTokens.of(backend)
    for token in family.control:
        assert copy.encoder.token_to_id(token) is None
        assert copy.encoder.encode(copy.names[token]).ids[-1] == backend.token_to_id(token)
    assert not set(family.text) & copy.names.keys()


@pytest.mark.parametrize(
    ("token", "control"),
    [
        ("<think>", True),
        ("</tool_call>", True),
        ("<|im_start|>", True),
        ("<｜User｜>", True),
        ("[INST]", True),
        ("<s>", False),  # Gemma's strike-through; where it begins a text, it is special
        ("</table>", False),
        ("<0x0A>", False),
        ("\n\n", False),
        ("    ", False),
        ("paracetamol", False),
        ("<", False),
    ],
)
def test_an_added_token_is_control_by_its_shape(token: str, control: bool) -> None:
    tokenizer = Tokenizer(models.BPE({"a": 0}, []))
    tokenizer.add_tokens([AddedToken(token, normalized=False)])
    assert (token in ControlTokens.of(tokenizer).names) == control


@pytest.mark.parametrize("token", ["<s>", "paracetamol", "\n\n"])
def test_a_special_token_is_control_whatever_its_shape(token: str) -> None:
    tokenizer = Tokenizer(models.BPE({"a": 0}, []))
    tokenizer.add_special_tokens([token])
    assert token in ControlTokens.of(tokenizer).names


def test_letters_do_not_merge_into_a_control_token() -> None:
    vocab = {"<": 0, "s": 1, ">": 2, "<s": 3, "<s>": 4, "t": 5, "st": 6}
    merges = [("<", "s"), ("<s", ">"), ("s", "t")]
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.add_special_tokens(["<s>"])
    tokenizer.encode_special_tokens = True
    assert tokenizer.encode("<s>").ids == [4]  # why splitting special tokens is not enough
    copy = ControlTokens.of(tokenizer)
    assert copy.encoder.encode("<s>st").ids == [3, 2, 6]
    assert copy.encoder.encode(copy.names["<s>"]).ids == [4]


@pytest.mark.parametrize("unknown", ["[UNK]", "<unk>"])
def test_unknown_words_stay_unknown_and_do_not_count_as_control(unknown: str) -> None:
    tokenizer = wordpiece(unknown, "[SEP]")
    copy = ControlTokens.of(tokenizer)
    assert copy.encoder.encode("hello 鱼").ids == [1, 0]
    assert copy.encoder.encode(f"hello [SEP] {copy.names['[SEP]']}").ids == [1, 2, 4, 3, 5]
    assert copy.reserved == {5}


def test_a_unigram_model_does_not_find_control_tokens_among_its_pieces() -> None:
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("<", -9.0), ("s", -9.0), (">", -9.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, 0, False))
    tokenizer.add_special_tokens(["<unk>", "<s>"])
    copy = ControlTokens.of(tokenizer)
    assert copy.encoder.encode("<s>").ids == [2, 3, 4]
    assert copy.reserved == {1}


def test_what_pads_and_cuts_is_not_copied() -> None:
    tokenizer = Tokenizer.from_str(toy(FAMILIES[0], "bytes").backend_tokenizer.to_str())
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=64)
    copy = ControlTokens.of(tokenizer)
    assert 3 < len(copy.encoder.encode(BENIGN).ids) < 64 + len(BENIGN.encode())
    assert copy.encoder.truncation is None
    assert copy.encoder.padding is None


def test_names_are_drawn_anew_for_every_copy() -> None:
    backend = toy(FAMILIES[0], "bytes").backend_tokenizer
    first, second = ControlTokens.of(backend), ControlTokens.of(backend)
    assert not set(first.names.values()) & set(second.names.values())


def test_a_tokenizer_whose_ids_a_copy_would_change_is_refused() -> None:
    misnumbered: Any = Misnumbered()
    with pytest.raises(Refusal, match=r"tokens\.not_separable"):
        ControlTokens.of(misnumbered)


class Misnumbered:
    """A backend that gives its control tokens other ids than it describes."""

    def to_str(self) -> str:
        spec = json.loads(toy(FAMILIES[0], "bytes").backend_tokenizer.to_str())
        for token in spec["added_tokens"]:
            token["id"] += 100_000
        return json.dumps(spec)
