"""The shape of the code: who imports whom, how long things are, what is never done.

Complexity and the number of positional parameters are ruff's to check.
"""

import ast
import importlib.util
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# What a layer may import of the studio; a dotted name opens one module of another layer.
MAY_IMPORT = {
    "core": {"core"},
    "methods": {"methods", "core"},
    "data": {"data", "core"},
    "store": {"store", "core"},
    # The keeper writes the run folder, and finds owners of locks; the database stays closed to it.
    "jobs": {"jobs", "store.run_folder", "store.atomic", "store.locks", "store.owners", "core"},
    "engine": {
        "engine",
        "methods",
        "store.run_folder",
        "store.checkpoints",
        "store.atomic",
        "store.data_folder",
        "store.sheets",
        "core",
    },
    "workbench": {"workbench", "store", "jobs", "data", "methods", "core"},
    "ui": {"ui", "workbench", "core"},
    "app": {"ui", "workbench", "core"},
    "printing": {"core"},
    "arguments": {"printing", "workbench", "core"},
    "web": {
        "web",
        "app",
        "ui",
        "workbench",
        "store.locks",
        "store.atomic",
        "store.data_folder",
        "jobs.zygote",
        "core",
    },
    "cli": {"cli", "arguments", "printing", "web", "workbench", "core"},
    "__main__": {"cli"},
}
TORCH = {"torch", "transformers", "peft", "accelerate", "bitsandbytes"}
NEVER_IMPORTS = {
    "methods": {"gradio"},
    "data": {"gradio", *TORCH},
    "store": {"gradio", *TORCH},
    "jobs": {"gradio", *TORCH},
    "engine": {"gradio", "sqlite3"},
    "workbench": {"gradio", *TORCH},
    "ui": TORCH,
    "app": TORCH,
    "web": TORCH,
    "printing": {"gradio", *TORCH},
    "arguments": {"gradio", *TORCH},
    "cli": {"gradio", *TORCH},
}
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal"}
NEVER_CALLED = {"eval", "exec", "os.system", "os.popen", "torch.load", "torch.save"}
NEVER_TRUE = {"shell", "trust_remote_code", "allow_pickle"}
NAMES_OF_NOTHING = {"utils", "util", "helpers", "common", "misc", "fns", "tools"}

FILE_LINES, FILE_MEDIAN = 400, 150
FUNCTION_LINES, FUNCTION_MEDIAN, FUNCTION_P90 = 60, 10, 30
# "path" or "path:function" over its budget -> why it is better so.
EXCEPTIONS: dict[str, str] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One parsed source file; ``path`` is relative to the repository."""

    path: Path
    lines: int
    tree: ast.Module

    @property
    def layer(self) -> str:
        return self.path.parts[1].removesuffix(".py")

    def functions(self) -> Iterator[tuple[str, int]]:
        """Name and length in lines of every function."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                assert node.end_lineno is not None
                yield node.name, node.end_lineno - node.lineno + 1


def parse(path: Path, source: str) -> Module:
    return Module(path, len(source.splitlines()), ast.parse(source))


@cache
def modules(*places: str) -> tuple[Module, ...]:
    """Every source file under ``places`` of the repository."""
    found = [
        file
        for place in places
        for file in ((ROOT / place).rglob("*.py") if "." not in place else [ROOT / place])
    ]
    return tuple(
        parse(file.relative_to(ROOT), file.read_text(encoding="utf-8")) for file in sorted(found)
    )


def imports(module: Module, nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Dotted names that these nodes of a module import, relative ones made absolute."""
    package = module.path.parts[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def run_at_load(node: ast.AST) -> Iterator[ast.AST]:
    """What runs as soon as a module is loaded: no function bodies, nothing for types alone."""
    for child in ast.iter_child_nodes(node):
        for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not isinstance(child, Function) and not for_types:
            yield child
            yield from run_at_load(child)


def is_opened(name: str, layer: str) -> bool:
    """Whether a layer may import this name of the studio."""
    part = name.removeprefix("studio.") + "."
    return part.startswith("__version__") or any(
        part.startswith(f"{other}.") for other in MAY_IMPORT.get(layer, ())
    )


def is_foreign(name: str, layer: str) -> bool:
    """Whether a layer must not know this package from outside."""
    package = name.partition(".")[0]
    if layer == "core":
        return package not in sys.stdlib_module_names
    return package in NEVER_IMPORTS.get(layer, ())


def wrong_imports(module: Module) -> Iterator[str]:
    """Sentences for each import that the layers forbid."""
    layer = module.layer
    for name in imports(module, ast.walk(module.tree)):
        ours = name.startswith("studio.")
        if (ours and not is_opened(name, layer)) or (not ours and is_foreign(name, layer)):
            yield f"{module.path} imports {name}"
    if layer == "methods":
        for name in imports(module, run_at_load(module.tree)):
            if name.partition(".")[0] in TORCH:
                yield f"{module.path} imports {name} outside a function"


def forbidden_deeds(module: Module) -> Iterator[str]:
    """Sentences for each import or call that is never made anywhere."""
    for name in imports(module, ast.walk(module.tree)):
        if name.partition(".")[0] in PICKLES:
            yield f"{module.path} imports {name}"
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        if ast.unparse(node.func) in NEVER_CALLED:
            yield f"{module.path}:{node.lineno} calls {ast.unparse(node.func)}"
        for word in node.keywords:
            harmless = isinstance(word.value, ast.Constant) and not word.value.value
            if word.arg in NEVER_TRUE and not harmless:
                yield f"{module.path}:{node.lineno} sets {word.arg}"


def over_budget(module: Module) -> Iterator[str]:
    """Keys into EXCEPTIONS for each file and function that is too long."""
    if module.lines > FILE_LINES:
        yield module.path.as_posix()
    for name, lines in module.functions():
        if lines > FUNCTION_LINES:
            yield f"{module.path.as_posix()}:{name}"


def sample(path: str, source: str) -> Module:
    return parse(Path(path), source)


def test_dependency_runs_one_way() -> None:
    assert [wrong for module in modules("studio") for wrong in wrong_imports(module)] == []


def test_every_part_of_the_studio_has_its_rule() -> None:
    layers = {module.layer for module in modules("studio")}
    assert layers - {"__init__"} <= set(MAY_IMPORT)


def test_nothing_unsafe_is_called() -> None:
    found = modules("studio", "launch.py")
    assert [wrong for module in found for wrong in forbidden_deeds(module)] == []


def test_files_and_functions_keep_their_budgets() -> None:
    found = [key for m in modules("studio", "launch.py", "tests") for key in over_budget(m)]
    assert sorted(found) == sorted(EXCEPTIONS), "an exception needs its reason, and to be needed"


def test_most_files_and_functions_are_short() -> None:
    found = [module for module in modules("studio") if module.lines > 5]
    functions = [lines for module in found for _, lines in module.functions()]
    assert statistics.median(module.lines for module in found) <= FILE_MEDIAN
    assert statistics.median(functions) <= FUNCTION_MEDIAN
    assert statistics.quantiles(functions, n=10)[-1] <= FUNCTION_P90


def test_no_module_is_named_after_nothing() -> None:
    names = {module.path for module in modules("studio", "tests")}
    assert [path for path in names if path.stem in NAMES_OF_NOTHING] == []


def test_every_module_says_what_it_is() -> None:
    found = [m for m in modules("studio", "launch.py") if m.lines > 0]
    assert [m.path for m in found if ast.get_docstring(m.tree) is None] == []


@pytest.mark.parametrize("name", ["studio.cli", "studio.workbench"])
def test_the_server_side_loads_without_torch(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} does not stand yet")
    program = f"import sys, {name}; print(*sorted({TORCH!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("studio/core/rows.py", "import numpy"),
        ("studio/core/rows.py", "from studio.store import rows"),
        ("studio/data/csv.py", "def read():\n    import torch.nn"),
        ("studio/data/csv.py", "from ..store.rows import Rows"),
        ("studio/engine/loop.py", "from studio.store import database"),
        ("studio/engine/loop.py", "import sqlite3"),
        ("studio/methods/lora.py", "import peft"),
        ("studio/ui/tab.py", "from studio.engine.loop import train"),
    ],
)
def test_a_wrong_import_is_seen(path: str, source: str) -> None:
    assert list(wrong_imports(sample(path, source))) != []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("studio/core/rows.py", "import json\nfrom studio.core import errors"),
        ("studio/data/csv.py", "from .formats import Format\nfrom studio import __version__"),
        ("studio/engine/loop.py", "import torch\nfrom studio.store.run_folder import append"),
        ("studio/methods/lora.py", "def attach():\n    import peft"),
        ("studio/methods/lora.py", "if TYPE_CHECKING:\n    from torch import nn"),
        ("studio/methods/lora.py", "from studio.core.sheets import Sheet"),
    ],
)
def test_a_right_import_passes(path: str, source: str) -> None:
    assert list(wrong_imports(sample(path, source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from dill import loads",
        "eval('1')",
        "os.system('ls')",
        "torch.load(path)",
        "subprocess.run(words, shell=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=asked)",
    ],
)
def test_an_unsafe_deed_is_seen(source: str) -> None:
    assert list(forbidden_deeds(sample("studio/jobs/start.py", source))) != []


def test_a_long_function_is_seen() -> None:
    long = "def run():\n" + "    pass\n" * 60
    assert list(over_budget(sample("studio/jobs/start.py", long))) == ["studio/jobs/start.py:run"]
