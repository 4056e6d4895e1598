// Package js runs bots written in JavaScript: one program per pool, on warm QuickJS virtual machines, each run with its
// own api object, event loop, timers and limits. It carries commands from scripts to a host and replies back, as JSON
// text, and knows nothing of what they mean: the dialects do.
package js
