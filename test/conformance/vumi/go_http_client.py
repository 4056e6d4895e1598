"""What the Python client go_http itself shows about a server: every method of its classes, with what they return and
raise (docs/spec/vumi-http.md 12). It runs on Python 2, for which the client was written, and on Python 3, where two parts
of the client cannot work.

Environment: INDABA_URL (up to and without /contacts/), INDABA_TOKEN, and perhaps INDABA_CONVERSATION, INDABA_SECRET and
INDABA_STORE. It prints a line for each check, and ends with 1 when one has failed.
"""
from __future__ import print_function

import logging
import os
import sys
import uuid

import requests
from requests import HTTPError

from go_http.account import AccountApiClient
from go_http.contacts import ContactsApiClient
from go_http.exceptions import JsonRpcException, PagedException, UserOptedOutException
from go_http.metrics import MetricsApiClient
from go_http.optouts import OptOutsApiClient
from go_http.send import HttpApiSender, LoggingSender

CLASSES = (AccountApiClient, ContactsApiClient, HttpApiSender, LoggingSender, MetricsApiClient, OptOutsApiClient)
URL = os.environ["INDABA_URL"]
TOKEN = os.environ["INDABA_TOKEN"]
STORE = os.environ.get("INDABA_STORE", "default")
TEXT = u"Zo\u00eb \u0416\u0443\u043a \u4f60\u597d \U0001f44b \u200f<&>'\"\\\n\u2028"
PYTHON2 = sys.version_info[0] == 2
GROUP_CONTACTS = hasattr(ContactsApiClient, "group_contacts")  # since when there is PagedException, too
MANY = 1100  # contacts, on three pages
failed = 0
called = set()  # Class.method


class Noted(object):
    """A client of go_http that notes which of its methods are called."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        called.add((type(self.client).__name__, name))
        return getattr(self.client, name)


def check(what, ok, got=None):
    global failed
    print("%s %s" % ("ok  " if ok else "FAIL", what) + ("" if ok else ": %r" % (got,)))
    failed += not ok


def skip(why, kind, *methods):
    """Leaves out what this client or this Python cannot do."""
    called.update((kind.__name__, method) for method in methods)
    print("skip %s.%s: %s" % (kind.__name__, ", ".join(methods), why))


def refused(what, status, call, *args, **named):
    """The client raises what requests raises for a status, and nothing of its own."""
    try:
        got = call(*args, **named)
    except HTTPError as error:
        got = error.response.status_code
    check("%s: %s" % (what, status), got == status, got)


def faulted(what, fault, code, call, *args):
    try:
        got = call(*args)
    except JsonRpcException as error:
        got = (error.fault, error.fault_code, error.fault_string)
    check(what, isinstance(got, tuple) and got[:2] == (fault, code) and got[2], got)


def unique():
    return uuid.uuid4().hex


def phone():
    return u"+27%d" % (uuid.uuid4().int % 10 ** 12)


def keys(records):
    return [record["key"] for record in records]


def contact():
    client = Noted(ContactsApiClient(TOKEN, URL))
    number = phone()
    given = {
        u"msisdn": number, u"name": TEXT, u"surname": TEXT, u"email_address": TEXT, u"dob": u"1980-05-06 07:08:09.000010",
        u"extra": {TEXT: TEXT, u"quest": u"Grail"}, u"subscription": {u"fan": TEXT}, u"groups": [TEXT, u"b"],
    }
    for field in ("twitter_handle", "facebook_id", "bbm_pin", "gtalk_id", "mxit_id", "wechat_id"):
        given[field] = field + TEXT + unique()
    made = client.create_contact(given)
    check("create_contact", all(made[field] == given[field] for field in given) and len(made) == 18, made)
    key = made["key"]
    check("get_contact(key)", client.get_contact(key) == made)
    if PYTHON2:
        for field in ("msisdn", "twitter_handle", "facebook_id", "bbm_pin", "gtalk_id", "mxit_id", "wechat_id"):
            got = client.get_contact(**{field: made[field]})
            check("get_contact(%s=)" % field, got == made, got)
        check("get_contact(msisdn=) without the plus", client.get_contact(msisdn=number[1:]) == made)
        refused("get_contact(msisdn=) of nobody", 400, client.get_contact, msisdn=phone())
        refused("get_contact(name=)", 400, client.get_contact, name=TEXT)
    else:
        skip("the client needs Python 2 for get_contact(field=value)", ContactsApiClient, "get_contact")

    want = dict(made, surname=u"\u03a9", extra={u"knight": TEXT}, groups=[TEXT, u"b", u"c"])
    got = client.update_contact(key, {"surname": u"\u03a9", "extra": {"knight": TEXT}, "groups": ["b", "c"]})
    check("update_contact: extra is replaced, groups are added", got == want, got)
    check("update_contact: nothing", client.update_contact(key, {}) == want)
    check("update_contact: None", client.update_contact(key, {"surname": None}) == dict(want, surname=None))
    for what, bad in (
            ("a key", {"key": "foo"}), ("an unknown field", {"shoe_size": "9"}), ("a number", {"name": 5}), ("no msisdn", {"msisdn": None}),
            ("too long", {"name": "x" * 256}), ("a number in extra", {"extra": {"a": 5}}), ("extra no dict", {"extra": TEXT}),
            ("no date", {"dob": "yesterday"}), ("groups no list", {"groups": "b"}), ("a list", ["name"]), ("a text", TEXT)):
        refused("create_contact, " + what, 400, client.create_contact, dict(given, **bad) if isinstance(bad, dict) else bad)
        refused("update_contact, " + what, 400, client.update_contact, key, bad)
    refused("create_contact without a msisdn", 400, client.create_contact, {"name": TEXT})
    check("what was refused changed nothing", client.get_contact(key) == dict(want, surname=None))
    check("delete_contact", client.delete_contact(key) == dict(want, surname=None))
    for call, args in ((client.get_contact, ()), (client.update_contact, ({"name": TEXT},)), (client.delete_contact, ())):
        refused(call.__name__ + " of nobody", 404, call, key, *args)


def members(client, group):
    """The contacts of a group. Older releases of the client have no method for it."""
    if GROUP_CONTACTS:
        return list(client.group_contacts(group))
    records, cursor = [], None
    while True:
        page = client._api_request("GET", "groups/" + group, "contacts" + ("?cursor=" + cursor if cursor else ""))
        records += page["data"]
        cursor = page["cursor"]
        if cursor is None:
            return records


def group():
    client = Noted(ContactsApiClient(TOKEN, URL + "/"))  # of its URL the client cuts slashes off
    made = client.create_group({"name": TEXT})
    check("create_group", made["name"] == TEXT and made["query"] is None and len(made) == 6, made)
    key, word = made["key"], unique()
    check("get_group", client.get_group(key) == made)
    inside = client.create_contact({"msisdn": phone(), "groups": [key]})
    found = client.create_contact({"msisdn": phone(), "name": word, "extra": {"stad": u"\u0416" + word}})
    check("members of a static group", members(client, key) == [inside])
    got = client.update_group(key, {"name": u"\u0416", "query": "name:" + word})
    check("update_group: smart", got == dict(made, name=u"\u0416", query="name:" + word), got)
    got = members(client, key)
    check("members of both kinds", sorted(keys(got)) == sorted(keys([inside, found])), got)
    check("update_group: static", client.update_group(key, {"query": None})["query"] is None)
    check("members of a group that is static again", members(client, key) == [inside])

    smart = client.create_group({"name": "smart", "query": u"extras-stad:\u0416" + word})
    check("create_group: smart", smart["query"] == u"extras-stad:\u0416" + word, smart)
    check("members of a smart group", members(client, smart["key"]) == [found])
    client.update_contact(found["key"], {"extra": {}})
    check("who does not match any more", members(client, smart["key"]) == [])
    wrong = client.create_group({"name": "wrong", "query": "name:("})
    refused("members by a wrong query", 400, members, client, wrong["key"])
    for what, bad in (("a key", {"name": "x", "key": "foo"}), ("no name", {}), ("a number", {"name": 5}), ("a list", ["name"])):
        refused("create_group, " + what, 400, client.create_group, bad)
    refused("update_group, an unknown field", 400, client.update_group, key, {"size": 5})

    check("delete_group", client.delete_group(key) == dict(made, name=u"\u0416"))
    for call, args in ((client.get_group, ()), (client.update_group, ({"name": TEXT},)), (client.delete_group, ())):
        refused(call.__name__ + " of none", 404, call, key, *args)
    check("a group that goes changes no contact", client.get_contact(inside["key"]) == inside)
    for other in (smart, wrong):
        client.delete_group(other["key"])


class Walk(object):
    """A method of the client that gives contacts page by page, and the cursors of the pages that it got."""

    def __init__(self, what, start):
        session = requests.Session()
        session.hooks["response"].append(self.note)
        self.what, self.start, self.cursors = what, start, []
        self.client = Noted(ContactsApiClient(TOKEN, URL, session=session))

    def note(self, answer, **_):
        if answer.ok:
            self.cursors.append(answer.json()["cursor"])

    def all(self, cursor=None):
        return keys(self.start(self.client, cursor))

    def check(self):
        """All of it, the rest from each page, and what is left after a failure. Returns the keys."""
        got = self.all()
        pages = self.cursors[:]
        check(self.what + ": many pages", len(pages) > 2 and pages[-1] is None and None not in pages[:-1], pages)
        check(self.what + ": each once, in order", got == sorted(set(got)))
        for cursor in pages[:-1]:
            rest = self.all(cursor)
            check(self.what + ": the rest from a cursor", 0 < len(rest) < len(got) and got[-len(rest):] == rest, cursor)
        self.check_failure(got)
        try:
            error = self.all(u"no-cursor")
        except Exception as raised:
            error = getattr(raised, "error", raised)
        check(self.what + ": a wrong cursor: 400", isinstance(error, HTTPError) and error.response.status_code == 400, error)
        return got

    def check_failure(self, want):
        """The token is taken away between two pages. Releases of the client without PagedException raise what is in it."""
        del self.cursors[:]
        got, broken = [], None
        try:
            for record in self.start(self.client, None):
                got.append(record["key"])
                self.client.client.auth_token = "wrong"
        except Exception as raised:
            broken = raised
        self.client.client.auth_token = TOKEN
        if GROUP_CONTACTS:
            check(self.what + ": PagedException", isinstance(broken, PagedException), broken)
        error = getattr(broken, "error", broken)
        check(self.what + ": 403 on the way", isinstance(error, HTTPError) and error.response.status_code == 403, broken)
        rest = self.all(getattr(broken, "cursor", self.cursors[-1]))
        check(self.what + ": taken up again", 0 < len(got) < len(want) and got + rest == want, (len(got), len(rest), len(want)))


def pages():
    client = Noted(ContactsApiClient(TOKEN, URL))
    many, empty = client.create_group({"name": "many"})["key"], client.create_group({"name": "empty"})["key"]
    made = sorted(client.create_contact({"msisdn": phone(), "name": TEXT, "groups": [many]})["key"] for _ in range(MANY))
    check("contacts: everybody", set(made) <= set(Walk("contacts", lambda client, cursor: client.contacts(cursor)).check()))
    check("members: everybody", keys(members(client, many)) == made)
    check("members: nobody", members(client, empty) == [])
    if not GROUP_CONTACTS:
        skip("this release of the client has no such method", ContactsApiClient, "group_contacts")
        return
    got = Walk("group_contacts", lambda client, cursor: client.group_contacts(many, cursor)).check()
    check("group_contacts: everybody", got == made)


def metrics():
    client = Noted(MetricsApiClient(TOKEN, URL))
    name = TEXT + unique() + "."
    want = {"avg": 3.5, "sum": 10.5, "max": 6.5, "min": 1.0, "last": 6.5}
    for value in (1, 3, 6.5):
        got = client.fire(dict((name + aggregator, value) for aggregator in want))
        check("fire", got == [{"name": name + a, "value": value, "aggregator": a} for a in sorted(want)], got)
    for aggregator, value in sorted(want.items()):
        # A bucket that is as wide as the time since 1970 has all three.
        got = client.get_metric(name + aggregator, "-1d", "100y", "omit")
        check("get_metric: " + aggregator, got == {name + aggregator: [{"x": 0, "y": value}]}, got)
    name += "sum"
    for nulls, empty in (("zeroize", [0]), ("keep", [None]), ("omit", [])):
        points = client.get_metric(name, "-1h", "10min", nulls)[name]
        values = [point["y"] for point in points]
        check("get_metric: " + nulls, sum(value or 0 for value in values) == 10.5 and set(values) >= set(empty) and
              (nulls != "omit" or all(values)), points)
        if nulls != "omit":
            times = [point["x"] for point in points]
            check("get_metric: intervals, " + nulls, times == list(range(times[0], times[0] + 7 * 600000, 600000)) and
                  times[0] % 600000 == 0, points)
    for end, want in (("now", 10.5), ("-0s", 10.5), ("tomorrow", 10.5), ("-1d", 0)):
        got = client.get_metric(name, "-2d", "1d", "zeroize", end=end)
        check("get_metric: end=" + end, sum(point["y"] for point in got[name]) == want, got)
    check("get_metric: never fired", client.get_metric(unique() + ".sum", "-1d", "1d", "omit") == {})
    for what, bad in (("start", ("x", "1d", "omit")), ("interval", ("-1d", "often", "omit")), ("nulls", ("-1d", "1d", "x")),
                      ("points", ("-1y", "1s", "omit")), ("end", ("-1d", "1d", "omit", "x"))):
        refused("get_metric, " + what, 400, client.get_metric, name, *bad)
    refused("get_metric, aggregator", 400, client.get_metric, name + "x", "-1d", "1d", "omit")
    for what, bad in (("no aggregator", {"foo": 1}), ("a text", {name: 99, "a.sum": "x"}), ("None", {name: 99, "z.sum": None}),
                      ("a list", [[name, 99]]), ("NaN", {name: float("nan")}), ("infinity", {name: float("inf")})):
        refused("fire, " + what, 400, client.fire, bad)
    check("what was refused was not fired", client.get_metric(name, "-1d", "100y", "omit")[name][0]["y"] == 10.5)


def optouts():
    if not PYTHON2:
        skip("the client needs Python 2 for it", OptOutsApiClient, "get_optout", "set_optout", "delete_optout", "count")
        return
    client = Noted(OptOutsApiClient(TOKEN, URL))
    before = client.count()
    # Python 2 quotes bytes, not texts that are no ASCII.
    for kind, address in (("msisdn", str(phone())), ("twitter_handle", "@a~b.c-d_e " + unique()),
                          (u"typ \u00e9".encode("utf-8"), (TEXT + u"100%25 +?#;=&" + unique()).encode("utf-8"))):
        check("get_optout: None", client.get_optout(kind, address) is None)
        check("delete_optout: None", client.delete_optout(kind, address) is None)
        made = client.set_optout(kind, address)
        check("set_optout", sorted(made) == ["created_at", "message", "user_account"] and made["message"] is None, made)
        refused("set_optout twice", 409, client.set_optout, kind, address)
        check("get_optout", client.get_optout(kind, address) == made)
        check("count: one more", client.count() == before + 1)
        check("delete_optout", client.delete_optout(kind, address) == made)
        check("count: as before", client.count() == before)
    check("get_optout: a slash is none of an address", client.get_optout("msisdn", "+27/1") is None)
    refused("set_optout: a slash is none of an address", 404, client.set_optout, "msisdn", "+27/1")


def account():
    client = Noted(AccountApiClient(TOKEN, URL))
    campaigns = client.campaigns()
    key = campaigns[0]["key"]
    check("campaigns", campaigns == [{"key": key, "name": "Your Campaign"}], campaigns)
    table = client.routing_table(key)
    lists = {"channels": client.channels, "conversations": client.conversations, "routers": client.routers,
             "routing_entries": client.routing_entries}
    check("routing_table", sorted(table) == sorted(lists), table)
    for name, call in sorted(lists.items()):
        got = call(key)
        check(name, isinstance(got, list) and by_text(got) == by_text(table[name]), got)
        faulted(name + ": a strange campaign", "GoApiError", 404, call, "somebody else")
        faulted(name + ": a campaign that is no text", "Fault", 8002, call, 5)
    try:
        routing(client, key, table)
    finally:
        check("update_routing_table: what was read", client.update_routing_table(key, table) is None)
        check("update_routing_table: all as before", by_text(client.routing_entries(key)) == by_text(table["routing_entries"]))
    return key


def by_text(records):
    return sorted(records, key=repr)


def routing(client, key, table):
    """Links a channel and a conversation both ways, and nothing else."""
    def update(*entries):
        return client.update_routing_table(key, dict(table, routing_entries=list(entries)))

    check("update_routing_table: no entries", update() is None and client.routing_entries(key) == [])
    if not table["channels"] or not table["conversations"]:
        print("skip update_routing_table with entries: the account has no channel, or no conversation")
        return
    channel, talk = ({"uuid": table[name][0]["endpoints"][0]["uuid"]} for name in ("channels", "conversations"))
    there, back = {"source": channel, "target": talk}, {"source": talk, "target": channel}
    check("update_routing_table", update(there, back) is None)
    got = client.routing_table(key)
    check("update_routing_table: read back", got == dict(table, routing_entries=got["routing_entries"]) and
          by_text(got["routing_entries"]) == by_text([there, back]), got)
    for what, bad in (("a channel to itself", {"source": channel, "target": channel}), ("a conversation to itself", {"source": talk, "target": talk}),
                      ("nobody's endpoint", {"source": {"uuid": u"\u0416::default"}, "target": talk})):
        faulted("update_routing_table: " + what, "InvalidRoutingTable", 400, update, bad)
    faulted("update_routing_table: no table", "Fault", 8002, client.update_routing_table, key, [])
    faulted("update_routing_table: a strange campaign", "GoApiError", 404, client.update_routing_table, "somebody else", table)
    check("update_routing_table: all or nothing", by_text(client.routing_entries(key)) == by_text([there, back]))


def conversation(key):
    name, secret = os.environ.get("INDABA_CONVERSATION"), os.environ.get("INDABA_SECRET")
    if not name:
        skip("no conversation is given", HttpApiSender, "send_text", "send_voice", "fire_metric")
        return
    base, to = URL + "/http_api_nostream", phone()
    client = Noted(HttpApiSender(key, name, secret, base))
    got = client.send_text(to, TEXT)
    check("send_text", (got["to_addr"], got["content"], got["session_event"], got["message_type"]) == (to, TEXT, None, "user_message") and
          got["message_id"], got)
    check("send_text: the conversation", got["helper_metadata"] == {
        "go": {"user_account": key, "conversation_type": "http_api_nostream", "conversation_key": name}}, got)
    for event in ("new", "resume", "close"):
        check("send_text: " + event, client.send_text(to, TEXT, session_event=event)["session_event"] == event)
    check("send_text: no content", client.send_text(to, None)["content"] is None)
    for voice in ({}, {"speech_url": u"http://example.org/\u00e9.ogg"}, {"wait_for": u"#"}, {"speech_url": u"http://a/", "wait_for": u"\u0416"}):
        got = client.send_voice(to, TEXT, session_event="new", **voice)
        check("send_voice: " + ", ".join(sorted(voice)), got["helper_metadata"].get("voice", {}) == voice and got["session_event"] == "new", got)
    check("a slash more", Noted(HttpApiSender(key, name, secret, base + "/")).send_text(to, TEXT)["content"] == TEXT)
    for what, bad in (("no address", (None, TEXT)), ("a number for an address", (5, TEXT)), ("a number for a text", (to, 5)),
                      ("an unknown event", (to, TEXT, "pause"))):
        refused("send_text, " + what, 400, client.send_text, *bad)
    opted_out(client, to)
    conversation_metrics(client)
    for what, bad in (("account", ("nobody", name, secret)), ("conversation", (key, "none", secret)), ("token", (key, name, u"wrong"))):
        stranger = Noted(HttpApiSender(*bad, api_url=base))
        refused("send_text, a wrong " + what, 401, stranger.send_text, to, TEXT)
        refused("fire_metric, a wrong " + what, 401, stranger.fire_metric, "m", 1)


def opted_out(client, to):
    """Without OptOutsApiClient, which needs Python 2."""
    headers = {"Authorization": "Bearer " + TOKEN}
    path = URL + "/optouts/msisdn/" + requests.compat.quote(to)
    requests.put(path, headers=headers).raise_for_status()
    for call in (client.send_text, client.send_voice):
        try:
            got = call(to, TEXT)
        except UserOptedOutException as error:
            got = (error.to_addr, error.message, error.reason)
        check(call.__name__ + ": UserOptedOutException", got == (to, TEXT, "Recipient with msisdn %s has opted out" % to), got)
    requests.delete(path, headers=headers).raise_for_status()
    check("send_text: opted in again", client.send_text(to, TEXT)["to_addr"] == to)


def conversation_metrics(client):
    metrics, name = Noted(MetricsApiClient(TOKEN, URL)), TEXT + unique()
    for aggregator in ("last", "sum", "avg", "max", "min"):
        for value in (2, 1.5):
            got = client.fire_metric(name, value, agg=aggregator)
            check("fire_metric: " + aggregator, got == {"success": True, "reason": "Metrics published"}, got)
        series = u"stores.%s.%s.%s" % (STORE, name, aggregator)
        want = {"last": 1.5, "sum": 3.5, "avg": 1.75, "max": 2, "min": 1.5}[aggregator]
        got = metrics.get_metric(series, "-1d", "100y", "omit")
        check("fire_metric: what is read, " + aggregator, got == {series: [{"x": 0, "y": want}]}, got)
    client.fire_metric(name + "x", 7)
    series = u"stores.%s.%sx.last" % (STORE, name)
    check("fire_metric: last unless said", metrics.get_metric(series, "-1d", "100y", "omit")[series][0]["y"] == 7)
    refused("fire_metric, an aggregator", 400, client.fire_metric, name, 1, "median")
    refused("fire_metric, a text", 400, client.fire_metric, name, "x")


def log():
    """LoggingSender answers like a server, and asks none."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("sender").addHandler(handler)
    client = Noted(LoggingSender("sender", level=logging.ERROR))
    check("LoggingSender.send_text", client.send_text("+27", TEXT, session_event="new")["content"] == TEXT)
    check("LoggingSender.send_voice", client.send_voice("+27", TEXT, wait_for="#")["helper_metadata"] == {"voice": {"wait_for": "#"}})
    check("LoggingSender.fire_metric", client.fire_metric("m", 1)["success"] is True)
    check("LoggingSender: lines", len(lines) == 3 and "new" in lines[0] and "wait_for" in lines[1] and "Metric" in lines[2], lines)


def strangers():
    for token, forbidden in (("wrong", 403), ("", 401)):
        contacts, metrics = Noted(ContactsApiClient(token, URL)), Noted(MetricsApiClient(token, URL))
        refused("a bad token: contacts", forbidden, lambda: list(contacts.contacts()))
        refused("a bad token: create_contact", forbidden, contacts.create_contact, {"msisdn": "+27", "name": "x" * 600000})
        refused("a bad token: get_group", forbidden, contacts.get_group, "x")
        refused("a bad token: fire", forbidden, metrics.fire, {"a.sum": 1})
        refused("a bad token: get_metric", forbidden, metrics.get_metric, "a.sum", "-1d", "1d", "omit")
        refused("a bad token: campaigns", 401, Noted(AccountApiClient(token, URL)).campaigns)
        if PYTHON2:
            refused("a bad token: count", 401, Noted(OptOutsApiClient(token, URL)).count)


def everything():
    """Every public method of every class was called, or left out with a reason."""
    for kind in CLASSES:
        for name in dir(kind):
            if not name.startswith("_"):
                check("%s.%s was called" % (kind.__name__, name), (kind.__name__, name) in called)


contact()
group()
pages()
metrics()
optouts()
conversation(account())
log()
strangers()
everything()
sys.exit(failed > 0)
