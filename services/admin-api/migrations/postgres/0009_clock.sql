-- When the clock was last seen to be right: a start that finds it far ahead removes nothing for its age. 0: never.
ALTER TABLE installation ADD COLUMN clock BIGINT NOT NULL DEFAULT 0;
