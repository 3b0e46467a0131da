-- Which database this is, for as long as it lives, copies restored of it included: archives/.database in DATA_DIR says the
-- same. The lineage of now, which a copy made before this step has too; from here on each goes its own way.
ALTER TABLE installation ADD COLUMN data_mark TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE installation SET data_mark = lineage;
