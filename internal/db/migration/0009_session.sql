-- +goose Up
-- Who is logged in (docs/spec/admin.md 3). Times are microseconds since 1970, UTC.

CREATE TABLE login_session (
  hash       {bytes} PRIMARY KEY,        -- SHA-256 of the session's id
  login      BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
) {rowless};
CREATE INDEX login_session_login ON login_session (login, created_at);
CREATE INDEX login_session_expiry ON login_session (expires_at);
