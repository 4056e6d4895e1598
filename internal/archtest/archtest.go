// Package archtest proves the import rule and the house rules that a compiler does not know. It holds tests only; the
// table in rule_test.go is the rule itself. It judges imports by their path, not what is done with them.
package archtest
