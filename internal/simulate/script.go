package simulate

import (
	"encoding/json"
	"regexp"
	"time"
)

// A script is one file of conversations. Files look like this:
//
//	channel: ussd                       # ussd, sms or chat; by default what the bot's delivery class says
//	now: 2026-03-01T10:00:00+02:00      # the clock at the beginning of each conversation
//	http:
//	  - get: https://clinics.example.org/code
//	    params: {code: "123456"}
//	    reply: {json: {name: Zola Clinic}}
//	conversations:
//	  - name: registers a mother
//	    steps:
//	      - dial
//	      - bot: |-
//	          Welcome.
//	          1. Register
//	      - user: 1
//	      - bot: {match: "^What is your name"}
//	      - user: Thandi
//	      - bot: Thank you.
//	        ends: true
//	        sends: [{endpoint: sms, to: "+27821234567", text: You are registered.}]
//	    after:
//	      contact: {name: Thandi, groups: [mothers]}
//
// What stands in [setting] may stand at the top, for all conversations, or in one of them: channel, limit, from, to, now,
// config, contact (the person's own), contacts, groups, kv, optouts, can_manage_optouts and http. Steps are
//
//	dial, hangup, push     the person begins or ends a session, or an operator lets the bot begin; dial: CONTENT
//	user: TEXT             the person writes; on: ENDPOINT sends it to another endpoint than default
//	wait: 2h               time goes by; 3d and 1d12h are possible, too
//	event: ack             of the newest message, or {type: nack, reason: …} or {type: delivery, status: failed, to: …}
//	bot: TEXT              the next reply, or {match: PATTERN}, or null for silence; beside it ends, segments and sends
//	sends: [...]           all messages since the person spoke that are no replies: endpoint, to, text; each may be left out
//
// Replies that no step looks at are not checked, but where one does, none may be left over. Any message that is longer
// than its channel takes, any line in the bot's log at level ERROR that after.errors does not name, and any HTTP request
// that no fixture answers, fails the conversation.
type script struct {
	path          string // as it is shown
	text          string
	app           string // which app of a folder that builds several
	conversations []*conversation
}

// A conversation is played on an account and with an address of its own, so that it depends on no other.
type conversation struct {
	setting
	name  string
	line  int
	steps []step
	after after
}

// A setting is what a conversation finds when it begins. What stands in a conversation comes before what stands at the
// top of its file: single values win, lists and mappings are joined.
type setting struct {
	channel  string // ussd, sms or chat; empty: what the bot's delivery class says
	limit    int    // the most units of one message; 0: the channel's
	from     string // the person's address
	to       string // the bot's address
	now      time.Time
	config   map[string]any             // configuration keys; an object is laid over the bot's own
	contact  map[string]json.RawMessage // the person's own contact; nil: nobody knows the person
	contacts []map[string]json.RawMessage
	groups   []groupFixture
	kv       map[string]json.RawMessage
	optouts  []string // telephone numbers
	http     []*fixture
	// mayOptOut says whether the account may manage opt-outs (docs/spec/vumi-sandbox.md 9.9); nil means that it may.
	mayOptOut *bool
}

// A groupFixture is a group of contacts that is there before a conversation. Static groups are also made by naming them
// in a contact.
type groupFixture struct {
	name  string
	query *string // of a smart group
}

// The kinds of steps.
type stepKind int

const (
	stepDial   stepKind = iota // the person begins a session
	stepUser                   // the person sends text
	stepHangUp                 // the person ends the session
	stepWait                   // time goes by
	stepEvent                  // the provider tells what became of a message
	stepPush                   // an operator lets the bot begin
	stepBot                    // the bot must have answered
	stepSends                  // the bot must have sent messages that are no replies
)

// input reports whether a step makes something happen.
func (k stepKind) input() bool { return k < stepBot }

// A step is one item of a conversation's list.
type step struct {
	kind     stepKind
	line     int
	text     string // of dial (may be empty) and user; of wait and event, as it is shown
	endpoint string // of user: the endpoint of the bot that it goes to
	wait     time.Duration
	event    eventStep
	expect   expectation
	ends     *bool // of bot: whether the session is to end
	segments int   // of bot: in how many SMS the reply is to travel; 0: any
	sends    []sendExpectation
	hasSends bool
}

// An eventStep is what the provider says of the newest message to an address.
type eventStep struct {
	kind   string // ack, nack or delivery
	to     string // whose message; empty: the person's
	status string // of a delivery: delivered, failed or pending
	reason string // of a nack
}

// An expectation is about one text.
type expectation struct {
	text  string
	match *regexp.Regexp // instead of text
	none  bool           // nothing may be said
	place textPlace      // where text stands in the file
}

// A textPlace is where a text stands in a file, for rewriting it.
type textPlace struct {
	line, column int  // of the value; from 1
	parent       int  // column of the mapping that the value's key stands in
	inline       bool // inside { } or [ ]: not rewritten
}

// A sendExpectation is about one message that is no reply. Empty fields are not looked at.
type sendExpectation struct {
	endpoint string
	to       string
	expect   expectation
	any      bool // the text is not looked at
}

// after is what must be so when a conversation is over. Nil fields are not looked at.
type after struct {
	contact    map[string]json.RawMessage // of the person; fields that are not named are not looked at
	noContact  bool
	contactAt  int // line
	kv         map[string]json.RawMessage
	kvAt       int
	metrics    map[string]json.RawMessage
	metricsAt  int
	optouts    []string
	hasOptouts bool
	optoutsAt  int
	log        []string
	logAt      int
	// errors are texts of log lines at level ERROR or above. Without them any such line fails the conversation.
	errors   []string
	errorsAt int
}
