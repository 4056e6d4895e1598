// Package config holds every setting of the server in one struct: its name, default, help and bounds stand at the
// field, and the command line, the environment, the file and the printed form are all read from there. It decides
// where a value comes from and whether it makes sense. It opens nothing but the settings file and the key file.
package config

import (
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Config is every setting. A setting has one name in three spellings: bot_cpu in the file (or cpu inside a bot
// section), INDABA_BOT_CPU in the environment, --bot-cpu as a flag. Flags win over the environment, the environment
// over the file, the file over the defaults. Commands embed Config and pass [Sources.Options] to kong.
//
// The tag secret:"value" hides the whole value in what is printed; secret:"url" hides the password in it, and the whole
// value where it is not plain what the password is.
type Config struct {
	File string `name:"config" placeholder:"FILE" help:"Settings file (YAML). Without it, indaba.yaml in the working directory is read if there is one, unless it is the manifest of a bot."`

	Data      string `name:"data" default:"./data" help:"Directory for everything that must survive a restart. Made if it does not exist."`
	Database  string `name:"database" secret:"url" placeholder:"URL" help:"postgres://USER:PASSWORD@HOST/NAME. Empty: SQLite in the data directory."`
	SecretKey string `name:"secret-key" secret:"value" placeholder:"KEY" help:"32 bytes as hex digits or base64: encrypts provider secrets at rest. Better in the environment than as a flag. Empty: kept in the file secret.key of the data directory."`

	Listen        string        `name:"listen" default:"127.0.0.1:8080" help:"Address and port to serve HTTP on. Port 0 takes a free one."`
	PublicURL     string        `name:"public-url" placeholder:"URL" help:"Address by which providers reach this server, such as https://chat.example.org. Empty: http:// and the listen address."`
	TrustProxy    bool          `name:"trust-proxy" help:"Take callers' addresses from X-Forwarded-For, and from X-Forwarded-Proto whether they came by TLS. Only behind a proxy that sets them: otherwise callers write what they like."`
	MaxBody       Bytes         `name:"max-body" default:"1MiB" help:"Largest request body that is read."`
	SessionLife   time.Duration `name:"session-life" default:"12h" help:"How long a user who has logged in stays so."`
	ShutdownGrace time.Duration `name:"shutdown-grace" default:"20s" help:"Time that requests, turns and sends under way get to finish when the server stops."`

	API       API       `embed:"" prefix:"api-" group:"HTTP APIs"`
	Log       Log       `embed:"" prefix:"log-" group:"Log"`
	Bot       Bot       `embed:"" prefix:"bot-" group:"Bots"`
	KV        KV        `embed:"" prefix:"kv-" group:"Bots"`
	Egress    Egress    `embed:"" prefix:"egress-" group:"Calls from scripts and webhooks to the outside"`
	Delivery  Delivery  `embed:"" prefix:"delivery-" group:"Messages out"`
	Import    Import    `embed:"" prefix:"import-" group:"Imports of contacts"`
	Retention Retention `embed:"" prefix:"retention-" group:"How long records are kept"`
}

// API bounds what clients of the HTTP APIs get at a time (docs/spec/vumi-http.md 2, 6.3 and 9.5).
type API struct {
	PageSize             int `name:"page-size" default:"500" help:"Records in one page of a list, unless the client asks for fewer: 1 to 1000."`
	MaxPoints            int `name:"max-points" default:"10000" help:"Values in one answer of the metrics API."`
	Downloads            int `name:"downloads" default:"16" help:"Lists that one account may be streaming at once."`
	ConversationRequests int `name:"conversation-requests" default:"10" help:"Requests to its HTTP API conversations that one account may have open at once, streams included; more are answered 403. -1: any number."`
	ConversationMessages int `name:"conversation-messages" default:"1" help:"Messages for its HTTP API conversations that are worked on at once for one account; the others wait in the order in which they came. -1: any number, in any order."`
	TokenRate            int `name:"token-rate" default:"10000" help:"Requests per second for one API token."`
	AddressRate          int `name:"address-rate" default:"20000" help:"Requests per second from one address."`
}

// Log says what is logged and how. Logs go to standard error.
type Log struct {
	Level  slog.Level `name:"level" default:"info" help:"Least level that is logged: debug, info, warn or error."`
	Format string     `name:"format" default:"text" help:"text for people or json for machines."`
}

// Bot limits the runs of bots; the limits hold for each turn (docs/spec/vumi-sandbox.md 13).
type Bot struct {
	CPU       time.Duration `name:"cpu" default:"2s" help:"Processor time for JavaScript in one turn."`
	Wall      time.Duration `name:"wall" default:"60s" help:"Time for one turn, waiting included."`
	Memory    Bytes         `name:"memory" default:"64MiB" help:"Memory of one JavaScript machine."`
	Isolation string        `name:"isolation" default:"pooled" help:"pooled: machines are used again; fresh: a new machine for each turn; process: machines in child processes, for code you do not trust."`
	Turns     int           `name:"turns" default:"256" help:"Turns of one account under way at once, waiting ones included."`
	// HelperMetadata is docs/spec/vumi-sandbox.md 9.5, allowed_helper_metadata.
	HelperMetadata []string `name:"helper-metadata" sep:"," placeholder:"KEY" help:"Keys that bots may put into the helper_metadata of what they send, such as voice."`
	LogLines       int      `name:"log-lines" default:"1000" help:"Newest log lines kept for each bot."`
}

// KV limits the key-value store that bots share (docs/spec/vumi-sandbox.md 9.2).
type KV struct {
	Quota int `name:"quota" default:"10000" help:"Keys that one account may hold in the key-value store."`
}

// Egress fences in the HTTP calls that scripts and webhooks make (docs/spec/vumi-sandbox.md 9.4).
type Egress struct {
	AllowHosts []string      `name:"allow-hosts" sep:"," placeholder:"HOST" help:"Hosts, addresses or networks (10.1.0.0/16) that may be called although they are private."`
	MaxBody    Bytes         `name:"max-body" default:"128KiB" help:"Largest response body that is read."`
	Timeout    time.Duration `name:"timeout" default:"30s" help:"Time for one call, redirects included."`
}

// Delivery sets when an outbound message is given up. How often it is tried is a setting of its channel.
type Delivery struct {
	GiveUpAfter time.Duration `name:"give-up-after" default:"24h" help:"Time after which no further attempt is made."`
}

// Import bounds what comes in as files (docs/spec/admin.md 2).
type Import struct {
	MaxFile Bytes         `name:"max-file" default:"1GiB" help:"Largest file of contacts that is taken over HTTP."`
	Keep    time.Duration `name:"keep" default:"30d" help:"How long imports and their reports are kept after their last row."`
}

// Retention bounds the turn log by age and by count; whatever is over either bound is deleted.
type Retention struct {
	Turns       time.Duration `name:"turns" default:"30d" help:"How long recorded turns are kept for replay."`
	TurnsPerBot int           `name:"turns-per-bot" default:"10000" help:"Newest recorded turns kept for each bot."`
}

// Default returns the settings of a server that was told nothing. The environment and the file are not looked at.
func Default() *Config {
	c := &Config{}
	if err := kong.ApplyDefaults(c, durationMapper()); err != nil {
		panic("a default in Config does not fit its field: " + err.Error())
	}
	return c
}

// BaseURL returns the address by which the outside reaches the server, without a slash at its end. Without a
// public_url it is made from addr, the address that the server really listens on.
func (c *Config) BaseURL(addr net.Addr) string {
	if c.PublicURL != "" {
		return strings.TrimRight(c.PublicURL, "/")
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}
