package admin

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// fileWait is how long a client may send or take nothing of a file before it counts as gone. It replaces the server's
// limits on whole requests and answers.
const fileWait = 30 * time.Second

// patient returns a body that may take as long as it comes.
func patient(w http.ResponseWriter, body io.Reader) io.Reader {
	return &upload{body, http.NewResponseController(w)}
}

type upload struct {
	body    io.Reader
	control *http.ResponseController
}

func (u *upload) Read(p []byte) (int, error) {
	until := time.Now().Add(fileWait)
	if err := u.control.SetReadDeadline(until); err != nil {
		return 0, fmt.Errorf("set the time for reading a file: %w", err)
	}
	// The file is looked at before there is an answer, which takes longer the larger it is.
	if err := u.control.SetWriteDeadline(until.Add(5 * time.Minute)); err != nil {
		return 0, fmt.Errorf("set the time for answering: %w", err)
	}
	return u.body.Read(p)
}

// download writes a file piece by piece. The status is sent with the first piece.
type download struct {
	w                 http.ResponseWriter
	control           *http.ResponseController
	contentType, name string
	begun             bool
}

func newDownload(w http.ResponseWriter) *download {
	return &download{w: w, control: http.NewResponseController(w)}
}

func (d *download) begin() {
	if d.begun {
		return
	}
	d.begun = true
	h := d.w.Header()
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	h.Set("X-Accel-Buffering", "no")
	d.w.WriteHeader(http.StatusOK)
}

// Write sends a piece.
func (d *download) Write(p []byte) (int, error) {
	d.begin()
	if err := d.control.SetWriteDeadline(time.Now().Add(fileWait)); err != nil {
		return 0, fmt.Errorf("set the time for writing a file: %w", err)
	}
	return d.w.Write(p)
}

// end sends what is left; a file may be empty. After an error nothing more is sent.
func (d *download) end(err error) error {
	if err != nil {
		return nil
	}
	d.begin()
	return d.control.SetWriteDeadline(time.Now().Add(fileWait))
}
