package twilio

import (
	"context"
	"net/url"
	"strconv"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// Receive takes messages at the channel's URL, and delivery reports at status.
func (a *adapter) Receive(_ context.Context, r *channel.Request) (channel.Received, error) {
	form, err := a.account.Form(r)
	if err != nil {
		return channel.Received{}, err
	}
	switch r.Path {
	case "", "receive":
		return receiveMessage(form)
	case "status":
		return receiveStatus(form, r.Query.Get("message"))
	default:
		return channel.Received{}, core.Errorf(core.NotFound, "the webhook URL ends in a word too many")
	}
}

func receiveMessage(form url.Values) (channel.Received, error) {
	text := form.Get("Body")
	m := channel.Message{
		ExternalID: form.Get("MessageSid"),
		From:       channel.Phone(form.Get("From")),
		To:         channel.Phone(form.Get("To")),
		Content:    &text,
		Metadata:   media(form),
	}
	if m.ExternalID == "" || m.From == "" {
		return channel.Received{}, core.Errorf(core.Invalid, "MessageSid and From are required")
	}
	silence := &channel.Answer{ContentType: "text/xml", Body: []byte("<Response/>")}
	return channel.Received{Messages: []channel.Message{m}, Answer: silence, Duplicate: silence}, nil
}

// media lists what came with a message; nil when nothing did.
func media(form url.Values) map[string]any {
	n, err := strconv.Atoi(form.Get("NumMedia"))
	if err != nil {
		return nil
	}
	var list []map[string]any
	for i := range min(n, 10) { // Twilio's own limit
		number := strconv.Itoa(i)
		if address := form.Get("MediaUrl" + number); address != "" {
			list = append(list, map[string]any{"url": address, "type": form.Get("MediaContentType" + number)})
		}
	}
	if list == nil {
		return nil
	}
	return map[string]any{"attachments": list}
}

func receiveStatus(form url.Values, messageID string) (channel.Received, error) {
	update := channel.StatusUpdate{
		ExternalID: form.Get("MessageSid"),
		MessageID:  messageID,
		Address:    channel.Phone(form.Get("To")),
	}
	if update.ExternalID == "" {
		return channel.Received{}, core.Errorf(core.Invalid, "MessageSid is required")
	}
	switch word := form.Get("MessageStatus"); word {
	case "accepted", "scheduled", "queued", "sending", "sent":
		update.Status = core.Sent // Twilio has it: that settles a message of unknown fate
	case "delivered":
		update.Status = core.Delivered
	case "read":
		update.Status = core.Read
	case "undelivered", "failed", "canceled":
		update.Status, update.Reason = core.Failed, word
		if code := form.Get("ErrorCode"); code != "" {
			update.Reason += ": error " + code
		}
	default:
		return channel.Received{}, core.Errorf(core.Invalid, "MessageStatus %q is not known", word)
	}
	return channel.Received{Statuses: []channel.StatusUpdate{update}}, nil
}
