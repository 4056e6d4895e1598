package twilio

import (
	"encoding/json"
	"errors"
	"strconv"

	"indaba/internal/channel"
)

// explain takes Twilio's own code for more precise than the HTTP status.
func (a *Account) explain(err error, answer *channel.Response, attempt int) error {
	failure, ok := errors.AsType[*channel.SendError](err)
	if !ok || answer == nil || answer.Status < 300 { // a 2xx answer that broke off is no refusal, whatever is left of it
		return err
	}
	var problem struct {
		Code    int
		Message string
	}
	if json.Unmarshal(answer.Body, &problem) != nil || problem.Code == 0 {
		return failure
	}
	failure.Code = strconv.Itoa(problem.Code)
	if problem.Message != "" {
		failure.Message = a.config.HTTP.Hide(problem.Message)
	}
	if class, known := class(problem.Code, attempt); known {
		failure.Class = class
	}
	return failure
}

// class says what an error code of Twilio means.
func class(code, attempt int) (c channel.Class, known bool) {
	switch code {
	case 20003, 10001, 20005: // authentication, account not active
		return channel.AccountFault, true
	case 20429, 10004: // too many requests, too many calls at once
		return channel.Retry, true
	case 21610, 30004, // the recipient said STOP, or is blocked
		21214, 21216: // the number cannot be called, or may not
		return channel.Recipient, true
	case 30001, 30008: // queue overflow, unknown error: worth one more attempt
		if attempt <= 1 {
			return channel.Retry, true
		}
		return channel.Permanent, true
	case 14107, // too many replies between two numbers: two robots are talking, so do not go on
		21211, 21408, 21614, // not a number, no permission for the region, not a mobile number
		21210, 21212, 21215, 21217, // our number is not ours, no permission to call the region, not a number
		30005, 30006, 30007: // unknown number, landline, filtered
		return channel.Permanent, true
	default:
		return "", false
	}
}
