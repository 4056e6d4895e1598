-- +goose Up
-- Imports of contacts from files. Times are microseconds since 1970, UTC.

CREATE TABLE contact_import (
  account    {text} NOT NULL,
  key        {text} NOT NULL,            -- ascends with time
  name       {text} NOT NULL,            -- of the file
  state      SMALLINT NOT NULL,          -- 1 unfinished, 2 done, 3 failed, 4 discarded
  uploaded   SMALLINT NOT NULL,          -- 1: the server has the file, and does the work
  plan       {text} NOT NULL,            -- JSON: what to do
  size       BIGINT NOT NULL,            -- bytes of the file
  hash       {text} NOT NULL,            -- SHA-256 of the file
  total      BIGINT NOT NULL,            -- rows in the file
  position   BIGINT NOT NULL,            -- rows that are dealt with: the next commit begins after them
  created    BIGINT NOT NULL,
  updated    BIGINT NOT NULL,
  unchanged  BIGINT NOT NULL,
  skipped    BIGINT NOT NULL,
  problem    {text} NOT NULL,            -- why it failed
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account, key)
) {rowless};
CREATE INDEX contact_import_unfinished ON contact_import (key) WHERE state = 1;
CREATE INDEX contact_import_updated ON contact_import (updated_at);

-- What became of each row.
CREATE TABLE contact_import_row (
  account {text} NOT NULL,
  import  {text} NOT NULL,
  number  BIGINT NOT NULL,               -- the first row after the heading is 1
  line    BIGINT NOT NULL,               -- where it begins in the file; the first is 1
  outcome SMALLINT NOT NULL,             -- 1 created, 2 updated, 3 unchanged, 4 skipped
  contact {text} NOT NULL,               -- empty when there is none
  reason  {text} NOT NULL,               -- why it was skipped
  PRIMARY KEY (account, import, number)
) {rowless};
CREATE INDEX contact_import_row_skipped ON contact_import_row (account, import, number) WHERE outcome = 4;
