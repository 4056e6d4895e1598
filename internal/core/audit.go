package core

import "context"

// Auditor notes changes that people make to an account: who changed what, and when. It is called inside the transaction
// of the change. detail is anything that encodes to JSON; it never holds secrets.
type Auditor interface {
	Audit(ctx context.Context, account, action, object string, detail any) error
}
