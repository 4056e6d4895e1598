-- +goose Up
-- Messages and events on their way to the applications of HTTP API conversations (docs/spec/vumi-http.md 9.7 and 9.8).
-- Times are microseconds since 1970, UTC.

CREATE TABLE push (
  id         {serial},
  account    {text} NOT NULL,
  bot        {text} NOT NULL,
  kind       {text} NOT NULL,            -- message or event
  subject    {text} NOT NULL,            -- id of the message or event
  address    {text} NOT NULL,            -- the person's, whose pushes keep their order
  body       {text} NOT NULL,            -- JSON; empty once it was taken
  state      SMALLINT NOT NULL,          -- 1 waits for a try, 2 is held for a stream, 3 was taken, 4 was given up
  attempts   BIGINT NOT NULL,
  begun_at   BIGINT NOT NULL,            -- of the first try; 0 before
  not_before BIGINT NOT NULL,            -- of the next try
  reason     {text} NOT NULL,            -- why the last try failed
  created_at BIGINT NOT NULL,
  settled_at BIGINT NOT NULL             -- 0 while it waits or is held
);
-- A turn that is run again pushes nothing twice.
CREATE UNIQUE INDEX push_subject ON push (bot, subject);
CREATE INDEX push_waiting ON push (account, bot, not_before, id) WHERE state = 1;
CREATE INDEX push_retry ON push (account, id) WHERE state = 1 AND attempts > 0;
CREATE INDEX push_held ON push (bot, kind, id) WHERE state = 2;
CREATE INDEX push_dead ON push (account, id) WHERE state = 4;
CREATE INDEX push_settled ON push (settled_at) WHERE settled_at > 0;
