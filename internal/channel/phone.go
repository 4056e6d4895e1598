package channel

import (
	"strings"

	"indaba/internal/core"
)

// Phone is [core.Phone]: how adapters write the telephone numbers that providers tell them.
func Phone(text string) string { return core.Phone(text) }

// Recipient returns the address of a person, however somebody wrote it, as messages from that person have it.
func (t Type) Recipient(address string) string {
	if t.Phones {
		return Phone(address)
	}
	return strings.TrimSpace(address)
}

// CheckRecipient returns a *SendError of class Recipient unless an address stands for one person only. It is for channels
// whose people are telephone numbers: there, what a provider takes for several numbers would reach people whom nobody has
// looked up among the opt-outs.
func CheckRecipient(address string) error {
	if core.OneRecipient(address) {
		return nil
	}
	return &SendError{Class: Recipient, Message: "this is not the address of one person: it is empty, or has a comma, a semicolon, " +
		"a control character or several numbers in it"}
}
