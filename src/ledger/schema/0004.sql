-- The newest entry of one action: whether a removal of ours was cut off.
CREATE INDEX journal_by_action ON journal (action, id);
