-- Set when a verification found the copy missing, changed or unreadable, until one finds it well.
ALTER TABLE message ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1));
