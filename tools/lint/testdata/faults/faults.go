// Package faults has one fault for each linter, and the ways to silence one.
package faults

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"time"
)

// Unchecked drops an error.
func Unchecked() {
	os.Remove("a") // want: errcheck
}

// Silenced drops an error with a reason.
func Silenced() {
	//lint:ignore errcheck the file may be gone
	os.Remove("a")
}

// Unreasoned drops an error without one.
func Unreasoned() {
	//lint:ignore errcheck
	os.Remove("a") // want: compile errcheck
}

// Foreign tries another linter's way.
func Foreign() {
	os.Remove("a") //nolint:errcheck // want: errcheck foreignignores
}

// Needless silences nothing.
func Needless() int {
	//lint:ignore errcheck there is no error // want: staticcheck
	return 1
}

// Ineffective assigns in vain.
func Ineffective() (string, error) {
	name, err := os.Hostname() // want: ineffassign SA4006
	name, err = os.Getwd()
	return name, err
}

// Body leaves a response body open.
func Body() (int, error) {
	response, err := http.Get("http://localhost") // want: bodyclose
	if err != nil {
		return 0, err
	}
	return response.StatusCode, nil
}

// Rows leaves rows open.
func Rows(ctx context.Context, db *sql.DB) (bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT 1") // want: sqlclosecheck
	if err != nil {
		return false, err
	}
	return rows.Next(), rows.Err()
}

// Sleep waits for one nanosecond, and surely meant more.
func Sleep() {
	time.Sleep(1) // want: SA1004
}

func unused() {} // want: U1000

// The wrong beginning. // want: ST1020
func Exported() {}
