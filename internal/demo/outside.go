package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Outside plays what stands around a server of an organisation, so that the demonstration needs no network: a clinic
// directory that the registration bot asks, the providers of SMS and voice, and a help desk that is an application of its own behind
// the HTTP API. It is one small HTTP server on this machine's loopback address.
type Outside struct {
	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup
	desk     helpdesk
}

// OpenOutside begins to serve, on the given address if it is free: it is the one of an earlier start, and need not be
// told to bots and channels again then. An empty address is any.
func OpenOutside(ctx context.Context, address string) (*Outside, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", orAny(address))
	if err != nil {
		listener, err = config.Listen(ctx, "tcp", orAny(""))
	}
	if err != nil {
		return nil, fmt.Errorf("clinic directory, provider and help desk of the demonstration: %w", err)
	}
	o := &Outside{listener: listener}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+clinicsPath+"/{code}", clinic)
	mux.HandleFunc("POST "+providerPath+"/version1/messaging", takeSMS)
	mux.HandleFunc("POST "+twilioPath+"/2010-04-01/Accounts/{account}/Calls.json", placeCall)
	mux.Handle("POST "+helpdeskPath, &o.desk)
	o.server = &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	o.serving.Go(func() {
		// A failure shows where it matters: the bot says that it cannot look up clinics, messages are not sent.
		_ = o.server.Serve(listener)
	})
	return o, nil
}

func orAny(address string) string {
	if address == "" {
		return "127.0.0.1:0"
	}
	return address
}

// Addr returns the address of the outside, as HOST:PORT.
func (o *Outside) Addr() string { return o.listener.Addr().String() }

// Meet tells the help desk how to answer, and where the server is.
func (o *Outside) Meet(f *Facts, server net.Addr) { o.desk.meet(f, server) }

// Close ends the outside.
func (o *Outside) Close() error {
	err := o.server.Close()
	o.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
