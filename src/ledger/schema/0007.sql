-- From where on a destination folder may hold what was sent into it, under one UIDVALIDITY.
ALTER TABLE destination_folder ADD COLUMN first_uid_validity INTEGER;
ALTER TABLE destination_folder ADD COLUMN first_uid_next INTEGER;

-- Flags of the source that a copy may have as well: STORE was sent, and its answer is not recorded.
ALTER TABLE message ADD COLUMN tried_flags TEXT;
