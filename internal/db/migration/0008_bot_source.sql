-- +goose Up
-- Where a bot's script and configuration values are fetched from (docs/spec/vumi-http.md 9.9). Times are microseconds
-- since 1970, UTC.

CREATE TABLE bot_source (
  account {text} NOT NULL,
  bot     {text} NOT NULL,
  target  {text} NOT NULL,               -- script, or config: and the key of a value
  url     {text} NOT NULL,               -- sealed: it may hold a password
  set_at  BIGINT NOT NULL,
  PRIMARY KEY (account, bot, target)
) {rowless};
