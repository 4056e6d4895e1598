package simulate_test

import (
	"bytes"
	"testing"

	"indaba/internal/simulate"
)

// The bot's choice 8 gets https://clinics.example.org/code?code=123 and says what came back.
const getCode = "{get: 'https://clinics.example.org/code', params: {code: 123}, reply: {json: {name: Zola}}}"

func TestFixturesAnswer(t *testing.T) {
	script := `
http:
- ` + getCode + `
conversations:
- name: json
  steps: [dial, user: 8, bot: {match: '^200 \{"name":"Zola"\}$'}]
- name: the conversation's own comes first, and then the next
  http:
  - {get: 'https://CLINICS.example.org/code?code=123', times: 1, reply: {status: 404, text: no such code}}
  steps: [dial, user: 8, bot: {match: ^404 no such code$}, user: 8, bot: {match: ^200}]
- name: no answer
  http:
  - {get: 'https://clinics.example.org/code?code=123', headers: {user-agent: Indaba}, error: the line is dead}
  steps: [dial, user: 8, bot: {match: the line is dead}]
- name: an empty page
  http:
  - {get: 'https://clinics.example.org/code', params: {code: ['123']}, body: '', reply: {status: 204, headers: {X-A: b}}}
  steps: [dial, user: 8, bot: {match: '^204 $'}]
`
	var out bytes.Buffer
	report, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: folder(t, script)}, &out)
	if err != nil || !report.OK() || report.Conversations != 4 {
		t.Errorf("%+v, %v\n%s", report, err, out.String())
	}
}

func TestRequestsWithoutFixture(t *testing.T) {
	script := `
conversations:
- name: none at all
  steps: [dial, user: 8]
- name: another host
  http: [{get: 'https://example.org/code?code=123', reply: {}}]
  steps: [dial, user: 8]
- name: other parameters
  http: [{get: 'https://clinics.example.org/code', params: {code: 124}, reply: {}}]
  steps: [dial, user: 8]
- name: no parameters
  http: [{get: 'https://clinics.example.org/code', reply: {}}]
  steps: [dial, user: 8]
- name: another header
  http: [{get: 'https://clinics.example.org/code?code=123', headers: {Authorization: Token abc}, reply: {}}]
  steps: [dial, user: 8]
- name: another body
  http: [{get: 'https://clinics.example.org/code?code=123', body: hello, reply: {}}]
  steps: [dial, user: 8]
- name: a pattern
  http: [{get: 'https://clinics.example.org/code?code=123', body: {match: ^h}, reply: {}}]
  steps: [dial, user: 8]
- name: json
  http: [{get: 'https://clinics.example.org/code?code=123', json: {a: 1}, reply: {}}]
  steps: [dial, user: 8]
- name: used up
  http: [{get: 'https://clinics.example.org/code?code=123', times: 1, reply: {}}]
  steps: [dial, user: 8, user: 8]
- name: not used
  http: [{get: 'https://clinics.example.org/code?code=123', times: 2, reply: {}}]
  steps: [dial, user: 8]
`
	var out bytes.Buffer
	report, err := simulate.Test(t.Context(), simulate.TestOptions{Dir: folder(t, script)}, &out)
	if err != nil || report.Failed != report.Conversations {
		t.Errorf("%+v, %v", report, err)
	}
	golden(t, "http.txt", out.String())
}
