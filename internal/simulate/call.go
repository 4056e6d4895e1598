package simulate

import (
	"encoding/json"
	"strconv"

	"indaba/internal/bot"
)

// A call is one command that a bot's script sent, with the answer.
type call struct {
	name    string
	args    map[string]json.RawMessage
	success bool
}

// callsOf reads the commands of a recorded turn, in order.
func callsOf(r bot.Record) []call {
	var all []call
	byID := map[string]int{}
	for _, entry := range r.Trace {
		if at, ok := byID[entry.ID]; ok && entry.ID != "" {
			var reply struct {
				Success bool `json:"success"`
			}
			all[at].success = json.Unmarshal([]byte(entry.Payload), &reply) == nil && reply.Success
		}
		for _, text := range entry.Commands {
			c := call{}
			if json.Unmarshal([]byte(text), &c.args) != nil {
				continue
			}
			c.name = c.text("cmd")
			byID[c.text("cmd_id")] = len(all)
			all = append(all, c)
		}
	}
	return all
}

// text returns an argument that is a text, or "".
func (c call) text(name string) string {
	var text string
	if json.Unmarshal(c.args[name], &text) != nil {
		return ""
	}
	return text
}

// number returns an argument that is a number, or a text that says one.
func (c call) number(name string) float64 {
	var value float64
	if json.Unmarshal(c.args[name], &value) == nil {
		return value
	}
	value, _ = strconv.ParseFloat(c.text(name), 64) // 0 when it is neither
	return value
}
