import csv
import io
import json
from pathlib import Path

import pytest

from studio.core.errors import Refusal, UserMistake
from studio.core.events import Sampled, Stepped
from studio.core.recipe import Base, Lessons, Recipe
from studio.core.rows import Body, Message, NewRow, Row, Split, Status
from studio.store import traces
from studio.store.data_folder import DataFolder
from studio.store.erase import EraseReport, erase
from studio.store.exports import list_rows
from studio.store.migrations import back_up
from studio.store.row_values import Change, Query
from studio.store.run_folder import EventLog, RunFolder, RunRow
from studio.store.runs import RunEntry, Runs
from studio.store.traces import Gone
from studio.store.versions import Versions
from tests.store.sample_rows import ask, new_key, ready, shelf_in

SECRETS = ("Zebrafink Quist", "患者赵铁柱的血压", 'the "Ommatid"\nsyndrome\tµg', "Yttrium note")
OLD_QUESTION = f"Who is {SECRETS[0]}?"
SYSTEM = "You are a careful assistant."


class Clinic:
    """A data folder in which a patient's row has left its traces everywhere."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self.shelf = shelf_in(folder.root)
        self.runs = Runs(self.shelf.database)
        first = Body.pair(OLD_QUESTION, "Old " + SECRETS[2], system=SYSTEM)
        (self.row,) = self.shelf.add(NewRow(first, Status.READY, Split.TRAIN))
        body = Body.pair(f"{SECRETS[1]}是多少？", SECRETS[2], system=SYSTEM)
        self.row = self.shelf.save(self.row, Change(body=body, notes=SECRETS[3]))
        self.others = self.shelf.add(
            NewRow(Body.pair("What is fever?", "A sign.", system=SYSTEM), Status.READY),
            ready(2),
        )

    def erase(self, *running: str) -> EraseReport:
        return erase(self.shelf.database, [self.row.id], self.folder, running=running)

    def run(self, run_id: str, rows: list[Row], *questions: str) -> RunFolder:
        entry = RunEntry(run_id, "Run", self.shelf.dataset, "ab", "m", "lora")
        self.runs.add(entry, [row.id for row in rows])
        recipe = Recipe(
            "Run", Base("m", "/m", "0"), Lessons("d", "D", "ab"), "lora", questions=questions
        )
        run = RunFolder.create(
            self.folder.runs / run_id, recipe, [RunRow(r.id, r.body, r.split) for r in rows]
        )
        for question in questions:
            say(run, Stepped(1, 0.1, 2.0, 1e-3, 1.0, 8, 4, 0.1, 1), Sampled(1, question, "Hm."))
        return run

    def files_with_secrets(self) -> list[str]:
        needles = [
            form
            for secret in SECRETS
            for text in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False))
            for form in (text.strip('"').encode(), text.encode("utf-16-le"), text.encode("gb18030"))
        ]
        return [
            path.relative_to(self.folder.root).as_posix()
            for path in sorted(self.folder.root.rglob("*"))
            if path.is_file() and any(needle in path.read_bytes() for needle in needles)
        ]


def say(run: RunFolder, *events: Stepped | Sampled) -> None:
    with EventLog(run.path / "events.jsonl") as log:
        for event in events:
            log.append(event)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(DataFolder.open(tmp_path / "data"))


def test_no_byte_of_an_erased_row_is_left(clinic: Clinic) -> None:
    shelf, folder, row = clinic.shelf, clinic.folder, clinic.row
    shelf.rows.duplicate(clinic.others[0].id, key=new_key())
    shelf.rows.trash([row.id])
    shelf.rows.undo(shelf.dataset)
    shelf.save(shelf.rows.get(row.id), Change(body=Body.pair("Now?", SECRETS[2] * 2000)))
    Versions(shelf.database).pin(shelf.dataset)
    back_up(folder.database, folder.backups / "studio.v1.db")
    learned = clinic.run("r1", [row, *clinic.others], "What is fever?")
    (learned.path / "tokens.bin").write_bytes(b"\x01\x02")
    learned.log_path.write_text(f"warning: {OLD_QUESTION} was cut\n", encoding="utf-8")
    clinic.run("r2", clinic.others, f"Tell me: {OLD_QUESTION}", row.body.prompt)
    (folder.exports / "rows.jsonl").write_text(json.dumps(row.body.as_json()), encoding="utf-8")
    (folder.exports / "rows.csv").write_text(as_csv(row), encoding="utf-16")
    upload = folder.root / "uploads" / "x" / "in.csv"
    upload.parent.mkdir(parents=True)
    upload.write_text(as_csv(row), encoding="gb18030")
    (folder.root / "loose.txt").write_text(OLD_QUESTION, encoding="utf-8")
    assert len(clinic.files_with_secrets()) == 10

    clinic.erase()

    assert clinic.files_with_secrets() == []
    assert shelf.database.problems() == ()
    with shelf.database.read() as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] == 0


def as_csv(row: Row) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([row.body.prompt, row.body.response])
    return text.getvalue()


def test_an_erased_row_is_unknown_and_the_others_stay(clinic: Clinic) -> None:
    kept = [clinic.shelf.rows.history(row.id) for row in clinic.others]
    report = clinic.erase()
    assert report.rows == 1
    assert clinic.shelf.living() == clinic.others
    assert [clinic.shelf.rows.history(row.id) for row in clinic.others] == kept
    with pytest.raises(UserMistake, match=r"rows\.unknown"):
        clinic.shelf.rows.get(clinic.row.id)
    assert clinic.shelf.rows.page(clinic.shelf.dataset, Query(search=SECRETS[0])).total == 0
    with pytest.raises(UserMistake, match=r"rows\.unknown"):
        clinic.erase()


def test_undo_goes_on_without_the_erased_row(clinic: Clinic) -> None:
    shelf = clinic.shelf
    rows = [clinic.row, *clinic.others]
    shelf.rows.set_status([row.id for row in rows], Status.FLAGGED)
    shelf.save(shelf.rows.get(clinic.row.id), Change(notes="only this one"))
    clinic.erase()
    assert shelf.rows.undo(shelf.dataset).kind == "status"
    assert [row.status for row in shelf.living()] == [Status.READY, Status.READY]
    assert shelf.rows.redo(shelf.dataset).kind == "status"
    assert [row.status for row in shelf.living()] == [Status.FLAGGED, Status.FLAGGED]


def test_a_save_of_an_erased_row_leaves_no_key(clinic: Clinic) -> None:
    rows = clinic.shelf.rows
    row = rows.save(clinic.row.id, Change(notes="n"), revision=clinic.row.revision, key="k").row
    clinic.erase()
    with pytest.raises(UserMistake, match=r"rows\.unknown"):
        rows.save(row.id, Change(notes="n"), revision=clinic.row.revision, key="k")


def test_a_version_says_what_it_has_lost(clinic: Clinic) -> None:
    shelf, versions = clinic.shelf, Versions(clinic.shelf.database)
    before = versions.current(shelf.dataset)
    versions.pin(shelf.dataset)
    shelf.save(clinic.row, Change(status=Status.FLAGGED))
    versions.pin(shelf.dataset)
    clinic.erase()
    without, with_it = versions.list(shelf.dataset)
    assert (with_it.version, with_it.rows, with_it.erased) == (before, 3, 1)
    assert (without.rows, without.erased) == (2, 0)
    assert versions.current(shelf.dataset) == without.version
    versions.restore(shelf.dataset, with_it.version)
    assert list(shelf.rows.ready(shelf.dataset)) == clinic.others


def test_the_version_is_counted_anew_at_once(clinic: Clinic) -> None:
    versions = Versions(clinic.shelf.database)
    before = versions.current(clinic.shelf.dataset)
    clinic.erase()
    assert versions.current(clinic.shelf.dataset) != before


def test_a_run_that_learned_from_the_row_is_marked(clinic: Clinic) -> None:
    learned = clinic.run("r1", [clinic.row, *clinic.others])
    clinic.run("r2", clinic.others)
    report = clinic.erase()
    assert report.runs == ("r1",)
    assert [clinic.runs.get(run).erased for run in ("r1", "r2")] == [1, 0]
    assert json.loads((learned.path / "erased.json").read_bytes()) == {"rows": 1}
    assert [row.id for row in learned.rows()] == [row.id for row in clinic.others]
    assert clinic.runs.learned("r1") == tuple(row.id for row in clinic.others)


def test_marks_add_up(clinic: Clinic) -> None:
    learned = clinic.run("r1", [clinic.row, *clinic.others])
    clinic.erase()
    erase(clinic.shelf.database, [clinic.others[0].id], clinic.folder)
    assert clinic.runs.get("r1").erased == 2
    assert json.loads((learned.path / "erased.json").read_bytes()) == {"rows": 2}


def test_a_run_is_known_by_its_rows_where_the_index_forgot_them(clinic: Clinic) -> None:
    clinic.run("r1", [clinic.row])
    with clinic.shelf.database.write() as connection:
        connection.execute("DELETE FROM learned")
    assert clinic.erase().runs == ("r1",)
    assert clinic.runs.get("r1").erased == 1


def test_a_run_whose_folder_is_gone_is_marked_in_the_index(clinic: Clinic) -> None:
    entry = RunEntry("r1", "Run", clinic.shelf.dataset, "ab", "m", "lora")
    clinic.runs.add(entry, [clinic.row.id])
    assert clinic.erase().runs == ("r1",)
    assert list(clinic.folder.runs.iterdir()) == []


def test_samples_lose_only_the_texts_of_the_row(clinic: Clinic) -> None:
    run = clinic.run("r1", clinic.others, clinic.row.body.prompt, "What is fever?")
    before = list(run.events())
    report = clinic.erase()
    after = list(run.events())
    assert after[1] == before[1] | {"prompt": ""}
    assert [e for n, e in enumerate(after) if n != 1] == [e for n, e in enumerate(before) if n != 1]
    assert run.recipe().questions == ("", "What is fever?")
    assert report.runs == ()
    assert report.files == ("runs/r1/events.jsonl", "runs/r1/recipe.json")


def test_texts_that_other_rows_say_too_are_no_traces(clinic: Clinic) -> None:
    run = clinic.run("r1", clinic.others, SYSTEM)
    before = (run.path / "events.jsonl").read_bytes()
    clinic.erase()
    assert (run.path / "events.jsonl").read_bytes() == before


def test_short_texts_are_not_sought(clinic: Clinic) -> None:
    (row,) = clinic.shelf.add(NewRow(Body.pair("lora", "Run")))
    run = clinic.run("r1", clinic.others)
    erase(clinic.shelf.database, [row.id], clinic.folder)
    assert (run.recipe().name, run.recipe().method) == ("Run", "lora")


def test_a_torn_last_line_is_cleaned_too(clinic: Clinic) -> None:
    run = clinic.run("r1", clinic.others, "What is fever?")
    with open(run.path / "events.jsonl", "ab") as file:
        file.write(b'{"event": "sample", "prompt": "' + clinic.row.body.prompt.encode())
    clinic.erase()
    assert clinic.files_with_secrets() == []
    assert len(list(run.events())) == 2


def test_exports_that_list_the_row_are_deleted_and_named(clinic: Clinic) -> None:
    exports = clinic.folder.exports
    for name, rows in (
        ("with.xlsx", [clinic.row, *clinic.others]),
        ("without.xlsx", clinic.others),
    ):
        list_rows(exports / name, [row.id for row in rows])
        (exports / name).write_bytes(b"PK not to be searched")
    list_rows(exports / "never written.csv", [clinic.row.id])
    report = clinic.erase()
    assert report.files == ("exports/never written.csv", "exports/with.xlsx")
    assert sorted(path.name for path in exports.iterdir()) == [
        "without.xlsx",
        "without.xlsx.rows.json",
    ]


def test_weights_and_links_are_left_alone(clinic: Clinic, tmp_path: Path) -> None:
    secret = clinic.row.body.prompt.encode()
    outside = tmp_path / "outside.txt"
    outside.write_bytes(secret)
    (clinic.folder.exports / "link.txt").symlink_to(outside)
    (clinic.folder.exports / "folder").symlink_to(tmp_path)
    (clinic.folder.root / "elsewhere").symlink_to(tmp_path)
    weights = clinic.folder.exports / "tuned.safetensors"
    weights.write_bytes(secret)
    assert clinic.erase().files == ()
    assert weights.exists()
    assert outside.exists()


def test_copies_of_the_database_go_if_they_hold_the_row_or_cannot_be_asked(clinic: Clinic) -> None:
    folder = clinic.folder
    back_up(folder.database, folder.backups / "with.db")
    (folder.backups / "broken.db").write_bytes(b"no database")
    clinic.erase()
    back_up(folder.database, folder.backups / "without.db")
    report = erase(clinic.shelf.database, [clinic.others[0].id], folder)
    assert report.files == ("backups/without.db",)
    (row,) = clinic.shelf.add(ready(7))
    back_up(folder.database, folder.backups / "kept.db")
    (late,) = clinic.shelf.add(ready(8))
    erase(clinic.shelf.database, [late.id], folder)
    assert [path.name for path in folder.backups.iterdir()] == ["kept.db"]
    assert clinic.shelf.rows.get(row.id) == row


def test_a_row_that_is_being_learned_from_is_not_erased(clinic: Clinic) -> None:
    clinic.run("r1", [clinic.row])
    with pytest.raises(Refusal) as caught:
        clinic.erase("r1")
    assert (caught.value.key, caught.value.facts) == ("erase.run_active", {"run": "r1"})
    assert clinic.shelf.rows.get(clinic.row.id) == clinic.row
    assert clinic.files_with_secrets() == ["runs/r1/rows.jsonl", "studio.db"]


def test_a_running_run_that_only_asks_about_the_row_is_left_to_end(clinic: Clinic) -> None:
    clinic.run("r1", clinic.others, clinic.row.body.prompt)
    with pytest.raises(Refusal, match=r"erase\.run_active"):
        clinic.erase("r1")


def test_other_runs_may_go_on(clinic: Clinic) -> None:
    clinic.run("r1", clinic.others)
    assert clinic.erase("r1").rows == 1


def test_an_erasure_that_was_cut_off_is_done_again_from_the_start(clinic: Clinic) -> None:
    clinic.run("r1", [clinic.row, *clinic.others])
    with clinic.shelf.database.write() as connection:
        connection.execute(
            "CREATE TRIGGER cut BEFORE DELETE ON rows BEGIN SELECT RAISE(ABORT, 'cut'); END"
        )
    with pytest.raises(Exception, match="cut"):
        clinic.erase()
    with clinic.shelf.database.write() as connection:
        connection.execute("DROP TRIGGER cut")
    report = clinic.erase()
    assert report.runs == ("r1",)
    assert clinic.runs.get("r1").erased == 1
    marker = clinic.folder.runs / "r1" / "erased.json"
    assert json.loads(marker.read_bytes()) == {"rows": 1}
    assert clinic.files_with_secrets() == []


def test_rows_of_several_datasets_are_erased_together(clinic: Clinic) -> None:
    shelf = clinic.shelf
    rows = shelf.add(*(ready(number) for number in range(10, 40)))
    erase(shelf.database, [row.id for row in rows[::2]], clinic.folder)
    assert [row.id for row in shelf.living()][3:] == [row.id for row in rows[1::2]]
    assert shelf.add(ready(50))[0].position > rows[-1].position


def test_rejected_answers_and_plain_texts_are_sought_too(clinic: Clinic) -> None:
    worse = "A worse answer about Zebrafink"
    pair = Body((Message("user", "q"), Message("assistant", "a")), (Message("assistant", worse),))
    plain = Body(text="A plain text about Zebrafink")
    rows = clinic.shelf.add(NewRow(pair), NewRow(plain))
    run = clinic.run("r1", clinic.others, worse, "A plain text about Zebrafink and more", "Zebra")
    erase(clinic.shelf.database, [row.id for row in rows], clinic.folder)
    assert run.recipe().questions == ("", "", "Zebra")
    assert ask(2) in [row.body for row in clinic.shelf.living()]


def test_a_run_that_begins_meanwhile_keeps_the_row_from_being_erased(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = traces.clean_exports

    def begin_and_clean(folder: DataFolder, gone: Gone) -> list[Path]:
        clinic.run("r1", [clinic.row])
        return clean(folder, gone)

    monkeypatch.setattr(traces, "clean_exports", begin_and_clean)
    with pytest.raises(Refusal, match=r"erase\.run_active"):
        clinic.erase()
    assert clinic.shelf.rows.get(clinic.row.id) == clinic.row
