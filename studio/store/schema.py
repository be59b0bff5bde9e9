"""The tables of studio.db, as steps: the statements of step n bring schema version n to n + 1.

A step that was ever released is never edited; a change of the schema is one more step.

Every change of rows is an operation. ``history`` keeps each row as it stood *before* an operation
that changed it (revision NULL: there was no such row), so that each past state is stored once,
undoing is putting the lines of one operation back, and the state at any operation can be found.
"""

from collections.abc import Sequence

Steps = Sequence[Sequence[str]]

_DATASETS = (
    """
    CREATE TABLE datasets (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        salt TEXT NOT NULL,
        created REAL NOT NULL,
        trashed REAL
    ) WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX dataset_names ON datasets (name) WHERE trashed IS NULL",
)

# stack: 'done' can be undone, 'undone' can be redone, NULL neither. reverts: what an undo or a
# redo put back.
_OPERATIONS = (
    """
    CREATE TABLE operations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        dataset TEXT NOT NULL REFERENCES datasets (id),
        kind TEXT NOT NULL,
        author TEXT NOT NULL,
        at REAL NOT NULL,
        stack TEXT CHECK (stack IN ('done', 'undone')),
        reverts INTEGER
    )
    """,
    "CREATE INDEX operation_stacks ON operations (dataset, stack, id)",
    "CREATE INDEX operation_reverts ON operations (reverts) WHERE reverts IS NOT NULL",
)

# The small columns come first: filters then need not read past a long body. ``words`` is what a
# search looks through.
_ROWS = (
    """
    CREATE TABLE rows (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        dataset TEXT NOT NULL REFERENCES datasets (id),
        position INTEGER NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('draft', 'ready', 'flagged')),
        split TEXT NOT NULL CHECK (split IN ('train', 'check', 'exam')),
        revision INTEGER NOT NULL,
        operation INTEGER NOT NULL,
        similar TEXT NOT NULL,
        trashed REAL,
        source TEXT NOT NULL,
        author TEXT NOT NULL,
        tags TEXT NOT NULL,
        notes TEXT NOT NULL,
        words TEXT NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (dataset, position)
    )
    """,
    "CREATE INDEX row_shelf ON rows (dataset, trashed, position, status, split)",
    "CREATE INDEX row_similar ON rows (dataset, similar)",
)

# followed: the row changed only because a near-duplicate did.
_HISTORY = (
    """
    CREATE TABLE history (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        operation INTEGER NOT NULL,
        row INTEGER NOT NULL REFERENCES rows (number) ON DELETE CASCADE,
        followed INTEGER NOT NULL,
        revision INTEGER,
        status TEXT,
        split TEXT,
        similar TEXT,
        trashed REAL,
        tags TEXT,
        notes TEXT,
        body TEXT,
        UNIQUE (row, operation)
    )
    """,
    "CREATE INDEX history_operations ON history (operation)",
)

# A key and its target (a row or a dataset) name one wish of one page; it is done once.
_SAVES = (
    """
    CREATE TABLE saves (
        key TEXT NOT NULL,
        target TEXT NOT NULL,
        operation INTEGER NOT NULL,
        PRIMARY KEY (key, target)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX save_targets ON saves (target)",
)

# A version needs no copy of its rows: they stand in rows and history as of ``operation``, all but
# those ``erased`` for good since.
_VERSIONS = (
    """
    CREATE TABLE versions (
        dataset TEXT NOT NULL REFERENCES datasets (id),
        version TEXT NOT NULL,
        operation INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        erased INTEGER NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (dataset, version)
    ) WITHOUT ROWID
    """,
)

_MODELS_AND_RUNS = (
    """
    CREATE TABLE models (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        folder TEXT NOT NULL,
        identity TEXT NOT NULL,
        facts TEXT NOT NULL,
        added REAL NOT NULL
    )
    """,
    """
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        dataset TEXT NOT NULL REFERENCES datasets (id),
        version TEXT NOT NULL,
        model TEXT NOT NULL,
        method TEXT NOT NULL,
        created REAL NOT NULL,
        trashed REAL
    )
    """,
    """
    CREATE TABLE learned (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        row INTEGER NOT NULL REFERENCES rows (number) ON DELETE CASCADE,
        PRIMARY KEY (run, row)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX learned_rows ON learned (row)",
    """
    CREATE TABLE erased (
        run TEXT PRIMARY KEY,
        count INTEGER NOT NULL,
        at REAL NOT NULL
    ) WITHOUT ROWID
    """,
)

STEPS: Steps = (
    (*_DATASETS, *_OPERATIONS, *_ROWS, *_HISTORY, *_SAVES, *_VERSIONS, *_MODELS_AND_RUNS),
)
