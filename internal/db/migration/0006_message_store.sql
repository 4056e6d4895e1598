-- +goose Up
-- What searches of the message log found, and when the platform last fired the metrics of an account's conversations
-- (docs/spec/vumi-http.md 6.1 and 11). Times are microseconds since 1970, UTC.

CREATE TABLE message_search (
  token      {text} PRIMARY KEY,
  account    {text} NOT NULL,
  scope      {text} NOT NULL,            -- what was searched
  found      {text} NOT NULL,            -- ids of messages, newest first, one to a line
  cut        {text} NOT NULL,            -- which limit ended it; empty when it went through all
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX message_search_account ON message_search (account, created_at);
CREATE INDEX message_search_expiry ON message_search (expires_at);

CREATE TABLE conversation_metric (
  account  {text} PRIMARY KEY,
  fired_at BIGINT NOT NULL
);
