package cli

import (
	"context"
	"strconv"
	"time"

	"indaba/internal/app"
	"indaba/internal/core"
	"indaba/internal/metric"
)

type metricCommands struct {
	List metricList `cmd:"" help:"List the names of an account's metrics."`
	Show metricShow `cmd:"" help:"Show the values of a metric over time."`
	Fire metricFire `cmd:"" help:"Store a value."`
}

type metricList struct {
	Prefix string `arg:"" optional:"" help:"Only names that begin with this, such as stores.default."`
}

func (c *metricList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		all, err := a.Metrics.Names(ctx, account, "", metric.MaxSeries)
		if err != nil {
			return err
		}
		names, rows := []string{}, [][]string{}
		for _, name := range all {
			if len(name) >= len(c.Prefix) && name[:len(c.Prefix)] == c.Prefix {
				names, rows = append(names, name), append(rows, []string{name})
			}
		}
		return i.table(names, []string{"NAME"}, rows)
	})
}

// metricName is the argument of commands on one metric.
type metricName struct {
	Name string `arg:"" help:"Its full name, such as stores.default.registrations.sum. The last part says how values of one time are put together: avg, sum, max, min or last."`
}

type metricShow struct {
	metricName
	Since    time.Duration `default:"24h" help:"How far back to look."`
	Interval time.Duration `default:"1h" help:"The time that one row stands for."`
	All      bool          `help:"Show times at which nothing was fired, too."`
}

func (c *metricShow) Run(i *invocation) error {
	if c.Since <= 0 || c.Interval < time.Second {
		return misused("--since must be more than nothing, and --interval at least 1s")
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		now := time.Now()
		buckets, found, err := a.Metrics.Read(ctx, account, metric.Request{Name: c.Name, From: now.Add(-c.Since), Until: now,
			Interval: c.Interval})
		if err == nil && !found {
			err = core.Errorf(core.NotFound, "nothing was ever fired as %s: see indaba metric list", c.Name)
		}
		if err != nil {
			return err
		}
		type view struct {
			At    time.Time `json:"at"`
			Value *float64  `json:"value"`
		}
		views, rows := []view{}, [][]string{}
		for _, b := range buckets {
			if b.Value == nil && !c.All {
				continue
			}
			value := ""
			if b.Value != nil {
				value = strconv.FormatFloat(*b.Value, 'g', -1, 64)
			}
			views, rows = append(views, view{b.Start, b.Value}), append(rows, []string{at(b.Start), value})
		}
		return i.table(views, []string{"FROM", "VALUE"}, rows)
	})
}

type metricFire struct {
	metricName
	Value float64 `arg:"" help:"A number; a negative one behind --, as in: indaba metric fire door.last -- -1."`
}

func (c *metricFire) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		if err := a.Metrics.Fire(ctx, account, []metric.Point{{Name: c.Name, Value: c.Value}}); err != nil {
			return err
		}
		return i.say(map[string]any{"name": c.Name, "value": c.Value}, "%s: %s stored.", c.Name,
			strconv.FormatFloat(c.Value, 'g', -1, 64))
	})
}
