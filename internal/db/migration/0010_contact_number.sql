-- +goose Up
-- Contacts have numbers, and the index has numbers in place of the texts that stand in it again and again
-- (docs/decisions/0020). Times are microseconds since 1970, UTC.

CREATE TABLE contact_book_old AS SELECT * FROM contact_book;
DROP TABLE contact_book;

-- One row per account with contacts or groups. Every writer of an account begins by updating it, which orders them.
CREATE TABLE contact_book (
  id       {serial},
  account  {text} NOT NULL,
  contacts BIGINT NOT NULL,              -- how many there are
  version  BIGINT NOT NULL,              -- grows with each change of a group's query
  numbered BIGINT NOT NULL,              -- how many there have ever been
  newest   {text} NOT NULL               -- the greatest key that was given out; empty when none was
);
CREATE UNIQUE INDEX contact_book_account ON contact_book (account);

INSERT INTO contact_book (account, contacts, version, numbered, newest)
SELECT account, contacts, version, (SELECT count(*) FROM contact c WHERE c.account = b.account),
  coalesce((SELECT max(c.key) FROM contact c WHERE c.account = b.account), '')
FROM contact_book_old b ORDER BY account;
DROP TABLE contact_book_old;

DROP INDEX contact_created;
DROP INDEX contact_dob;
ALTER TABLE contact RENAME TO contact_old;

CREATE TABLE contact (
  id         {integer} CONSTRAINT contact_id PRIMARY KEY, -- number of the book, times 2^36, plus that in the book
  book       BIGINT NOT NULL,
  key        {text} NOT NULL,            -- ascends with id
  created_at BIGINT NOT NULL,
  dob        BIGINT,
  record     {text} NOT NULL             -- JSON object: name -> value of each other field that the contact has
);

INSERT INTO contact (id, book, key, created_at, dob, record)
SELECT b.id * 68719476736 + n.number, b.id, c.key, c.created_at, c.dob, {filled object}
  'msisdn', c.msisdn, 'name', c.name, 'surname', c.surname, 'email_address', c.email_address,
  'twitter_handle', c.twitter_handle, 'facebook_id', c.facebook_id, 'bbm_pin', c.bbm_pin, 'gtalk_id', c.gtalk_id,
  'mxit_id', c.mxit_id, 'wechat_id', c.wechat_id,
  'groups', {parsed} c.groups {as JSON}, 'extra', {parsed} c.extra {as JSON}, 'subscription', {parsed} c.subscription {as JSON}
{end}
FROM (SELECT account, key, row_number() OVER (PARTITION BY account ORDER BY key) AS number FROM contact_old) n
CROSS JOIN contact_book b CROSS JOIN contact_old c
WHERE b.account = n.account AND c.account = n.account AND c.key = n.key;
DROP TABLE contact_old;

CREATE UNIQUE INDEX contact_key ON contact (book, key);
CREATE INDEX contact_created ON contact (book, created_at);
CREATE INDEX contact_dob ON contact (book, dob) WHERE dob IS NOT NULL;

-- The names of the fields that the index has entries of, in each account.
CREATE TABLE contact_field (
  id   {serial},
  book BIGINT NOT NULL,
  name {text} NOT NULL
);
CREATE UNIQUE INDEX contact_field_name ON contact_field (book, name);

ALTER TABLE contact_token RENAME TO contact_token_old;

INSERT INTO contact_field (book, name)
SELECT b.id, t.field FROM (SELECT DISTINCT account, field FROM contact_token_old) t
JOIN contact_book b ON b.account = t.account ORDER BY b.id, t.field;

-- The inverted index that searches, look-ups by address and static groups read.
CREATE TABLE contact_token (
  field   BIGINT NOT NULL {fail},
  token   {text} NOT NULL {fail},
  contact BIGINT NOT NULL {fail},
  CONSTRAINT contact_token_entry PRIMARY KEY (field, token, contact) {fail}
) {rowless};

INSERT INTO contact_token (field, token, contact)
SELECT f.id, t.token, c.id
FROM contact_book b CROSS JOIN contact_field f CROSS JOIN contact_token_old t CROSS JOIN contact c
WHERE f.book = b.id AND t.account = b.account AND t.field = f.name AND c.book = b.id AND c.key = t.contact;
DROP TABLE contact_token_old;

ALTER TABLE smart_member RENAME TO smart_member_old;

CREATE TABLE smart_member (
  book    BIGINT NOT NULL,
  build   BIGINT NOT NULL,
  contact BIGINT NOT NULL,
  CONSTRAINT smart_member_entry PRIMARY KEY (book, build, contact)
) {rowless};

INSERT INTO smart_member (book, build, contact)
SELECT b.id, m.build, c.id
FROM contact_book b CROSS JOIN smart_member_old m CROSS JOIN contact c
WHERE m.account = b.account AND c.book = b.id AND c.key = m.contact;
DROP TABLE smart_member_old;
