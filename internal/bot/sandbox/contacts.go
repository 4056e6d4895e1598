package sandbox

import (
	"context"
	"encoding/json"
	"strings"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// The commands of contacts (docs/spec/vumi-sandbox.md 9.7).

func (h *host) contactsGet(ctx context.Context, a args) (fields, error) {
	class, address, err := h.addressOf(a)
	if err != nil {
		return nil, err
	}
	return contactReply(h.deps.Contacts.GetByAddress(ctx, h.turn.Bot.Account, class, address))
}

func (h *host) contactsGetOrCreate(ctx context.Context, a args) (fields, error) {
	class, address, err := h.addressOf(a)
	if err != nil {
		return nil, err
	}
	c, created, err := h.deps.Contacts.GetOrCreateByAddress(ctx, h.turn.Bot.Account, class, address)
	reply, err := contactReply(c, err)
	if err != nil {
		return nil, err
	}
	reply["created"] = created
	return reply, nil
}

// addressOf returns the delivery class and the address that a command is about. Without a class, that of the app's
// config counts.
func (h *host) addressOf(a args) (class, address string, err error) {
	address, ok := a.text("addr")
	if !ok {
		return "", "", fail("'addr' needs to be specified and be a unicode string")
	}
	if !a.has("delivery_class") {
		return h.settings.DeliveryClass, address, nil
	}
	if class, ok = a.text("delivery_class"); !ok {
		return "", "", fail("'delivery_class' needs to be specified and be a unicode string")
	}
	return class, address, nil
}

func (h *host) contactsGetByKey(ctx context.Context, a args) (fields, error) {
	key, ok := a.text("key")
	if !ok {
		return nil, fail("Expected 'key' field in request")
	}
	c, err := h.deps.Contacts.Get(ctx, h.turn.Bot.Account, key)
	return contactReply(c, namedByKey(key, err))
}

func (h *host) contactsNew(ctx context.Context, a args) (fields, error) {
	record, ok := a.object("contact")
	if !ok {
		return nil, errNoContact()
	}
	if args(record).null("msisdn") {
		delete(record, "msisdn")
	}
	changes, err := contact.ParseChanges(record)
	if err != nil {
		return nil, err
	}
	return contactReply(h.deps.Contacts.Create(ctx, h.turn.Bot.Account, changes.NewWithMsisdn(contact.UnknownMsisdn)))
}

func (h *host) contactsSave(ctx context.Context, a args) (fields, error) {
	record, ok := a.object("contact")
	if !ok {
		return nil, errNoContact()
	}
	key, ok := args(record).text("key")
	if !ok {
		return nil, fail("'key' needs to be specified as a field in 'contact' and be a unicode string")
	}
	if _, err := h.deps.Contacts.Get(ctx, h.turn.Bot.Account, key); err != nil {
		return nil, namedByKey(key, err)
	}
	delete(record, "key")
	delete(record, "$VERSION")
	if unknown := contact.UnknownFields(record); len(unknown) > 0 {
		for i := range unknown {
			unknown[i] = contact.PythonText(unknown[i])
		}
		return nil, fail("Unexpected extra initial fields [%s] passed to model Contact", strings.Join(unknown, ", "))
	}
	changes, err := contact.ParseChanges(record)
	if err != nil {
		return nil, err
	}
	whole, err := changes.New()
	if err != nil {
		return nil, err
	}
	whole.Key = key
	c, err := h.deps.Contacts.Save(ctx, h.turn.Bot.Account, whole)
	return contactReply(c, namedByKey(key, err))
}

func (h *host) contactsUpdate(ctx context.Context, a args) (fields, error) {
	key, record, err := keyAndFields(a)
	if err != nil {
		return nil, err
	}
	changes, err := contact.ParseChanges(record)
	if err != nil {
		return nil, err
	}
	c, err := h.deps.Contacts.Update(ctx, h.turn.Bot.Account, key, changes)
	return contactReply(c, namedByKey(key, err))
}

func (h *host) contactsUpdateExtras(ctx context.Context, a args) (fields, error) {
	return h.updateTexts(ctx, a, h.deps.Contacts.UpdateExtra)
}

func (h *host) contactsUpdateSubscriptions(ctx context.Context, a args) (fields, error) {
	return h.updateTexts(ctx, a, h.deps.Contacts.UpdateSubscription)
}

type updateTexts func(ctx context.Context, account, key string, texts map[string]string) (contact.Contact, error)

func (h *host) updateTexts(ctx context.Context, a args, update updateTexts) (fields, error) {
	key, record, err := keyAndFields(a)
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(record))
	for name := range record {
		text, ok := args(record).text(name)
		if !ok {
			return nil, fail("All field values need to be unicode")
		}
		texts[name] = text
	}
	c, err := update(ctx, h.turn.Bot.Account, key, texts)
	return contactReply(c, namedByKey(key, err))
}

func keyAndFields(a args) (key string, record map[string]json.RawMessage, err error) {
	key, ok := a.text("key")
	if !ok {
		return "", nil, fail("'key' needs to be specified and be a unicode string")
	}
	if record, ok = a.object("fields"); !ok {
		return "", nil, fail("'fields' needs to be specified and be a dict of field name-values pairs")
	}
	return key, record, nil
}

func (h *host) contactsSearch(ctx context.Context, a args) (fields, error) {
	query, ok := a.text("query")
	if !ok {
		return nil, fail("Expected 'query' field in request")
	}
	maxKeys := int64(-1)
	if !a.null("max_keys") {
		if maxKeys, ok = a.integer("max_keys"); !ok || maxKeys < 0 {
			return nil, fail("Value for parameter 'max_keys' is invalid")
		}
	}
	limit := int64(h.deps.found)
	if maxKeys < 0 || maxKeys > limit {
		maxKeys = limit + 1 // one more tells that there are too many
	}
	keys, err := h.deps.Contacts.Search(ctx, h.turn.Bot.Account, query, int(maxKeys))
	if core.KindOf(err) == core.Invalid {
		return nil, fail("Error running MapReduce: %s", core.SafeMessage(err))
	}
	if int64(len(keys)) > limit {
		return nil, fail("Error running MapReduce: the query matches more than %d contacts, narrow it or lower 'max_keys'", limit)
	}
	if keys == nil {
		keys = []string{}
	}
	return fields{"keys": keys}, err
}

func errNoContact() error {
	return fail("'contact' needs to be specified and be a dict of field name-value pairs")
}

// namedByKey gives the failure of a contact that is not there the words of this resource.
func namedByKey(key string, err error) error {
	if core.KindOf(err) == core.NotFound {
		return fail("Contact with key '%s' not found.", key)
	}
	return err
}

// contactReply returns a contact as scripts see it: the record of docs/spec/vumi-http.md 3.1 with its extras and
// subscriptions as members of their own.
func contactReply(c contact.Contact, err error) (fields, error) {
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	flat := map[string]any{}
	if err := json.Unmarshal(data, &flat); err != nil {
		return nil, err
	}
	delete(flat, "extra")
	delete(flat, "subscription")
	for name, text := range c.Extra {
		flat["extras-"+name] = text
	}
	for name, text := range c.Subscription {
		flat["subscription-"+name] = text
	}
	return fields{"contact": flat}, nil
}
