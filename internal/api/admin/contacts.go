package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"indaba/internal/api"
	"indaba/internal/core"
	"indaba/internal/transfer"
)

// upload is POST contacts/imports: the body is the file, the query says what to do with it (docs/spec/admin.md 2.3).
func (f *face) upload(w http.ResponseWriter, r *api.Request) error {
	if err := bare(r.Header); err != nil {
		return err
	}
	spec, err := readSpec(r)
	if err != nil {
		return err
	}
	leave, err := f.uploads.Enter(r.Account())
	if err != nil {
		return err
	}
	defer leave()
	im, err := f.Transfer.Upload(r.Context(), r.Account(), spec, patient(w, r.Request.Body))
	if err != nil {
		return err
	}
	w.Header().Set("Location", Prefix+"contacts/imports/"+im.Key)
	return api.WriteJSON(w, http.StatusAccepted, jsonType, im)
}

// bare refuses a body that has the file wrapped up in something else: rows would be made of the wrapping.
func bare(header http.Header) error {
	if kind := strings.ToLower(strings.TrimSpace(header.Get("Content-Type"))); strings.HasPrefix(kind, "multipart/") {
		return core.Errorf(core.Invalid, "the body is a form with a file in it: send the file alone, as curl --data-binary @FILE does")
	}
	if coding := header.Get("Content-Encoding"); coding != "" {
		return core.Errorf(core.Invalid, "the file comes in the Content-Encoding %q: send it as it is", coding)
	}
	return nil
}

// readSpec reads the query of an upload.
func readSpec(r *api.Request) (transfer.Spec, error) {
	var spec transfer.Spec
	query, err := r.Query()
	if err != nil {
		return spec, err
	}
	switches := map[string]*bool{"create_groups": &spec.CreateGroups, "strict": &spec.Strict, "dry_run": &spec.DryRun, "again": &spec.Again}
	texts := map[string]*string{"name": &spec.Name, "format": &spec.Format, "encoding": &spec.Encoding, "delimiter": &spec.Delimiter,
		"match": &spec.Match, "country_code": &spec.CountryCode, "mode": (*string)(&spec.Mode)}
	for name, values := range query {
		value := values[len(values)-1]
		switch {
		case texts[name] != nil:
			*texts[name] = value
		case switches[name] != nil:
			if *switches[name], err = strconv.ParseBool(value); err != nil {
				return spec, core.Errorf(core.Invalid, "%s is %q: write true or false", name, value)
			}
		case name == "group":
			spec.Groups = values
		case name == "map":
			if spec.Map, err = transfer.ParseMap(values); err != nil {
				return spec, err
			}
		default:
			return spec, unknownParameter(name)
		}
	}
	return spec, nil
}

// unknownParameter is the answer to a slip of the pen, which would else be taken for nothing.
func unknownParameter(name string) error {
	return core.Errorf(core.Invalid, "there is no parameter %q", name)
}

// only refuses parameters that are not among the known.
func only(query url.Values, known ...string) error {
	for name := range query {
		if !slices.Contains(known, name) {
			return unknownParameter(name)
		}
	}
	return nil
}

// valued refuses parameters that are given and empty: a variable of a script that was never set must not choose everything.
func valued(query url.Values, names ...string) error {
	for _, name := range names {
		if slices.ContainsFunc(query[name], func(value string) bool { return strings.TrimSpace(value) == "" }) {
			return core.Errorf(core.Invalid, "%s is empty: give it a value, or leave it away", name)
		}
	}
	return nil
}

// listImports is GET contacts/imports.
func (f *face) listImports(w http.ResponseWriter, r *api.Request) error {
	query, err := r.Query()
	if err != nil {
		return err
	}
	if err := only(query, "cursor", "limit"); err != nil {
		return err
	}
	limit := 100
	if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > transfer.MaxPage {
			return core.Errorf(core.Invalid, "limit is %q: write a number from 1 to %d", text, transfer.MaxPage)
		}
	}
	page := struct {
		Imports []*transfer.Import `json:"imports"`
		Next    string             `json:"next,omitempty"` // cursor of the next page
	}{Imports: []*transfer.Import{}}
	found, err := f.Transfer.List(r.Context(), r.Account(), query.Get("cursor"), limit)
	if err != nil {
		return err
	}
	page.Imports = append(page.Imports, found...)
	if len(found) == limit {
		page.Next = found[limit-1].Key
	}
	return api.WriteJSON(w, http.StatusOK, jsonType, page)
}

// getImport is GET contacts/imports/{key}.
func (f *face) getImport(w http.ResponseWriter, r *api.Request) error {
	im, err := f.Transfer.Get(r.Context(), r.Account(), r.Param("key"))
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, jsonType, im)
}

// resumeImport is POST contacts/imports/{key}/resume.
func (f *face) resumeImport(w http.ResponseWriter, r *api.Request) error {
	im, err := f.Transfer.Resume(r.Context(), r.Account(), r.Param("key"), false)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusAccepted, jsonType, im)
}

// discardImport is DELETE contacts/imports/{key}.
func (f *face) discardImport(w http.ResponseWriter, r *api.Request) error {
	if err := f.Transfer.Discard(r.Context(), r.Account(), r.Param("key")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// report is GET contacts/imports/{key}/report: JSON lines, all or those of one outcome.
func (f *face) report(w http.ResponseWriter, r *api.Request) error {
	query, err := r.Query()
	if err != nil {
		return err
	}
	if err := only(query, "outcome"); err != nil {
		return err
	}
	if err := valued(query, "outcome"); err != nil {
		return err
	}
	var outcome transfer.Outcome
	if name := query.Get("outcome"); name != "" {
		var ok bool
		if outcome, ok = transfer.ParseOutcome(name); !ok {
			return core.Errorf(core.Invalid, "there is no outcome %q: choose created, updated, unchanged or skipped", name)
		}
	}
	leave, err := f.downloads.Enter(r.Account())
	if err != nil {
		return err
	}
	defer leave()
	lines := api.NewLines(w, "application/jsonl")
	if err := f.Transfer.Report(r.Context(), r.Account(), r.Param("key"), outcome, func(row transfer.Row) error {
		return lines.Write(row)
	}); err != nil {
		return err
	}
	return lines.Flush()
}

// export is GET contacts/export: a file of all contacts, those of a group, or those that a query matches.
func (f *face) export(w http.ResponseWriter, r *api.Request) error {
	query, err := r.Query()
	if err != nil {
		return err
	}
	parameters := []string{"format", "query", "group", "columns"}
	if err := only(query, parameters...); err != nil {
		return err
	}
	if err := valued(query, parameters...); err != nil {
		return err
	}
	var columns []string
	if text := query.Get("columns"); text != "" {
		columns = strings.Split(text, ",")
	}
	leave, err := f.downloads.Enter(r.Account())
	if err != nil {
		return err
	}
	defer leave()
	e, err := f.Transfer.Export(r.Context(), r.Account(), transfer.Selection{Group: query.Get("group"), Query: query.Get("query")}, columns)
	if err != nil {
		return err
	}
	d := newDownload(w)
	switch format := query.Get("format"); format {
	case "", transfer.CSV:
		d.contentType, d.name = "text/csv; charset=utf-8; header=present", "contacts.csv"
		_, err = e.CSV(r.Context(), d)
	case transfer.JSONL:
		if columns != nil {
			return core.Errorf(core.Invalid, "columns are for the format csv")
		}
		d.contentType, d.name = "application/jsonl", "contacts.jsonl"
		_, err = e.JSONL(r.Context(), d)
	default:
		return core.Errorf(core.Invalid, "there is no format %q: choose csv or jsonl", format)
	}
	return errors.Join(err, d.end(err))
}
