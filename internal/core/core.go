// Package core holds the words that every other part of Indaba shares: identifiers, addresses, messages, events and
// error kinds. It imports the standard library only, and it holds no rules of any one feature.
package core
