-- +goose Up
-- Which messages passed which routers (docs/spec/vumi-http.md 11.1). What answers an inbound message goes the same way
-- back and has no row.

CREATE TABLE router_message (
  router  {text} NOT NULL,
  message {text} NOT NULL,
  PRIMARY KEY (router, message)
) {rowless};
