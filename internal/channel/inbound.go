package channel

// The settings of every channel about messages from people that no bot gets (docs/spec/vumi-http.md 8 and 11).
const (
	DisableGlobalOptOut     = "disable_global_opt_out"
	ReplyToUnroutable       = "reply_to_unroutable_inbound"
	UnroutableReply         = "unroutable_inbound_reply"
	defaultUnroutableAnswer = "Vumi Go could not route your message. Please try again soon."
)

// InboundSettings returns the settings that the gateway reads on every channel, whatever its type.
func InboundSettings() []Setting {
	return []Setting{
		{Name: DisableGlobalOptOut, Title: "Leave opt-out keywords to bots", Kind: Bool, Default: "false",
			Help: "true: the account's opt-out keywords mean nothing on this channel, and bots get them like any other text."},
		{Name: ReplyToUnroutable, Title: "Answer what no bot gets", Kind: Bool, Default: "false",
			Help: "true: whoever sends a message that no route leads to a bot gets an answer."},
		{Name: UnroutableReply, Title: "That answer", Kind: Text, Default: defaultUnroutableAnswer,
			Help: "What such a person is told. A session ends with it."},
	}
}
