"""Which column is which: fields of a row guessed from column names in English and Chinese.

A mapping is ``{field: column}``. A field that a person maps to "" is read from no column.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from studio.core.errors import UserMistake

# Field -> names of its column, the likeliest first, bare of case, spaces and signs.
NAMES: dict[str, tuple[str, ...]] = {
    "system": ("system", "systemprompt", "systemmessage", "系统", "系统提示", "系统提示词"),
    "messages": ("messages", "conversations", "conversation", "dialogue", "对话"),
    "history": ("history", "历史", "历史对话"),
    "chosen": ("chosen", "preferred", "preferredoutput", "better", "更好的回答", "优选回答"),
    "rejected": (
        *("rejected", "rejectedresponse", "nonpreferredoutput", "worse"),
        *("更差的回答", "被拒回答", "较差回答"),
    ),
    "response": (
        *("response", "output", "completion", "answer", "answers", "reply", "assistant", "doctor"),
        *("a", "回答", "输出", "答案", "回复", "答复", "应答", "医生", "助手", "答"),
    ),
    "prompt": (
        *("prompt", "instruction", "question", "questions", "query", "ask", "user", "human"),
        *("patient", "q", "问题", "指令", "提问", "提示词", "提示", "患者", "病人", "用户", "问"),
    ),
    "input": ("input", "context", "输入", "上下文", "补充"),
    "label": ("ktotag",),
    "text": ("text", "文本", "正文"),
    "status": ("status", "reviewstatus", "状态", "审核状态", "审核", "审核结果"),
    "split": ("split", "划分"),
    "notes": ("notes", "note", "remark", "remarks", "comment", "comments", "备注", "批注", "注释"),
    "tags": ("tags", "tag", "keywords", "标签", "关键词"),
    "source": ("source", "来源", "出处"),
}
ABOUT = ("status", "split", "notes", "tags", "source")
"""Fields that say something about a row; training never sees them."""
FIELDS = ("body", *NAMES)

# Field -> what the name of its column may contain, tried where no name fits as a whole.
_PARTS: dict[str, tuple[str, ...]] = {
    "system": ("system", "系统"),
    "rejected": ("rejected",),
    "chosen": ("chosen",),
    "response": (
        *("response", "answer", "reply", "completion", "output"),
        *("回答", "答案", "回复", "答复", "输出"),
    ),
    "prompt": (
        *("prompt", "instruction", "question", "query", "input"),
        *("问题", "指令", "提问", "输入"),
    ),
    "notes": ("notes", "remark", "comment", "备注", "批注"),
    "tags": ("tags", "标签"),
}
_LONGEST_NAME = 40
# A column named for a number or a name about the text is not the text: question_id, 回答时间.
_ASIDE = re.compile(
    r"(?:^|[\W_])(?:id|ids|uuid|date|time|url|type|len|length|score|count|num|number|author|lang)"
    r"(?:$|[\W_])|编号|序号|日期|时间|类型|分数|评分|字数|作者|姓名|语言",
    re.IGNORECASE,
)


def guess(
    columns: Iterable[str],
    fields: Sequence[str] = tuple(NAMES),
    known: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """A column for each of ``fields`` that one fits; ``known`` fields keep theirs.

    A name that fits as a whole wins over one that contains a fitting word, and no column is used
    twice. Where there is an input but no question, the input is the question.
    """
    found = dict(known or {})
    taken = set(found.values())
    bare = {column: _bare(column) for column in columns if column not in taken}
    for names, fits in ((NAMES, _is_name), (_PARTS, _is_part)):
        for field in (f for f in names if f in fields and f not in found):
            column = next((c for name in names[field] for c in bare if fits(c, bare[c], name)), "")
            if column:
                found[field] = column
                del bare[column]
    if "input" in found and "prompt" in fields and "prompt" not in found:
        found["prompt"] = found.pop("input")
    return found


def check_mapping(mapping: Mapping[str, str], columns: Iterable[str]) -> None:
    """Raise UserMistake for a field that no row has, or a column that the file lacks."""
    present = list(columns)
    for field, column in mapping.items():
        if field not in FIELDS:
            raise UserMistake("data.unknown_field", field=field, fields=", ".join(FIELDS))
        if column and column not in present:
            raise UserMistake("data.unknown_column", column=column, columns=listed(present))


def listed(columns: Sequence[str], most: int = 20) -> str:
    """Column names as one line for a sentence, cut where there are very many."""
    shown = [column[:_LONGEST_NAME] for column in columns[:most]]
    return ", ".join(shown) + (", …" if len(columns) > most else "")


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


def _is_name(_: str, bare: str, name: str) -> bool:
    return bare == name


def _is_part(column: str, bare: str, part: str) -> bool:
    return part in bare and len(column) <= _LONGEST_NAME and not _ASIDE.search(column)
