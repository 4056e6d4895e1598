package vumi

import (
	"encoding/json"
	"maps"
	"slices"

	"indaba/internal/api"
)

// shape refuses a value that has another one, with a fault. at says where the value stands.
type shape func(at string, value json.RawMessage) error

// isText takes texts.
func isText(at string, value json.RawMessage) error {
	if value[0] != '"' {
		return failed("error: " + at + " must be a text")
	}
	return nil
}

// isObject takes objects with these members and perhaps others.
func isObject(members map[string]shape) shape {
	names := slices.Sorted(maps.Keys(members))
	return func(at string, value json.RawMessage) error {
		fields, ok := api.Object(value)
		if !ok {
			return failed("error: " + at + " must be an object")
		}
		for _, name := range names {
			field, ok := fields[name]
			if !ok {
				return failed("error: " + at + " has no " + name)
			}
			if err := members[name](at+"."+name, field); err != nil {
				return err
			}
		}
		return nil
	}
}

// isList takes lists of such items.
func isList(item shape) shape {
	return func(at string, value json.RawMessage) error {
		_, err := items(at, value, item)
		return err
	}
}

func items(at string, value json.RawMessage, item shape) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if value[0] != '[' || json.Unmarshal(value, &list) != nil {
		return nil, failed("error: " + at + " must be a list")
	}
	for _, one := range list {
		if err := item("an item of "+at, one); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// isTag takes pool and tag, two texts.
func isTag(at string, value json.RawMessage) error {
	list, err := items(at, value, isText)
	if err == nil && len(list) != 2 {
		err = failed("error: " + at + " must be a pool and a tag")
	}
	return err
}

// tableShape is that of a routing table (docs/spec/vumi-http.md 7.2).
func tableShape() shape {
	ends := isList(isObject(map[string]shape{"uuid": isText, "name": isText}))
	end := isObject(map[string]shape{"uuid": isText})
	return isObject(map[string]shape{
		"channels": isList(isObject(map[string]shape{
			"uuid": isText, "tag": isTag, "name": isText, "description": isText, "endpoints": ends})),
		"routers": isList(isObject(map[string]shape{"uuid": isText, "type": isText, "name": isText,
			"description": isText, "channel_endpoints": ends, "conversation_endpoints": ends})),
		"conversations": isList(isObject(map[string]shape{
			"uuid": isText, "type": isText, "name": isText, "description": isText, "endpoints": ends})),
		"routing_entries": isList(isObject(map[string]shape{"source": end, "target": end})),
	})
}
