package egress

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"indaba/internal/core"
)

// Hosts is a list of hosts: names, addresses and networks.
type Hosts struct {
	names     map[string]bool // in lower case, with ":port" where one was given
	suffixes  []string        // ".example.org" for *.example.org
	networks  []netip.Prefix
	addresses map[netip.AddrPort]bool // addresses with a port
}

// ParseHosts reads a list as [Options] describes it.
func ParseHosts(entries []string) (Hosts, error) {
	h := Hosts{names: map[string]bool{}, addresses: map[netip.AddrPort]bool{}}
	for _, entry := range entries {
		if !h.add(strings.ToLower(strings.TrimSpace(entry))) {
			return Hosts{}, core.Errorf(core.Invalid,
				"%q is no host: give a name, an address, a network such as 10.1.0.0/16, or a name or address with a port", entry)
		}
	}
	return h, nil
}

// Empty reports whether nothing is listed.
func (h Hosts) Empty() bool {
	return len(h.names)+len(h.suffixes)+len(h.networks)+len(h.addresses) == 0
}

func (h *Hosts) add(entry string) bool {
	if prefix, err := netip.ParsePrefix(entry); err == nil {
		h.networks = append(h.networks, prefix.Masked())
		return true
	}
	if ip, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		h.networks = append(h.networks, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
		return true
	}
	if at, err := netip.ParseAddrPort(entry); err == nil {
		h.addresses[netip.AddrPortFrom(at.Addr().Unmap(), at.Port())] = true
		return true
	}
	if suffix, ok := strings.CutPrefix(entry, "*."); ok && plainName(suffix) {
		h.suffixes = append(h.suffixes, "."+suffix)
		return true
	}
	name := entry
	if host, port, err := net.SplitHostPort(entry); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
		name = host
	}
	if !plainName(name) {
		return false
	}
	h.names[entry] = true
	return true
}

// plainName reports whether a text can be the name of a host.
func plainName(name string) bool {
	return name != "" && !strings.ContainsAny(name, " \t/:*?#@[]\\,")
}

// name reports whether a host is listed by its name.
func (h Hosts) name(host, port string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if h.names[host] || h.names[net.JoinHostPort(host, port)] {
		return true
	}
	for _, suffix := range h.suffixes {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// address reports whether an address is listed, alone or in a network.
func (h Hosts) address(at netip.AddrPort) bool {
	ip := at.Addr().Unmap().WithZone("")
	if h.addresses[netip.AddrPortFrom(ip, at.Port())] {
		return true
	}
	for _, network := range h.networks {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// has reports whether the host of a URL is listed, by name or, when it is written as an address, by that.
func (h Hosts) has(host, port string) bool {
	if h.name(host, port) {
		return true
	}
	at, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	return err == nil && h.address(at)
}
