-- +goose Up
-- Each channel has a queue of deliveries and each account a queue of mail, which are read by themselves. Why the last
-- attempt of a delivery was turned away is for operators.

ALTER TABLE outbox ADD COLUMN reason {text} NOT NULL DEFAULT '';
CREATE INDEX outbox_channel ON outbox (channel, id);
CREATE INDEX mailbox_waiting ON mailbox (account, id) WHERE parked = '';
