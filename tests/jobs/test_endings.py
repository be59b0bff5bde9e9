from pathlib import Path

import pytest

from studio.jobs.endings import Beginning, last_line, memory_kills, problem


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("\n \n", ""),
        ("Traceback\n  File\nImportError: libcuda.so\n\n", "ImportError: libcuda.so"),
        ("a\nb", "b"),
        ("x" * 10_000, "x" * 300),
    ],
)
def test_the_last_line_is_the_last_with_anything_in_it(log: Path, text: str, line: str) -> None:
    log.write_text(text, encoding="utf-8")
    assert last_line(log) == line


def test_what_stood_in_the_log_before_is_not_the_last_line(log: Path) -> None:
    assert last_line(log) == ""
    log.write_bytes(b"of an earlier process\n")
    assert last_line(log, log.stat().st_size) == ""
    with open(log, "ab") as file:
        file.write("\xff 内存\n".encode("gb18030"))
    assert last_line(log, 22) != ""


def test_a_signal_is_named_before_any_line_and_a_code_where_there_is_none(log: Path) -> None:
    log.write_text("a line\n", encoding="utf-8")
    assert problem(None, 11, log) == "SIGSEGV"
    assert problem(1, None, log) == "a line"
    assert problem(1, None, log, start=7) == "exit code 1"
    assert problem(None, None, log, start=7) == "–"


def test_the_kernels_count_of_kills_is_read(tmp_path: Path) -> None:
    vmstat = tmp_path / "vmstat"
    assert memory_kills(vmstat) is None
    vmstat.write_text("pgfault 12\n", encoding="ascii")
    assert memory_kills(vmstat) is None
    vmstat.write_text("drop_slab 1\noom_kill 7\nunevictable 0\n", encoding="ascii")
    assert memory_kills(vmstat) == 7


@pytest.mark.parametrize(
    ("before", "after", "ran_out"),
    [(3, 3, False), (3, 4, True), (None, None, False), (None, 4, False), (3, None, False)],
)
def test_memory_ran_out_where_the_count_has_grown(
    log: Path, before: int | None, after: int | None, ran_out: bool
) -> None:
    counts = iter([before, after])
    assert Beginning.now(log, lambda: next(counts)).memory_ran_out() is ran_out
