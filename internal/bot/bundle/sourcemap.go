package bundle

import (
	"encoding/json"
	"fmt"
	"strings"
)

// readSourceMap makes segments of a source map, one for each line of the script that begins elsewhere than one line
// after the line before it.
func readSourceMap(data []byte) ([]Segment, error) {
	var m struct {
		Sources  []string `json:"sources"`
		Mappings string   `json:"mappings"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading the source map: %w", err)
	}
	var segments []Segment
	file, fileLine := 0, 0
	for i, line := range strings.Split(m.Mappings, ";") {
		first := true
		for mapping := range strings.SplitSeq(line, ",") {
			fields := decodeVLQ(mapping)
			if len(fields) < 4 {
				continue
			}
			file, fileLine = file+fields[1], fileLine+fields[2]
			if !first || file < 0 || file >= len(m.Sources) {
				continue
			}
			first = false
			name := strings.TrimPrefix(m.Sources[file], namespace+":")
			segments = appendSegment(segments, Segment{File: name, Line: i + 1, FileLine: fileLine + 1})
		}
	}
	return segments, nil
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// decodeVLQ reads the numbers of one mapping: base 64, five bits a digit, lowest first, the lowest bit of a number its sign.
func decodeVLQ(text string) []int {
	var numbers []int
	value, shift := 0, 0
	for i := range len(text) {
		digit := strings.IndexByte(base64Digits, text[i])
		if digit < 0 || shift > 30 {
			return nil
		}
		value |= digit & 31 << shift
		if shift += 5; digit&32 != 0 {
			continue
		}
		if number := value >> 1; value&1 != 0 {
			numbers = append(numbers, -number)
		} else {
			numbers = append(numbers, number)
		}
		value, shift = 0, 0
	}
	return numbers
}
