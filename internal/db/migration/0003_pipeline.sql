-- +goose Up
-- The way of a message: channels, routing, bots, the message log, its two queues, and the record of turns.
-- Times are microseconds since 1970, UTC.

CREATE TABLE channel (
  key        {text} PRIMARY KEY,
  account    {text} NOT NULL,
  type       {text} NOT NULL,
  name       {text} NOT NULL,
  address    {text} NOT NULL,
  settings   {text} NOT NULL,            -- sealed JSON object
  enabled    BOOLEAN NOT NULL,
  trouble    {text} NOT NULL,            -- why it is paused; empty while all is well
  created_at BIGINT NOT NULL
);
CREATE INDEX channel_account ON channel (account, key);

CREATE TABLE router (
  key        {text} PRIMARY KEY,
  account    {text} NOT NULL,
  type       {text} NOT NULL,
  name       {text} NOT NULL,
  config     {text} NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX router_account ON router (account, key);

CREATE TABLE route (
  account {text} NOT NULL,
  source  {text} NOT NULL,
  target  {text} NOT NULL,
  PRIMARY KEY (account, source)
);

CREATE TABLE bot (
  key        {text} PRIMARY KEY,
  account    {text} NOT NULL,
  name       {text} NOT NULL,
  kind       {text} NOT NULL,
  version    BIGINT NOT NULL,            -- the version that answers; 0 before the first deployment
  config     {text} NOT NULL,            -- JSON object: configuration key -> text
  created_at BIGINT NOT NULL
);
CREATE INDEX bot_account ON bot (account, key);

CREATE TABLE bot_version (
  bot        {text} NOT NULL,
  version    BIGINT NOT NULL,
  hash       {text} NOT NULL,
  bundle     {bytes} NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (bot, version)
);

CREATE TABLE message (
  id                 {text} PRIMARY KEY,
  account            {text} NOT NULL,
  channel            {text} NOT NULL,
  direction          SMALLINT NOT NULL,
  external_id        {text} NOT NULL,
  address            {text} NOT NULL,    -- the person's side
  own_address        {text} NOT NULL,    -- our side
  content            {text},
  session_event      {text} NOT NULL,
  session_id         {text} NOT NULL,
  in_reply_to        {text} NOT NULL,
  bot                {text} NOT NULL,
  endpoint           {text} NOT NULL,
  status             SMALLINT NOT NULL,
  status_reason      {text} NOT NULL,
  details            {text} NOT NULL,    -- JSON object of the fields that nothing searches
  created_at         BIGINT NOT NULL
) {rowless};
-- Redeliveries of the same inbound message fail here.
CREATE UNIQUE INDEX message_received ON message (channel, external_id) WHERE direction = 1 AND external_id <> '';
CREATE INDEX message_sent ON message (channel, external_id) WHERE direction = 2 AND external_id <> '';
CREATE INDEX message_session ON message (channel, session_id, created_at) WHERE session_id <> '';
CREATE INDEX message_replies ON message (in_reply_to) WHERE in_reply_to <> '';
CREATE INDEX message_unknown ON message (channel, address) WHERE status = 4;
CREATE INDEX message_bot ON message (bot, direction, created_at) WHERE bot <> '';

CREATE TABLE status_change (
  id         {serial},
  message    {text} NOT NULL,
  status     SMALLINT NOT NULL,
  reason     {text} NOT NULL,
  at         BIGINT NOT NULL
);
CREATE INDEX status_change_message ON status_change (message);

-- Status callbacks that came before the answer to the request they are about.
CREATE TABLE status_orphan (
  id          {serial},
  channel     {text} NOT NULL,
  external_id {text} NOT NULL,
  status      SMALLINT NOT NULL,
  reason      {text} NOT NULL,
  at          BIGINT NOT NULL
);
CREATE INDEX status_orphan_id ON status_orphan (channel, external_id);

-- What a member sent, or what became of a message to it, until a bot has dealt with it.
CREATE TABLE mailbox (
  id         {serial},
  account    {text} NOT NULL,
  channel    {text} NOT NULL,
  address    {text} NOT NULL,
  message    {text} NOT NULL,            -- the inbound message, or the outbound one that an event is about
  event      {text} NOT NULL,            -- JSON of the event; empty for an inbound message
  attempts   BIGINT NOT NULL,
  parked     {text} NOT NULL,            -- why it waits for an operator; empty while it is in the queue
  created_at BIGINT NOT NULL
);
CREATE INDEX mailbox_parked ON mailbox (account, id) WHERE parked <> '';

-- Outbound messages on their way to a provider.
CREATE TABLE outbox (
  id         {serial},
  account    {text} NOT NULL,
  channel    {text} NOT NULL,
  address    {text} NOT NULL,
  message    {text} NOT NULL,
  attempts   BIGINT NOT NULL,
  started    BOOLEAN NOT NULL,           -- an attempt began and no answer has been recorded
  not_before BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE turn (
  id         {serial},
  account    {text} NOT NULL,
  bot        {text} NOT NULL,
  version    BIGINT NOT NULL,
  channel    {text} NOT NULL,
  address    {text} NOT NULL,
  message    {text} NOT NULL,
  outcome    {text} NOT NULL,
  error      {text} NOT NULL,
  commands   BIGINT NOT NULL,
  cpu_us     BIGINT NOT NULL,
  wall_us    BIGINT NOT NULL,
  record     {bytes} NOT NULL,           -- what a replay needs, compressed
  created_at BIGINT NOT NULL
);
CREATE INDEX turn_bot ON turn (bot, id);

CREATE TABLE bot_log (
  id      {serial},
  bot     {text} NOT NULL,
  level   SMALLINT NOT NULL,
  line    {text} NOT NULL,
  at      BIGINT NOT NULL
);
CREATE INDEX bot_log_bot ON bot_log (bot, id);

-- Where a member stands in the menu of a multiplexer.
CREATE TABLE router_session (
  router     {text} NOT NULL,
  address    {text} NOT NULL,
  state      {text} NOT NULL,
  endpoint   {text} NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (router, address)
);

-- Counts changes of configuration, so that a running server notices those made beside it.
CREATE TABLE generation (
  id    BIGINT PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO generation (id, value) VALUES (1, 0);
