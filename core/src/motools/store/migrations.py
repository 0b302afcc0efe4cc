"""The database's tables, as numbered migrations; `PRAGMA user_version` counts those applied.

A migration that has been released is never edited; a change is a new one at the end.

    object      a file under objects/; `synced` is 0 until it is known to be on the disk, 2 if it was gone or altered by then
    file_stat   a file of the user's as last seen, and the object its content is
    content     what an atom holds: a JSON value or a list of files, in `body` or, above 64 KiB, in an object
    atom        with atom_parent (what it was made from, by name) and atom_tag
    run         a run as it was created; run_state: its status and its lease (fence, owner, until)
    event       the runs' logs; `place` is the run's number shifted left by 32 bits, plus the event's number in the run
    computed    what was computed under which step key, newest last; claim: who computes a key now
    effect      what was done to the world, by (step key, draw, name, generation)
    equivalence which key may use the result of an earlier one, because a person said so; the last row of a key counts
    pin         an atom that a person wants kept; archived: a run whose results may go
    run_tag     words by which people find a run, and which keep its results; run_note: what they wrote down about it
    part        runs that are parts of another, by name: the cells of a matrix
    placed      of an object: its file as it was put here (machine's start, device, inode, ctime)
    seen_file   a large file that settings name, as last seen, and the digest of its bytes; it is no object of the store
    used_at     of objects and contents: when one was last put here, to within ten minutes (seconds since 1970)
"""

from __future__ import annotations

APPLICATION_ID = 0x6D6F7431
"""`mot1`, in the database file's header."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE object (
            digest TEXT PRIMARY KEY, size INTEGER NOT NULL, synced INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID""",
        "CREATE INDEX object_unsynced ON object(synced) WHERE synced = 0",
        """CREATE TABLE file_stat (
            device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
            ctime_ns INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (device, inode)
        ) WITHOUT ROWID""",
        """CREATE TABLE content (
            digest TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('value', 'files')), size INTEGER NOT NULL,
            body BLOB, object TEXT, CHECK ((body IS NULL) <> (object IS NULL))
        ) WITHOUT ROWID""",
        """CREATE TABLE atom (
            n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL, type TEXT NOT NULL,
            user TEXT NOT NULL, content TEXT NOT NULL, value TEXT NOT NULL, metadata TEXT NOT NULL,
            created_at REAL NOT NULL, reused_from TEXT
        )""",
        """CREATE TABLE atom_parent (
            atom TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL, PRIMARY KEY (atom, name)
        ) WITHOUT ROWID""",
        "CREATE INDEX atom_child ON atom_parent(parent)",
        "CREATE TABLE atom_tag (atom TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (atom, tag)) WITHOUT ROWID",
        "CREATE INDEX atom_tagged ON atom_tag(tag)",
        """CREATE TABLE run (
            n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, workflow TEXT NOT NULL, user TEXT NOT NULL,
            definition TEXT NOT NULL, details TEXT NOT NULL, parent TEXT, created_at REAL NOT NULL
        )""",
        """CREATE TABLE run_state (
            run INTEGER PRIMARY KEY, status TEXT NOT NULL, fence INTEGER NOT NULL, owner TEXT, until REAL
        )""",
        """CREATE TABLE event (
            place INTEGER PRIMARY KEY, fence INTEGER NOT NULL, at REAL NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL
        )""",
        """CREATE TABLE computed (
            n INTEGER PRIMARY KEY, key TEXT NOT NULL, component TEXT NOT NULL, parts TEXT NOT NULL, run TEXT NOT NULL,
            activation TEXT NOT NULL, outputs TEXT NOT NULL, seconds REAL NOT NULL, at REAL NOT NULL
        )""",
        "CREATE INDEX computed_key ON computed(key)",
        "CREATE INDEX computed_component ON computed(component)",
        "CREATE TABLE claim (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID",
        """CREATE TABLE effect (
            step_key TEXT NOT NULL, draw BLOB NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL,
            request TEXT NOT NULL, owner TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('intended', 'done', 'closed')),
            record TEXT, outcome TEXT, at REAL NOT NULL, PRIMARY KEY (step_key, draw, name, generation)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE equivalence (
            n INTEGER PRIMARY KEY, key TEXT NOT NULL, earlier TEXT NOT NULL, step TEXT NOT NULL,
            what TEXT NOT NULL CHECK (what IN ('accepted', 'revoked')), user TEXT NOT NULL, reason TEXT NOT NULL,
            at REAL NOT NULL
        )""",
        "CREATE INDEX equivalence_key ON equivalence(key)",
    ),
    (
        "CREATE TABLE pin (atom TEXT PRIMARY KEY, user TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE archived (run INTEGER PRIMARY KEY, user TEXT NOT NULL, at REAL NOT NULL)",
        "ALTER TABLE object ADD COLUMN used_at REAL NOT NULL DEFAULT 0",
        "ALTER TABLE content ADD COLUMN used_at REAL NOT NULL DEFAULT 0",
        "UPDATE object SET used_at = strftime('%s', 'now')",
        "UPDATE content SET used_at = strftime('%s', 'now')",
    ),
    (
        """CREATE TABLE run_tag (
            run INTEGER NOT NULL, tag TEXT NOT NULL, user TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (run, tag)
        ) WITHOUT ROWID""",
        "CREATE INDEX run_tagged ON run_tag(tag)",
        """CREATE TABLE run_note (
            n INTEGER PRIMARY KEY, run INTEGER NOT NULL, text TEXT NOT NULL, user TEXT NOT NULL, at REAL NOT NULL
        )""",
        "CREATE INDEX run_noted ON run_note(run)",
    ),
    ("CREATE TABLE part (run INTEGER PRIMARY KEY, whole INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (whole, name))",),
    (
        "ALTER TABLE object ADD COLUMN placed TEXT",
        """CREATE TABLE seen_file (
            device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
            ctime_ns INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (device, inode)
        ) WITHOUT ROWID""",
    ),
)
