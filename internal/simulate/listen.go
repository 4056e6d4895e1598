package simulate

import (
	"context"
	"time"
)

// listen begins to listen for messages to an address, and forgets any other.
func (x *exchange) listen(ctx context.Context, address string) error {
	x.hush()
	ctx, x.hush = context.WithCancel(ctx)
	var after int64
	old, err := x.phone.listen(ctx, address, 0, 0)
	if err != nil {
		return err
	}
	for _, m := range old {
		after = max(after, m.Seq)
	}
	x.ears.Go(func() {
		for {
			got, err := x.phone.listen(ctx, address, after, 25*time.Second)
			if ctx.Err() != nil {
				return
			}
			for _, m := range got {
				after = max(after, m.Seq)
				x.deliver(ctx, arrival{address: address, message: m})
			}
			if err != nil {
				x.deliver(ctx, arrival{err: err})
				return
			}
		}
	})
	return nil
}

func (x *exchange) deliver(ctx context.Context, a arrival) {
	select {
	case x.arrivals <- a:
	case <-ctx.Done():
	}
}
