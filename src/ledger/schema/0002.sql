-- UIDNEXT of a destination folder when the mailbox was last begun with every checkpoint closed:
-- a message of ours that its user moved there has this UID or a higher one.
ALTER TABLE destination_folder ADD COLUMN landmark_uid_validity INTEGER;
ALTER TABLE destination_folder ADD COLUMN landmark_uid_next INTEGER;
-- The slowest answer to an APPEND into the folder, in milliseconds: how long a server that
-- answers slowly may still be storing after its client died.
ALTER TABLE destination_folder ADD COLUMN slowest_append INTEGER;

-- Made anew, because SQLite cannot change a CHECK: state 5 is new, and when a message was proven.
ALTER TABLE message RENAME TO message_1;
DROP INDEX message_at_destination;
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
    -- 0 pending, 1 acknowledged, 2 verified, 3 excepted, 4 unclear, 5 removed
    state                    INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 5),
    reason                   TEXT CHECK ((reason IS NOT NULL) = (state IN (3, 4))),
    proven_at                TEXT CHECK (proven_at IS NULL OR state = 2),
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
INSERT INTO message (folder, uid_validity, uid, size, flags, internal_date, modseq, headers,
        generation, vanished, state, reason, destination, destination_uid_validity,
        destination_uid, source_digest, sent_digest, sent_size, stored_flags, source_flags,
        sent_date, transforms, adopted)
    SELECT folder, uid_validity, uid, size, flags, internal_date, modseq, headers,
        generation, vanished, state, reason, destination, destination_uid_validity,
        destination_uid, source_digest, sent_digest, sent_size, stored_flags, source_flags,
        sent_date, transforms, adopted
    FROM message_1;
DROP TABLE message_1;
CREATE INDEX message_at_destination
    ON message (destination, destination_uid_validity, destination_uid)
    WHERE destination_uid IS NOT NULL;
-- Copied messages that are not where they were at the source any more, found by their size.
CREATE INDEX message_astray ON message (size) WHERE vanished = 1 AND source_digest IS NOT NULL;

-- Mailboxes that a person told to rest; written without the lock.
CREATE TABLE paused (
    mailbox TEXT PRIMARY KEY,
    since   TEXT NOT NULL,
    note    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
