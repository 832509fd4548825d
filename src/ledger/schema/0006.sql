-- From where on a destination folder may hold copies of messages that left their source folder
-- before it was known what became of them.
ALTER TABLE destination_folder ADD COLUMN orphan_uid_validity INTEGER;
ALTER TABLE destination_folder ADD COLUMN orphan_uid_next INTEGER;
