-- +goose Up
-- Words by which people opt out; bots that are stopped or archived, and channels that are gone.
-- Times are microseconds since 1970, UTC.

ALTER TABLE account ADD COLUMN optout_keywords {text} NOT NULL DEFAULT '[]'; -- JSON list, lower case
ALTER TABLE bot ADD COLUMN stopped BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE bot ADD COLUMN archived_at BIGINT NOT NULL DEFAULT 0;            -- 0: it is not
ALTER TABLE channel ADD COLUMN removed_at BIGINT NOT NULL DEFAULT 0;         -- 0: it is there
