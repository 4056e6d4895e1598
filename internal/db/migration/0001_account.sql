-- +goose Up
-- Tenants, their workspaces, API tokens, users and the audit log.
-- Times are microseconds since 1970, UTC.

CREATE TABLE account (
  key                {text} PRIMARY KEY,
  name               {text} NOT NULL,
  parent             {text} NOT NULL,    -- key of the main account; empty for a main account
  can_manage_optouts BOOLEAN NOT NULL,
  disable_optouts    BOOLEAN NOT NULL,
  is_developer       BOOLEAN NOT NULL,
  created_at         BIGINT NOT NULL
);
CREATE INDEX account_parent ON account (parent, key);

CREATE TABLE app (
  key        {text} PRIMARY KEY,         -- the account's own key for its default app
  account    {text} NOT NULL,
  name       {text} NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX app_account ON app (account, key);

CREATE TABLE token (
  key          {text} PRIMARY KEY,
  hash         {bytes} NOT NULL UNIQUE,  -- SHA-256 of the secret
  account      {text} NOT NULL,
  app          {text} NOT NULL,
  name         {text} NOT NULL,
  scopes       {text} NOT NULL,          -- joined by blanks
  bot          {text} NOT NULL,          -- the only bot it is for; empty for all
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL           -- 0 before the first use
);
CREATE INDEX token_account ON token (account, key);

CREATE TABLE login (
  id         {serial},
  account    {text} NOT NULL,
  email      {text} NOT NULL UNIQUE,     -- lower case
  name       {text} NOT NULL,
  nick       {text} NOT NULL,
  role       {text} NOT NULL,
  password   {text} NOT NULL,            -- argon2id hash; empty: cannot log in
  created_at BIGINT NOT NULL
);
CREATE INDEX login_account ON login (account, id);

CREATE TABLE audit (
  id      {serial},
  account {text} NOT NULL,
  actor   {text} NOT NULL,
  action  {text} NOT NULL,
  object  {text} NOT NULL,
  detail  {text} NOT NULL,               -- JSON
  at      BIGINT NOT NULL
);
CREATE INDEX audit_account ON audit (account, id);
