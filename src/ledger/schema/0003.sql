-- Folders of the source that were archived to files of this machine.
CREATE TABLE archive_folder (
    id           INTEGER PRIMARY KEY,
    -- The absolute path of the archive.
    archive      TEXT NOT NULL,
    mailbox      TEXT NOT NULL,
    path         TEXT NOT NULL,
    uid_validity INTEGER NOT NULL,
    -- Below the archive: the file of an mbox, the directory of a Maildir.
    place        TEXT NOT NULL,
    format       TEXT NOT NULL,
    -- 0 to be made, 1 being written, 2 complete
    stage        INTEGER NOT NULL CHECK (stage BETWEEN 0 AND 2),
    UNIQUE (archive, mailbox, path),
    UNIQUE (archive, place)
) STRICT;

CREATE TABLE archive_message (
    folder        INTEGER NOT NULL REFERENCES archive_folder (id),
    uid           INTEGER NOT NULL,
    -- The file of a Maildir; empty in an mbox.
    name          TEXT NOT NULL,
    -- Where its octets begin in the file, how many they are there, and where the next message
    -- begins.
    begins        INTEGER NOT NULL,
    stored        INTEGER NOT NULL,
    ends          INTEGER NOT NULL,
    size          INTEGER NOT NULL,
    digest        BLOB NOT NULL,
    flags         TEXT NOT NULL,
    internal_date TEXT,
    PRIMARY KEY (folder, uid)
) STRICT, WITHOUT ROWID;
