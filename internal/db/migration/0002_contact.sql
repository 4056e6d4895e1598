-- +goose Up
-- Contacts with their index and groups, key-value data of bots, metrics, opt-outs.
-- Times are microseconds since 1970, UTC, except where a comment says seconds.

-- One row per account with contacts or groups. Every writer of an account begins by updating it, which orders them.
CREATE TABLE contact_book (
  account  {text} PRIMARY KEY,
  contacts BIGINT NOT NULL,              -- how many there are
  version  BIGINT NOT NULL               -- grows with each change of a group's query
) {rowless};

CREATE TABLE contact (
  account        {text} NOT NULL,
  key            {text} NOT NULL,        -- ascends with the time of creation
  created_at     BIGINT NOT NULL,
  name           {text},
  surname        {text},
  email_address  {text},
  dob            BIGINT,
  msisdn         {text} NOT NULL,
  twitter_handle {text},
  facebook_id    {text},
  bbm_pin        {text},
  gtalk_id       {text},
  mxit_id        {text},
  wechat_id      {text},
  groups         {text} NOT NULL,        -- JSON list of group keys
  extra          {text} NOT NULL,        -- JSON object: name -> text
  subscription   {text} NOT NULL,        -- JSON object: name -> text
  PRIMARY KEY (account, key)
) {rowless};
CREATE INDEX contact_created ON contact (account, created_at);
CREATE INDEX contact_dob ON contact (account, dob) WHERE dob IS NOT NULL;

-- The inverted index that searches, look-ups by address and static groups read.
CREATE TABLE contact_token (
  account {text} NOT NULL,
  field   {text} NOT NULL,
  token   {text} NOT NULL,
  contact {text} NOT NULL,
  PRIMARY KEY (account, field, token, contact)
) {rowless};

CREATE TABLE contact_group (
  account     {text} NOT NULL,
  key         {text} NOT NULL,
  name        {text} NOT NULL,
  query       {text},                    -- null: a static group
  created_at  BIGINT NOT NULL,
  static_size BIGINT NOT NULL,           -- contacts that name the group
  smart_size  BIGINT NOT NULL,           -- rows of the build in smart_member
  build       BIGINT NOT NULL,           -- the set of rows in smart_member that answers for the query
  building    SMALLINT NOT NULL,         -- 1 while contacts after built_to have not been looked at
  built_to    {text} NOT NULL,           -- key of a contact
  PRIMARY KEY (account, key)
) {rowless};
CREATE INDEX contact_group_name ON contact_group (account, name);
CREATE INDEX contact_group_building ON contact_group (account, key) WHERE building = 1;

CREATE TABLE smart_member (
  account {text} NOT NULL,
  build   BIGINT NOT NULL,
  contact {text} NOT NULL,
  PRIMARY KEY (account, build, contact)
) {rowless};

-- Builds that no group refers to any more and whose rows have yet to be removed.
CREATE TABLE smart_leftover (
  account {text} NOT NULL,
  build   BIGINT NOT NULL,
  PRIMARY KEY (account, build)
) {rowless};

CREATE TABLE kv (
  space   {text} NOT NULL,               -- who shares the keys: an account, or one bot
  key     {text} NOT NULL,
  value   {text} NOT NULL,               -- JSON
  expires BIGINT NOT NULL,               -- the greatest BIGINT: never
  PRIMARY KEY (space, key)
) {rowless};
CREATE INDEX kv_expires ON kv (space, expires) WHERE expires < 9223372036854775807;

CREATE TABLE kv_space (
  space {text} PRIMARY KEY,
  keys  BIGINT NOT NULL                  -- rows in kv, with those that have expired since they were last swept
) {rowless};

CREATE TABLE metric_series (
  id      {serial},
  account {text} NOT NULL,
  name    {text} NOT NULL                -- in full: stores.default.foo.last
);
CREATE UNIQUE INDEX metric_series_name ON metric_series (account, name);

CREATE TABLE metric_slot (
  account {text} NOT NULL,
  series  BIGINT NOT NULL,
  width   BIGINT NOT NULL,               -- seconds: 1, 60 or 3600
  at      BIGINT NOT NULL,               -- seconds since 1970; a multiple of width
  count   BIGINT NOT NULL,
  sum     {float} NOT NULL,
  min     {float} NOT NULL,
  max     {float} NOT NULL,
  last    {float} NOT NULL,
  PRIMARY KEY (account, series, width, at)
) {rowless};

CREATE TABLE optout (
  account    {text} NOT NULL,
  type       {text} NOT NULL,
  address    {text} NOT NULL,
  message    {text} NOT NULL,            -- the message that caused it; empty when none did
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account, type, address)
) {rowless};

CREATE TABLE optout_count (
  account {text} PRIMARY KEY,
  n       BIGINT NOT NULL
) {rowless};
