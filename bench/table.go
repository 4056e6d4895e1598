package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// table is what one scenario found.
type table struct {
	title string
	rows  [][5]string
}

// row is one figure with what it is compared to: a floor of the same run and its ratio to it, and the bar.
func (t *table) row(what, figure, floor, ratio, bar string) {
	t.rows = append(t.rows, [5]string{what, figure, floor, ratio, bar})
}

func (t *table) write(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "\n%s\n", t.title); err != nil {
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, "  what\tfigure\tfloor\tratio\tbar") // Flush tells of errors
	for _, r := range t.rows {
		_, _ = fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\t%s\n", r[0], r[1], r[2], r[3], r[4])
	}
	return tw.Flush()
}

func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }

func rateText(perSecond float64) string { return fmt.Sprintf("%.0f/s", perSecond) }

func ratioText(a, b float64) string {
	if b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}

// quantile returns the value below which the given part of the sample lies. It sorts the sample.
func quantile(sample []time.Duration, part float64) time.Duration {
	if len(sample) == 0 {
		return 0
	}
	slices.Sort(sample)
	return sample[min(int(float64(len(sample))*part), len(sample)-1)]
}

func percentiles(sample []time.Duration) string {
	return fmt.Sprintf("p50 %s, p99 %s", short(quantile(sample, 0.5)), short(quantile(sample, 0.99)))
}

func short(d time.Duration) string {
	digits := 2
	if d < time.Millisecond {
		digits = 3
	}
	return fmt.Sprintf("%.*f ms", digits, float64(d.Microseconds())/1000)
}
