-- One row. The token grows with every owner and never goes back: it fences the one before.
CREATE TABLE lock (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    token     INTEGER NOT NULL,
    host      TEXT,
    boot      TEXT,
    pid       INTEGER,
    started   TEXT,
    command   TEXT,
    since     TEXT,
    heartbeat TEXT
) STRICT;
INSERT INTO lock (id, token) VALUES (1, 0);

CREATE TABLE destination_folder (
    id                      INTEGER PRIMARY KEY,
    mailbox                 TEXT NOT NULL,
    path                    TEXT NOT NULL,
    checkpoint_uid_validity INTEGER,
    checkpoint_uid_next     INTEGER,
    checkpoint_at           TEXT,
    checkpoint_open         INTEGER,
    UNIQUE (mailbox, path)
) STRICT;

CREATE TABLE source_folder (
    id                   INTEGER PRIMARY KEY,
    mailbox              TEXT NOT NULL,
    path                 TEXT NOT NULL,
    destination          INTEGER REFERENCES destination_folder (id),
    -- Of the newest listing; messages under another one are kept and counted nowhere.
    uid_validity         INTEGER,
    -- Counts listings. A message carries the one that saw it last.
    generation           INTEGER NOT NULL DEFAULT 0,
    -- UIDVALIDITY of the listing that is under way.
    listing              INTEGER,
    pass_uid_validity    INTEGER,
    pass_uid_next        INTEGER,
    pass_messages        INTEGER,
    pass_highest_modseq  INTEGER,
    UNIQUE (mailbox, path)
) STRICT;
CREATE INDEX source_folder_by_destination ON source_folder (destination);

CREATE TABLE message (
    folder                   INTEGER NOT NULL REFERENCES source_folder (id),
    uid_validity             INTEGER NOT NULL,
    uid                      INTEGER NOT NULL,
    size                     INTEGER NOT NULL,
    flags                    TEXT NOT NULL,
    internal_date            TEXT,
    modseq                   INTEGER,
    headers                  BLOB,
    generation               INTEGER NOT NULL,
    vanished                 INTEGER NOT NULL DEFAULT 0 CHECK (vanished IN (0, 1)),
    -- 0 pending, 1 acknowledged, 2 verified, 3 excepted, 4 unclear
    state                    INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 4),
    reason                   TEXT CHECK ((reason IS NOT NULL) = (state IN (3, 4))),
    -- What follows is known of the copy, all or nothing but for the three that say where it is.
    destination              INTEGER REFERENCES destination_folder (id),
    destination_uid_validity INTEGER,
    destination_uid          INTEGER,
    source_digest            BLOB,
    sent_digest              BLOB,
    sent_size                INTEGER,
    stored_flags             TEXT,
    source_flags             TEXT,
    sent_date                TEXT,
    transforms               TEXT,
    adopted                  INTEGER,
    PRIMARY KEY (folder, uid_validity, uid)
) STRICT, WITHOUT ROWID;
-- Which messages of a destination folder are ours.
CREATE INDEX message_at_destination
    ON message (destination, destination_uid_validity, destination_uid)
    WHERE destination_uid IS NOT NULL;

CREATE TABLE journal (
    id     INTEGER PRIMARY KEY,
    at     TEXT NOT NULL,
    action TEXT NOT NULL,
    step   TEXT NOT NULL,
    note   TEXT NOT NULL
) STRICT;
