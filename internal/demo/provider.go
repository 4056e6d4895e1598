package demo

import (
	"net/http"

	"indaba/internal/core"
)

// providerPath is below which the provider answers, as Africa's Talking does.
const providerPath = "/africastalking"

// twilioPath is below which the provider answers, as Twilio does.
const twilioPath = "/twilio"

// placeCall takes an order for a call. Nobody picks up: a person on this line is played by whoever posts to the channel's
// webhook, signed as Twilio signs.
func placeCall(w http.ResponseWriter, r *http.Request) {
	to := r.PostFormValue("To")
	if to == "" {
		answer(w, http.StatusBadRequest, map[string]any{"code": 21201, "message": "No 'To' number specified"})
		return
	}
	answer(w, http.StatusCreated, map[string]string{"sid": "CA" + core.NewKey(), "status": "queued", "to": to})
}

// takeSMS takes an SMS and shows it to nobody: what was sent stands in the message log.
func takeSMS(w http.ResponseWriter, r *http.Request) {
	to := r.PostFormValue("to")
	if to == "" || r.PostFormValue("message") == "" {
		http.Error(w, "to and message are required", http.StatusBadRequest)
		return
	}
	type recipient struct {
		StatusCode int    `json:"statusCode"`
		Number     string `json:"number"`
		Status     string `json:"status"`
		Cost       string `json:"cost"`
		MessageID  string `json:"messageId"`
	}
	answer(w, http.StatusCreated, map[string]any{"SMSMessageData": map[string]any{"Message": "Sent to 1/1",
		"Recipients": []recipient{{101, to, "Success", "ZAR 0.0000", "ATXid_" + core.NewKey()}}}})
}
