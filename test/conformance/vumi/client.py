"""What only Python can show about a server: that Python's own JSON, percent-encoding and kept-alive connections get along
with it. It does what docs/spec/vumi-http.md 12 says that the client does, with the standard library alone.

Environment: INDABA_URL (up to and without /contacts/), INDABA_TOKEN, and perhaps INDABA_CONVERSATION and INDABA_SECRET.
It prints a line for each check, and ends with 1 when one has failed.
"""
import base64
import http.client
import json
import math
import os
import sys
import urllib.parse

URL = urllib.parse.urlsplit(os.environ["INDABA_URL"])
TOKEN = os.environ["INDABA_TOKEN"]
TEXT = "Zo\u00eb \u0416\u0443\u043a \u4f60\u597d \U0001f44b \u200f<&>'\"\\\n\u2028"
failed = 0
# One connection for everything, errors included, as requests keeps one: http.client does not look at an answer before it
# has sent all of a body, and cannot go on when the server has closed.
connection = http.client.HTTPConnection(URL.netloc, timeout=60)
connection.auto_open = 0
connection.connect()


def quote(text):
    """urllib.quote of Python 2: UTF-8 bytes, a tilde escaped, slashes left alone."""
    return urllib.parse.quote(text.encode("utf-8"), safe="/").replace("~", "%7E")


def call(method, path, data=None, auth=None, names=str):
    body = None if data is None else json.dumps(data)
    headers = {
        names("Content-Type"): "application/json; charset=utf-8",
        names("Authorization"): auth or "Bearer " + TOKEN,
        names("Accept"): "*/*",
        names("Accept-Encoding"): "identity",
    }
    if method == "PUT" and body is None:
        headers["Content-Length"] = "0"
    connection.request(method, URL.path + path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode("utf-8")
    if answer.getheader("Connection", "").lower() == "close":
        raise SystemExit("%s %s: the server ends the connection after %d" % (method, path, answer.status))
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text


def check(what, ok, got=None):
    global failed
    print("%s %s" % ("ok  " if ok else "FAIL", what) + ("" if ok else ": %r" % (got,)))
    failed += not ok


def walk(path):
    records, cursor = [], None
    while True:
        status, page = call("GET", path + ("?cursor=%s" % cursor if cursor else ""))
        records += page["data"]
        cursor = page["cursor"]
        if cursor is None:
            return records
        assert isinstance(cursor, str)


def contacts():
    status, made = call("POST", "/contacts/", {"msisdn": "+27" + TEXT, "name": TEXT, "extra": {TEXT: TEXT}, "groups": [TEXT]})
    check("create_contact", status == 200 and made["name"] == TEXT and made["extra"] == {TEXT: TEXT} and len(made) == 18, made)
    check("types", made["$VERSION"] == 2 and made["dob"] is None and isinstance(made["groups"], list), made)
    key = made["key"]
    check("get_contact", call("GET", "/contacts/" + key) == (200, made))
    query = urllib.parse.urlencode({"query": "msisdn=+27" + TEXT})
    status, page = call("GET", "/contacts/?" + query)
    check("get_contact(msisdn=)", status == 200 and page["data"][0]["key"] == key, page)
    check("group_contacts", [c["key"] for c in walk("/groups/" + quote(TEXT) + "/contacts") if c["key"] == key] == [key])
    status, answer = call("PUT", "/contacts/" + key, {"name": 5})
    check("a wrong type", (status, answer["reason"]) == (400, "Value 5 is not a unicode string."), answer)
    status, answer = call("PUT", "/contacts/" + key, {"name": "x" * 300 + "\u0416"})
    check("too long", answer["reason"] == "Value u'%s\\u0416' too long (maximum length is 255)." % ("x" * 300), answer)
    check("delete_contact", call("DELETE", "/contacts/" + key) == (200, made))
    check("deleted", call("GET", "/contacts/" + key)[0] == 404)
    status, _ = call("POST", "/contacts/", {"msisdn": "\ud83d"})  # json.dumps writes half a pair as it is
    check("half a surrogate pair", status == 200, status)
    keys = [call("POST", "/contacts/", {"msisdn": str(i)})[1]["key"] for i in range(20)]
    got = [c["key"] for c in walk("/contacts/")]
    check("contacts", set(keys) <= set(got) and got == sorted(got) and len(got) == len(set(got)))


def optouts():
    for kind, address in [("msisdn", "+27" + TEXT), ("twitter_handle", "@a~b.c-d_e"), ("typ \u00e9", "100% /".rstrip("/") + "+?#;=&")]:
        path = "/optouts/" + quote(kind) + "/" + quote(address)
        check("get_optout: None", call("GET", path)[0] == 404)
        status, answer = call("PUT", path)
        check("set_optout", status == 200 and sorted(answer["opt_out"]) == ["created_at", "message", "user_account"], answer)
        check("set_optout: 409", call("PUT", path)[0] == 409)
        check("get_optout", call("GET", path)[1] == answer)
        check("delete_optout", call("DELETE", path)[1] == answer)
    status, answer = call("GET", "/optouts/count")
    check("count", isinstance(answer["opt_out_count"], int), answer)


def metrics():
    name = TEXT + ".avg"
    status, answer = call("POST", "/metrics/", {name: 0.1, "one.last": 1})
    check("fire", {m["name"]: m["value"] for m in answer} == {name: 0.1, "one.last": 1.0}, answer)
    query = urllib.parse.urlencode({"m": name, "from": "-1d", "interval": "100y", "nulls": "omit"})
    status, answer = call("GET", "/metrics/?" + query)
    check("get_metric", status == 200 and [p["x"] for p in answer[name]] == [0] and answer[name][0]["y"] > 0, answer)
    for value in (math.nan, math.inf, -math.inf):  # json.dumps writes NaN and Infinity
        check("no number: %s" % value, call("POST", "/metrics/", {name: value})[0] == 400)
    check("a huge number", call("POST", "/metrics/", {name: 10 ** 400})[0] == 400)
    check("too many names", call("POST", "/metrics/", {"%d%s" % (i, name): 1 for i in range(10001)})[0] == 413)
    check("too many names: none is stored", call("GET", "/metrics/?" + urllib.parse.urlencode({"m": "0" + name}))[1] == {})


def account():
    status, answer = call("POST", "/api/", {"jsonrpc": "2.0", "id": 0, "method": "campaigns", "params": []})
    check("campaigns", answer["error"] is None and answer["result"][0]["name"] == "Your Campaign", answer)
    key = answer["result"][0]["key"]
    for method in ("conversations", "channels", "routers", "routing_entries", "routing_table"):
        status, answer = call("POST", "/api/", {"jsonrpc": "2.0", "id": 0, "method": method, "params": [key]})
        check(method, answer["error"] is None and answer["id"] == 0, answer)
    status, answer = call("POST", "/api/", {"jsonrpc": "2.0", "id": 0, "method": "update_routing_table", "params": [key, answer["result"]]})
    check("update_routing_table", answer == {"jsonrpc": "2.0", "id": 0, "result": None, "error": None}, answer)
    status, answer = call("POST", "/api/", {"id": 1, "method": "channels", "params": ["x"]})
    check("a fault", (answer["error"]["fault"], answer["error"]["faultCode"]) == ("GoApiError", 404), answer)
    return key


def refusals():
    long = {"msisdn": "x" * 600000}
    for auth, want in (("Bearer wrong", 403), ("Basic eDp5", 401)):
        check("a refusal before the body is read", call("POST", "/contacts/", long, auth)[0] == want)
    check("an unknown path", call("POST", "/nothing/", long)[0] == 404)
    check("another method", call("PUT", "/contacts/", long)[0] == 405)
    check("too large a contact", call("POST", "/contacts/", long)[0] in (400, 413))
    for names in (str.lower, str.upper, str.title):
        check("header names as %s" % names("they come"), call("GET", "/optouts/count", names=names)[0] == 200)


def conversation(key):
    if "INDABA_CONVERSATION" not in os.environ:
        print("skip the conversation: none is given")
        return
    basic = "Basic " + base64.b64encode((key + ":" + os.environ["INDABA_SECRET"]).encode()).decode()
    path = "/http_api_nostream/" + os.environ["INDABA_CONVERSATION"]
    voice = {"voice": {"speech_url": "http://example.org/\u00e9.ogg", "wait_for": "#"}}
    status, sent = call("PUT", path + "/messages.json", {"to_addr": "+27", "content": TEXT, "session_event": "new", "helper_metadata": voice}, basic)
    check("send_voice", status == 200 and sent["content"] == TEXT and sent["helper_metadata"]["voice"] == voice["voice"], sent)
    status, answer = call("PUT", path + "/metrics.json", [[TEXT, 0.5, "MAX"]], basic)
    check("fire_metric", answer == {"success": True, "reason": "Metrics published"}, answer)
    check("a wrong password", call("PUT", path + "/messages.json", {"to_addr": "x" * 600000}, "Basic eDp5") == (401, "Unauthorized"))
    call("PUT", "/optouts/msisdn/" + quote("+27" + TEXT))
    status, answer = call("PUT", path + "/messages.json", {"to_addr": "+27" + TEXT, "content": "x"}, basic)
    check("opted out", (status, answer["success"]) == (400, False) and "opted out" in answer["reason"], answer)
    call("DELETE", "/optouts/msisdn/" + quote("+27" + TEXT))


contacts()
optouts()
metrics()
refusals()
conversation(account())
sys.exit(failed > 0)
