package contact

import (
	"slices"
	"strings"

	"indaba/internal/core"
)

// A delivery class is a way to reach a person, as bots name it; each has a contact field for its addresses
// (docs/spec/vumi-sandbox.md 10). Several classes may share a field.
var deliveryClasses = []struct{ class, field string }{
	{"sms", "msisdn"},
	{"ussd", "msisdn"},
	{"voice", "msisdn"},
	{"gtalk", "gtalk_id"},
	{"twitter", "twitter_handle"},
	{"mxit", "mxit_id"},
	{"wechat", "wechat_id"},
	{"facebook", "facebook_id"},
	{"bbm", "bbm_pin"},
	{"whatsapp", "msisdn"},
}

// transportClasses are the transport types that are not named like their class.
var transportClasses = map[string]string{"smpp": "sms", "xmpp": "gtalk"}

// AddressFields returns the fields that hold addresses, sorted.
func AddressFields() []string {
	var fields []string
	for _, d := range deliveryClasses {
		fields = append(fields, d.field)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// ClassField returns the contact field for the addresses of a delivery class. An unknown class is core.Invalid.
func ClassField(class string) (string, error) {
	for _, d := range deliveryClasses {
		if d.class == class {
			return d.field, nil
		}
	}
	return "", core.Errorf(core.Invalid, "Unsupported transport_type %s", PythonText(class))
}

// ClassOf returns the delivery class of a transport type; what is not known is taken for "sms".
func ClassOf(transportType string) string {
	if class, ok := transportClasses[transportType]; ok {
		return class
	}
	if _, err := ClassField(transportType); err != nil {
		return "sms"
	}
	return transportType
}

// NormaliseAddress returns an address as contacts made by bots hold it: telephone numbers as + and digits, GTalk
// addresses without their resource, everything else as it is (docs/spec/vumi-sandbox.md 9.7).
func NormaliseAddress(field, address string) string {
	switch field {
	case "msisdn":
		return normaliseMsisdn(address)
	case "gtalk_id":
		bare, _, _ := strings.Cut(address, "/")
		return bare
	}
	return address
}

// normaliseMsisdn leaves alone what is no number, such as "unknown" and the names of senders.
func normaliseMsisdn(address string) string {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune("+ -.()", r) {
			return -1
		}
		return r
	}, address)
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return address
	}
	return "+" + digits
}

// Address returns the contact's address for a delivery class; ok is false when it has none, and for a telephone number
// that is not known.
func (c *Contact) Address(class string) (address string, ok bool) {
	field, err := ClassField(class)
	if err != nil {
		return "", false
	}
	if field == "msisdn" {
		return c.Msisdn, c.Msisdn != UnknownMsisdn
	}
	f, _ := textFieldNamed(field)
	if p := *f.at(c); p != nil {
		return *p, true
	}
	return "", false
}

// setAddress sets a field that holds addresses.
func (c *Contact) setAddress(field, address string) {
	if field == "msisdn" {
		c.Msisdn = address
		return
	}
	f, _ := textFieldNamed(field)
	*f.at(c) = &address
}

// hasAddress reports whether the field holds this very address.
func (c *Contact) hasAddress(field, address string) bool {
	if field == "msisdn" {
		return c.Msisdn == address
	}
	f, _ := textFieldNamed(field)
	p := *f.at(c)
	return p != nil && *p == address
}
