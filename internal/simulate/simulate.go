// Package simulate plays the people that bots talk with. Test runs conversation scripts against a bot in a folder, in
// process and through the real server: mailbox, turn, outbox and a simulated channel with that channel's limits. Talk
// lets somebody speak to a deployed bot from a terminal. PrintReplay shows what a replayed turn did differently. The
// package holds no rule about bots or messages: what happens is what the server does.
package simulate
