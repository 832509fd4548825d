-- In SQLite's temporary database: a file of this process that is removed when it ends.
CREATE TEMP TABLE IF NOT EXISTS search (id INTEGER PRIMARY KEY) STRICT;

CREATE TEMP TABLE IF NOT EXISTS search_ours (
    search        INTEGER NOT NULL,
    source        INTEGER NOT NULL,
    uid           INTEGER NOT NULL,
    -- 0 unsettled, 1 unplaced
    fate          INTEGER NOT NULL,
    size          INTEGER NOT NULL,
    second        INTEGER,
    -- The second that it was sent with: that of its header where it has none.
    sent          INTEGER,
    -- The flags in small letters, because case does not tell them apart.
    folded        TEXT NOT NULL,
    identity      BLOB,
    source_digest BLOB,
    sent_digest   BLOB,
    sent_size     INTEGER,
    transforms    TEXT,
    -- Whether it may have another size at the destination.
    any_size      INTEGER NOT NULL,
    alike         INTEGER NOT NULL DEFAULT 0,
    -- Whether it is listed and not given.
    unread        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (search, source, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS temp.search_ours_look ON search_ours (search, size, second);
CREATE INDEX IF NOT EXISTS temp.search_ours_second ON search_ours (search, second)
    WHERE second IS NOT NULL;

CREATE INDEX IF NOT EXISTS temp.search_ours_undated ON search_ours (search)
    WHERE any_size AND second IS NULL;

CREATE INDEX IF NOT EXISTS temp.search_ours_digest ON search_ours (search, source_digest)
    WHERE source_digest IS NOT NULL;

CREATE TEMP TABLE IF NOT EXISTS search_theirs (
    search   INTEGER NOT NULL,
    uid      INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    second   INTEGER,
    date     TEXT,
    flags    TEXT NOT NULL,
    folded   TEXT NOT NULL,
    identity BLOB,
    unread   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (search, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS temp.search_theirs_size ON search_theirs (search, size);
CREATE INDEX IF NOT EXISTS temp.search_theirs_second ON search_theirs (search, second)
    WHERE second IS NOT NULL;
CREATE INDEX IF NOT EXISTS temp.search_theirs_unread ON search_theirs (search, size, second)
    WHERE unread;

CREATE TEMP TABLE IF NOT EXISTS search_pair (
    search INTEGER NOT NULL,
    source INTEGER NOT NULL,
    uid    INTEGER NOT NULL,
    theirs INTEGER NOT NULL,
    PRIMARY KEY (search, source, uid),
    UNIQUE (search, theirs)
) STRICT, WITHOUT ROWID;

-- Copies of ours that are equal to one of a pair: where they should be.
CREATE TEMP TABLE IF NOT EXISTS search_twin (
    id           INTEGER PRIMARY KEY,
    search       INTEGER NOT NULL,
    source       INTEGER NOT NULL,
    uid          INTEGER NOT NULL,
    path         TEXT NOT NULL,
    uid_validity INTEGER,
    twin         INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS temp.search_twin_path ON search_twin (search, path);
