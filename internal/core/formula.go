package core

import "strings"

// Spreadsheets run cells that begin with certain characters as formulas, and what people send to a bot ends up in cells.
// Such text is written with an apostrophe before it, which spreadsheets take for "this is text".
// Numbers are left alone: a telephone number with its plus does nothing in a spreadsheet, and programs expect it as it is
// (docs/decisions/0015).

// GuardFormula returns a text as it is written into a file for spreadsheets.
func GuardFormula(text string) string {
	if isFormula(strings.TrimLeft(text, "'")) {
		return "'" + text
	}
	return text
}

// UnguardFormula returns the text that [GuardFormula] was given.
func UnguardFormula(text string) string {
	if rest, marked := strings.CutPrefix(text, "'"); marked && isFormula(strings.TrimLeft(text, "'")) {
		return rest
	}
	return text
}

func isFormula(text string) bool {
	if text == "" || !strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return false
	}
	digits := strings.TrimLeft(text[:1], "+-") + text[1:]
	return digits == "" || strings.Trim(digits, "0123456789") != ""
}
