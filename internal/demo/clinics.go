package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// clinicsPath is where the clinic directory answers.
const clinicsPath = "/clinics"

// clinicNames are the clinics of the directory, by code.
func clinicNames() map[string]string {
	return map[string]string{"123456": "Zola Clinic", "234567": "Khayelitsha Clinic", "345678": "Umlazi Clinic"}
}

// Clinics is a clinic directory: a small HTTP server on this machine's loopback address that the registration bot asks
// for the clinic of a code.
type Clinics struct {
	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup
}

// OpenClinics begins to serve the directory, on the given address if it is free: it is the one of an earlier start, and
// need not be told to the bot again then. An empty address is any.
func OpenClinics(ctx context.Context, address string) (*Clinics, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", orAny(address))
	if err != nil {
		listener, err = config.Listen(ctx, "tcp", orAny(""))
	}
	if err != nil {
		return nil, fmt.Errorf("clinic directory: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+clinicsPath+"/{code}", clinic)
	c := &Clinics{listener: listener,
		server: &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}}
	c.serving.Go(func() {
		// A failure shows where it matters: the bot says that it cannot look up clinics.
		_ = c.server.Serve(listener)
	})
	return c, nil
}

func orAny(address string) string {
	if address == "" {
		return "127.0.0.1:0"
	}
	return address
}

// Addr returns the address of the directory, as HOST:PORT.
func (c *Clinics) Addr() string { return c.listener.Addr().String() }

// Close ends the directory.
func (c *Clinics) Close() error {
	err := c.server.Close()
	c.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// clinic answers with one clinic.
func clinic(w http.ResponseWriter, r *http.Request) {
	code := r.PathValue("code")
	name, ok := clinicNames()[code]
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]string{"code": code, "name": name}
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		answer = map[string]string{"error": "there is no clinic of this code"}
	}
	_ = json.NewEncoder(w).Encode(answer) // whoever asked may have gone
}
